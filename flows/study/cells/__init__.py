"""What a study does for the settings of one table: it makes their models, compares their files, times trainings."""
