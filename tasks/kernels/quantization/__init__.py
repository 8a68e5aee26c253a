"""Number formats, and quantization that is simulated in torch."""
