"""Synthesis: a language model writes questions and answers from rows; a person can do the same by paste."""
