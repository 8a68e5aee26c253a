"""Computations on tensors, arrays and ONNX graphs. Import the modules you need: the package itself imports nothing."""
