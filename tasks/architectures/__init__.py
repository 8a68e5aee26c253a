"""Ready-made networks. Each factory takes `input_shape` (of one example), `outputs`, and arguments for width and depth;
some also take the kernel size, the kind of block, or the categories of a table's text."""

from tasks.architectures.convnet import convnet
from tasks.architectures.embedding_mlp import embedding_mlp
from tasks.architectures.mlp import mlp
from tasks.architectures.resnet import resnet, resnet20, resnet32, resnet44, resnet56

__all__ = ["convnet", "embedding_mlp", "mlp", "resnet", "resnet20", "resnet32", "resnet44", "resnet56"]
