"""The engine: what an operation leaves behind, and how gradients find their way back. See README.md in this folder."""
