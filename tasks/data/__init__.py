"""Data: readers, splits, targets, preprocessing, augmentation and calibration."""
