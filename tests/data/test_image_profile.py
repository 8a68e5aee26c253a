"""Image profile: what was seen of images, as JSON."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image
from support.encoded_images import encoded, two_wide

from tasks.data.images.image_batch import decode_all
from tasks.data.images.image_profile import describe_images


def test_what_was_seen_of_images() -> None:
    images = [
        encoded(two_wide("L", 7, 200)),
        encoded(Image.new("RGBA", (4, 6), (255, 255, 255, 0))),
        b"",
        encoded(two_wide("L", 9, 20)),
    ]
    decoded = decode_all(lambda row: images[row], list("abcd"), size=2)
    labels, parts = np.array(["cat", "dog", "dog", "cat"], dtype=object), np.array(["train", "train", "test", "test"])
    seen = describe_images(decoded, labels, parts, {".txt": 3}, ["One note."])
    assert json.loads(json.dumps(seen)) == {
        "classes": {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1}},
        "sizes": {"different": 2, "most_frequent": [1, 2], "heights": [1, 6], "widths": [2, 4]},
        "becomes": {"height": 2, "width": 2, "channels": 3, "type": "uint8", "resized": 3},
        "modes": {"L": 2, "RGBA": 1},
        "values": [7, 255],
        "flat": 1,
        "transparent": 1,
        "animated": 0,
        "faults": {"empty": 1},
        "passed_over": {".txt": 3},
        "suspicions": [
            "One note.",
            "Passed over: 3 .txt.",
            "1 of 3 images are one value all over (what is transparent is white).",
        ],
    }


def test_targets_that_are_numbers_are_no_classes() -> None:
    decoded = decode_all(lambda row: encoded(two_wide("L", 7, row)), ["a", "b"])
    assert describe_images(decoded, np.array([0.5, 1.5]), np.array(["train", "train"]))["classes"] == {"train": {}}
