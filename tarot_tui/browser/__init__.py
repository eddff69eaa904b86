"""The wizard in a web browser: on this machine only, behind a link that works once."""
