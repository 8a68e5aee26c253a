"""Ready-made networks. Each factory takes `input_shape` (of one example), `outputs`, and arguments for width and depth;
some also take the kernel size and the kind of block."""

from tasks.architectures.convnet import convnet
from tasks.architectures.mlp import mlp
from tasks.architectures.resnet import resnet, resnet20, resnet32, resnet44, resnet56

__all__ = ["convnet", "mlp", "resnet", "resnet20", "resnet32", "resnet44", "resnet56"]
