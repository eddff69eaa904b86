"""What may be wrong with the samples of a dataset, and what can be done about it."""
