"""The tasks of Paredown: data, models, training, compression, conversion, evaluation, search, tracking and report."""
