"""Stage demo: rendered faces."""
