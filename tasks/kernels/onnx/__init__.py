"""ONNX files and ONNX Runtime: read, describe, compose, run and export graphs. One door to both libraries."""
