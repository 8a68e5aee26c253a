"""Ready-made networks. Each factory takes `input_shape` (of one example), `outputs`, and arguments for width, depth and
dropout; some also take the kernel size, the kind of block, the stem, or the categories of a table's text."""

from tasks.architectures.alexnet import alexnet
from tasks.architectures.convnet import convnet
from tasks.architectures.convnet1d import convnet1d
from tasks.architectures.embedding_mlp import embedding_mlp
from tasks.architectures.imagenet_resnet import imagenet_resnet, resnet18, resnet34, resnet50
from tasks.architectures.mlp import mlp
from tasks.architectures.mobilenet_v2 import mobilenet_v2
from tasks.architectures.resnet import resnet, resnet20, resnet32, resnet44, resnet56
from tasks.architectures.transformer import transformer
from tasks.architectures.vgg import vgg

__all__ = [
    "alexnet",
    "convnet",
    "convnet1d",
    "embedding_mlp",
    "imagenet_resnet",
    "mlp",
    "mobilenet_v2",
    "resnet",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "transformer",
    "vgg",
]
