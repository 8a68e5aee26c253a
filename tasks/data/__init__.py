"""Data: readers, splits, preprocessing, augmentation, calibration."""
