"""Quantization: number formats, calibration ranges, and fake quantization in torch."""
