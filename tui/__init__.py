"""nn-debug: the terminal app, a view of a training session."""

__version__ = "0.1.0"  # also where the library says its own: to import that takes NumPy
