"""Passes over ONNX graphs: cleanup, fusion patterns, quantization and float16. Files are passed as bytes."""
