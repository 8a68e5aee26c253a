"""Fitted scikit-learn pipelines and boosted trees as ONNX graphs, and the proof that the graphs answer the same."""
