"""A second engine: the files of a run in it, beside those in ONNX Runtime."""
