"""Conversion: export of torch models to ONNX files, and import of existing ONNX files."""
