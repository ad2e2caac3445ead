"""The screens of nn-debug."""
