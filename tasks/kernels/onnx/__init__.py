"""ONNX graphs and ONNX Runtime: reading, describing, composing, exporting, timing and running."""
