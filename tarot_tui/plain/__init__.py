"""The wizard without screens: the same steps, asked line by line. For screen readers, dumb terminals and ``--plain``."""
