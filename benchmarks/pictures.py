"""Fashion-MNIST as tensors, and the data set that tutorials write: PIL images, each cropped, flipped and normalized on
its own."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from tasks.data.readers.examples import Request
from tasks.data.readers.idx import read_idx

PADDING, MEAN, STD = 4, 0.5, 0.25


class Pictures(Dataset[tuple[Tensor, int]]):
    """The first `length` of the images, over and over where there are fewer.

    Args:
        pixels: uint8 (count, channels, height, width).
        targets: class indices (count,).
    """

    def __init__(self, pixels: np.ndarray, targets: np.ndarray, length: int, padding: int = PADDING) -> None:
        layout = pixels[:, 0] if pixels.shape[1] == 1 else pixels.transpose(0, 2, 3, 1)
        self.pictures, self.targets, self.length = np.ascontiguousarray(layout), targets, length
        self.padding = padding

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        place = index % len(self.pictures)
        picture = Image.fromarray(self.pictures[place])
        width, height = picture.size
        padded = ImageOps.expand(picture, self.padding)
        left, top = random.randint(0, 2 * self.padding), random.randint(0, 2 * self.padding)
        picture = padded.crop((left, top, left + width, top + height))
        if random.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(picture)).view(height, width, -1).permute(2, 0, 1).contiguous()
        return normalize(values), int(self.targets[place])


def normalize(batch: Tensor) -> Tensor:
    """Raw pixels to network inputs."""
    return (batch.float() / 255 - MEAN) / STD


def fashion_images(folder: Path) -> tuple[Tensor, Tensor]:
    """The training images of a folder of IDX files: uint8 (count, 1, 28, 28), and their classes (count,)."""
    rows = read_idx(Request(str(folder))).train
    pixels, classes = np.array(rows.inputs).transpose(0, 3, 1, 2), np.array(rows.targets, dtype=np.int64)
    return torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(classes)
