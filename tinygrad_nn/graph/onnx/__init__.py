"""A model's forward pass as an ONNX file."""

from .export import to_onnx

__all__ = ["to_onnx"]
