"""Training: training of the baseline, validation, distillation of students, recovery of compressed networks."""
