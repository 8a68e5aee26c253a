"""Conversion: models in and out of ONNX."""
