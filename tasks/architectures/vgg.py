"""Plain networks of 3x3 convolutions in the form of VGG (Simonyan and Zisserman 2015), for images of any size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_choice, check_count, check_dropout
from tasks.architectures.building_blocks import GlobalAverage, hidden_layer, initialize_convolutions
from tasks.architectures.image_stems import shorter_side

CONVOLUTIONS_BY_DEPTH = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""The number of convolutions of each stage; three fully connected layers follow."""


class VGG(nn.Module):
    """Convolutions in `features`, their mean over all pixels, and three fully connected layers in `classifier`."""

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features, self.average, self.classifier = features, GlobalAverage(), classifier
        initialize_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        logits: Tensor = self.classifier(self.average(self.features(images)))
        return logits


def vgg(input_shape: Sequence[int], outputs: int, depth: int = 11, width: int = 64, dropout: float = 0.5) -> VGG:
    """Five stages of 3x3 convolutions with batch norm, of w, 2w, 4w, 8w and 8w channels, and three linear layers.

    Pooling halves the image after each stage, as long as it has two pixels a side. The convolutions have the names
    of torchvision's `vgg11_bn` to `vgg19_bn`. The fully connected layers read the mean of each channel and have 8w
    neurons, so that they are a small part of the network; the paper's read every pixel and have 64w.

    Args:
        input_shape: (channels, height, width) of one image.
        outputs: number of outputs for one example.
        depth: number of layers: 11, 13, 16 or 19.
        width: channels of the first stage, at least 1.
        dropout: probability of dropping a neuron of the fully connected layers in training, from 0 to below 1.

    Raises:
        ValueError: an argument is out of its range, or `input_shape` is not an image's.
    """
    check_choice("depth", depth, tuple(CONVOLUTIONS_BY_DEPTH))
    check_count("width", width)
    check_dropout(dropout)
    side, channels = shorter_side(input_shape), input_shape[0]
    layers: list[nn.Module] = []
    for stage, count in enumerate(CONVOLUTIONS_BY_DEPTH[depth]):
        planes = width * min(2**stage, 8)
        for _ in range(count):
            layers += [nn.Conv2d(channels, planes, 3, padding=1), nn.BatchNorm2d(planes), nn.ReLU(inplace=True)]
            channels = planes
        # A layer without effect in place of a pooling that would leave no pixel, so that names do not shift.
        layers.append(nn.MaxPool2d(2) if side > 1 else nn.Identity())
        side //= 2
    hidden = [*hidden_layer(channels, channels, dropout), *hidden_layer(channels, channels, dropout)]
    return VGG(nn.Sequential(*layers), nn.Sequential(*hidden, nn.Linear(channels, outputs)))
