"""Speed: the arithmetic of a training and the sizes of its images."""
