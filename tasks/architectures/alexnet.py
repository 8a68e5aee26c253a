"""A network in the form of AlexNet (Krizhevsky et al. 2012), in one column, with batch norm, for images of any size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_count, check_dropout
from tasks.architectures.building_blocks import hidden_layer, initialize_convolutions
from tasks.architectures.image_stems import has_large_stem


class AlexNet(nn.Module):
    """Convolutions in `features`, whose last image is flattened, and three fully connected layers in `classifier`."""

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier
        initialize_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, channels, height, width) → (batch, outputs)."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits


def alexnet(
    input_shape: Sequence[int],
    outputs: int,
    width: int = 64,
    depth: int = 5,
    dropout: float = 0.5,
    stem: str = "auto",
) -> AlexNet:
    """A wide first kernel, pooling, a 5x5 kernel, pooling, 3x3 kernels, pooling, and three fully connected layers.

    The convolutions have w, 3w, 6w and then 4w channels, the hidden layers 16w neurons (the paper's have 64w).
    Batch norm stands where the paper has local response normalization.

    Args:
        input_shape: (channels, height, width) of one image; at least 8 pixels a side, with the large stem 32.
        outputs: number of outputs for one example.
        width: channels of the first convolution, at least 1.
        depth: number of convolutions, at least 3; those from the third on are 3x3.
        dropout: probability of dropping a neuron of the fully connected layers in training, from 0 to below 1.
        stem: `large` begins with an 11x11 kernel of stride 4, `small` with a 5x5 one of stride 1; `auto` takes the
            large one from 96 pixels on.

    Raises:
        ValueError: an argument is out of its range, or the image is too small.
    """
    check_count("width", width)
    check_count("depth", depth, least=3)
    check_dropout(dropout)
    is_large = has_large_stem(stem, input_shape, least=(8, 32))
    kernel, stride, padding = (11, 4, 5) if is_large else (5, 1, 2)
    planes = [width, 3 * width, 6 * width, *[4 * width] * (depth - 3)]
    layers = _unit(input_shape[0], planes[0], kernel, stride)
    layers += [nn.MaxPool2d(2), *_unit(planes[0], planes[1], 5), nn.MaxPool2d(2)]
    for place in range(2, depth):
        layers += _unit(planes[place - 1], planes[place], 3)
    sides = [((side + 2 * padding - kernel) // stride + 1) // 2 // 2 // 2 for side in input_shape[1:]]
    features, neurons = planes[-1] * sides[0] * sides[1], 16 * width
    hidden = [*hidden_layer(features, neurons, dropout), *hidden_layer(neurons, neurons, dropout)]
    return AlexNet(nn.Sequential(*layers, nn.MaxPool2d(2)), nn.Sequential(*hidden, nn.Linear(neurons, outputs)))


def _unit(channels: int, planes: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, planes, kernel, stride=stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(planes), nn.ReLU(inplace=True)]
