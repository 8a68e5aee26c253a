"""Passes over ONNX graphs: cleanup, fusion patterns, quantization, float16."""
