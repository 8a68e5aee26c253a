"""Networks that others trained, small: their files of weights, and a library that is asked as timm is."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

TIMM = """
from types import SimpleNamespace
import torch
from torch import nn
__version__ = "1.0"
class Net(nn.Module):
    def __init__(self, classes, channels):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, classes)
    def forward(self, batch):
        return self.fc(torch.relu(self.norm(self.stem(batch))).mean((2, 3)))
def create_model(name, pretrained=False, num_classes=1000, in_chans=3):
    network = Net(num_classes, in_chans)
    if pretrained and name == "resnet34":
        raise OSError("the hub cannot be reached\\nas it seems")
    if pretrained:
        with torch.no_grad():
            network.stem.weight.fill_(0.5)
    return network
def list_models():
    return ["resnet18", "resnet34"]
def list_pretrained():
    return ["resnet18.a1_in1k", "resnet18.a2_in1k", "resnet34.a1_in1k"]
def get_pretrained_cfg(name):
    return SimpleNamespace(input_size=(3, 96, 96), mean=(0.4, 0.4, 0.4), std=(0.2, 0.2, 0.2), num_classes=1000)
"""
"""The source of a module that answers as timm does, with one small network under two names."""


class Body(nn.Module):
    """Convolution, batch norm, mean over the picture, and one linear layer."""

    def __init__(self, classes: int, channels: int = 1) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(channels, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)
        self.middle, self.fc = nn.Conv2d(8, 16, 3, padding=1), nn.Linear(64, classes)

    def forward(self, batch: Tensor) -> Tensor:
        """(batch, channels, 8, 8) → (batch, classes)."""
        maps = torch.relu(self.middle(torch.relu(self.norm(self.stem(batch)))))
        logits: Tensor = self.fc(torch.nn.functional.adaptive_avg_pool2d(maps, 2).flatten(1))
        return logits


def body(classes: int = 7) -> Body:
    """A network of other classes than the data's."""
    return Body(classes)


def save_body(file: Path, classes: int = 7) -> Path:
    """Writes weights of `body`."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        torch.save(Body(classes).state_dict(), file)
    return file


def install_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the library of TIMM in the place of timm."""
    module = ModuleType("timm")
    content: dict[str, Any] = module.__dict__
    exec(TIMM, content)
    monkeypatch.setitem(sys.modules, "timm", module)
