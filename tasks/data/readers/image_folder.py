"""Image folders: one sub-folder for each class, or folders for train, validation and test with such sub-folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.core import InputError, SplitName
from tasks.data.images import folder_layout, image_batch, image_files, image_profile
from tasks.data.images.image_faults import faults_text
from tasks.data.readers.examples import Examples, Request, Rows


def read_image_folder(request: Request) -> Rows:
    """The images of a folder, in the order of class and path; classes are named after the sub-folders.

    All parts have one shape and type (see `image_batch.decode_all`).

    Raises:
        InputError: the folders are none that `folder_layout.find_parts` understands; images have values of several
            ranges; or some do not decode, and the request does not say `on_bad: skip` or they are a whole class.
    """
    tree = image_files.scan_files(request.path)
    try:
        layout = folder_layout.find_parts(tree)
        files = [
            (part, folder_layout.class_name(folder), file)
            for part, root in layout.parts.items()
            for folder in root.folders
            for file in folder.images
        ]
        decoded = _decoded([file for _, _, file in files], request)
    except InputError as error:
        raise error if error.path else error.at(path=request.field) from error
    labels = np.array([label for _, label, _ in files], dtype=object)
    part_of = np.array([part for part, _, _ in files])
    kept = ~decoded.bad
    _refuse_lost_classes(labels, part_of, kept, request)

    def part(name: SplitName) -> Examples | None:
        chosen = np.flatnonzero((part_of == name) & kept)
        return Examples(decoded.pixels[chosen], labels[chosen]) if name in layout.parts else None

    train = part("train")
    assert train is not None  # `find_parts` always gives it
    seen = image_profile.describe_images(decoded, labels, part_of, tree.passed_over, layout.notes)
    skipped = tuple(str(files[row][2]) for row in decoded.faults)
    return Rows("images", train, part("validation"), part("test"), skipped, images=seen)


def _decoded(files: list[Path], request: Request) -> image_batch.DecodedImages:
    """The images of all parts. Raises InputError when some do not decode, unless the request says `on_bad: skip`."""
    names = [str(file) for file in files]
    decoded = image_batch.decode_all(
        *(lambda row: files[row].read_bytes(), names, request.size, request.shape, request.progress),
        mixed_size=request.mixed_size,
    )
    if decoded.faults and request.on_bad == "stop":
        text = faults_text({names[row]: why for row, why in decoded.faults.items()}, len(files))
        raise InputError(f"images must decode in {request.source}, but {text} (data.on_bad: skip leaves them out)")
    return decoded


def _refuse_lost_classes(labels: np.ndarray, part_of: np.ndarray, kept: np.ndarray, request: Request) -> None:
    train = part_of == "train"
    lost = sorted(set(labels[train]) - set(labels[train & kept]))
    if lost:
        raise InputError(f"no image of {', '.join(lost)} in {request.source} decodes", path=request.field)
