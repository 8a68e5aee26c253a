"""Latency of ONNX files, networks and single layers, measured side by side."""
