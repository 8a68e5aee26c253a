"""Pure functions on tensors and arrays; import them module by module, so that nothing heavy comes along."""
