"""Image profile: what was seen of decoded images, as JSON and in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tasks.data.images.image_batch import DecodedImages
from tasks.data.images.image_files import endings_text


def describe_images(
    decoded: DecodedImages,
    labels: np.ndarray,
    parts: np.ndarray,
    passed_over: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """What was seen of images, as JSON.

    `classes`: part → class → number of images that decode; empty for numbers to be predicted as such. `sizes`: number
    of different sizes (height, width) in the files, the most frequent, and the least and greatest height and width.
    `becomes`: what all are decoded to, and how many are resized. `modes` and `faults`: Pillow's mode, and why an image
    does not decode → number. `values`: the least and greatest of the pixels. `flat`: number of images that are one
    value all over. `transparent`, `animated`: numbers of images. `passed_over`: ending → number of other files.
    `suspicions`: sentences on what was passed over or could be a mistake.

    Args:
        decoded: the images.
        labels: the class of each, text (count,).
        parts: the part of each, text (count,).
        passed_over: ending → number of the files beside them.
        notes: sentences on the folders in which they lie.
    """
    kept = ~decoded.bad
    headers = [header for header, keep in zip(decoded.headers, kept, strict=True) if keep and header]
    pixels = decoded.pixels
    shape = pixels.shape[1:]
    least, greatest = (each(pixels.reshape(len(pixels), -1), axis=1)[kept] for each in (np.min, np.max))
    seen = {
        "classes": {part: _counted(labels[kept & (parts == part)]) for part in dict.fromkeys(parts.tolist())},
        "sizes": _sizes([header.shape[:2] for header in headers]),
        "becomes": {
            **dict(zip(("height", "width", "channels"), shape, strict=True)),
            "type": str(pixels.dtype),
            "resized": sum(header.shape[:2] != shape[:2] for header in headers),
        },
        "modes": dict(Counter(header.mode for header in headers).most_common()),
        "values": [float(least.min()), float(greatest.max())] if len(least) else [],
        "flat": int((least == greatest).sum()),
        "transparent": sum(header.transparent for header in headers),
        "animated": sum(header.frames > 1 for header in headers),
        "faults": dict(Counter(decoded.faults.values()).most_common()),
        "passed_over": dict(passed_over or {}),
    }
    return {**seen, "suspicions": [*notes, *_remarks(seen)]}


def _remarks(seen: Mapping[str, Any]) -> Iterator[str]:
    if seen["passed_over"]:
        yield f"Passed over: {endings_text(seen['passed_over'])}."
    if seen["flat"]:
        white = " (what is transparent is white)" if seen["transparent"] else ""
        yield f"{seen['flat']:,} of {sum(seen['modes'].values()):,} images are one value all over{white}."
    if seen["animated"]:
        yield f"Of {seen['animated']:,} images with several frames the first is used."


def _counted(labels: np.ndarray) -> dict[str, int]:
    if labels.dtype.kind == "f":
        return {}
    values, counts = np.unique(labels.astype(str), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _sizes(sizes: list[tuple[int, int]]) -> dict[str, Any]:
    if not sizes:
        return {"different": 0}
    heights, widths = zip(*sizes, strict=True)
    counts = Counter(sizes)
    return {
        "different": len(counts),
        "most_frequent": list(counts.most_common(1)[0][0]),
        "heights": [min(heights), max(heights)],
        "widths": [min(widths), max(widths)],
    }
