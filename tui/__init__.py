"""nn-debug: the terminal app, a view of a training session."""
