"""Images: the files of a folder, their decoding to pixels, and what is said of them. Readers and products share it."""
