"""Pixel folding: pixels are read as they are."""

from __future__ import annotations

from support import onnx_graphs, product_files

from tasks.kernels.onnx_passes import int8_variants, pixel_folding

IMAGES = product_files.images(64)


def test_folded_pixels_are_exact_where_nothing_is_padded() -> None:
    before = onnx_graphs.padded_file(pads=0)
    folded = pixel_folding.fold_pixels(onnx_graphs.ready(before))
    assert folded is not None
    after, ranges = folded
    assert onnx_graphs.error(before, after, IMAGES) < 1e-5
    assert onnx_graphs.kinds(after)[:3] == ["DequantizeLinear", "Transpose", "Conv"]
    assert set(ranges) == {"pixels", "planes"}
    assert {high - low for low, high in ranges.values()} == {255.0}


def test_folded_pixels_differ_a_little_at_a_padded_border() -> None:
    before = onnx_graphs.padded_file()
    folded = pixel_folding.fold_pixels(onnx_graphs.ready(before))
    assert folded is not None
    assert 0 < onnx_graphs.error(before, folded[0], IMAGES) < 0.1


def test_other_beginnings_are_left_alone() -> None:
    assert pixel_folding.fold_pixels(onnx_graphs.ready(product_files.table_file())) is None
    assert pixel_folding.fold_pixels(onnx_graphs.ready(product_files.image_file())) is None
    assert int8_variants.source(product_files.table_file(), pixels=True) is None
