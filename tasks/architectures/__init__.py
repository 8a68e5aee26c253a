"""Networks out of the box. Each takes `input_shape` (one example) and `outputs`, and knobs for width and
depth, where it suits also for the size of the kernels and the kind of block."""

from tasks.architectures.convnet import convnet
from tasks.architectures.mlp import mlp
from tasks.architectures.resnet import resnet, resnet20, resnet32, resnet44, resnet56

__all__ = ["convnet", "mlp", "resnet", "resnet20", "resnet32", "resnet44", "resnet56"]
