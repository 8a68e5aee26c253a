"""The networks out of the box at the smallest widths: `network(seed) -> (module, inputs)`, as in `networks`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from support.networks import Network, ready
from tasks import architectures

IMAGE, SERIES = (3, 8, 8), (16, 3)
ARCHITECTURES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "convnet": ("convnet", IMAGE, {"width": 16}),
    "convnet, residual": ("convnet", IMAGE, {"width": 16, "block": "residual"}),
    "convnet, separable": ("convnet", IMAGE, {"width": 16, "block": "separable"}),
    "resnet": ("resnet", IMAGE, {"depth": 14, "width": 16}),
    "imagenet_resnet, basic": ("imagenet_resnet", IMAGE, {"depth": 18, "width": 8}),
    "imagenet_resnet, bottleneck": ("imagenet_resnet", IMAGE, {"depth": 26, "width": 8}),
    "vgg": ("vgg", IMAGE, {"width": 8}),
    "alexnet": ("alexnet", IMAGE, {"width": 8}),
    "mobilenet_v2": ("mobilenet_v2", IMAGE, {"width": 0.25, "depth": 0.5, "last": 64}),
    "mlp": ("mlp", (12,), {"width": 32, "dropout": 0.2}),
    "mlp, residual": ("mlp", (12,), {"width": 32, "depth": 3, "block": "residual"}),
    "embedding_mlp": ("embedding_mlp", (12,), {"width": 32, "categories": [(3, 4), (11, 9)]}),
    "convnet1d": ("convnet1d", SERIES, {"width": 16, "depth": 2}),
    "transformer, sequence": ("transformer", SERIES, {"width": 16, "depth": 2}),
    "transformer, image": ("transformer", IMAGE, {"width": 16, "depth": 2, "patch": 4}),
}
"""By the name in the documentation's table: the factory, the shape of an example, and arguments."""


def build(name: str, seed: int = 0) -> tuple[nn.Module, Tensor]:
    """The network of this name with weights of this seed, and four examples."""
    factory, shape, arguments = ARCHITECTURES[name]
    make: Callable[..., nn.Module] = getattr(architectures, factory)
    return ready(partial(make, input_shape=list(shape), outputs=5, **arguments), (4, *shape), seed)


NETWORKS: dict[str, Network] = {name: partial(build, name) for name in ARCHITECTURES}
