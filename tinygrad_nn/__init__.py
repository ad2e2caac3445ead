"""tinygrad_nn: a minimal reverse-mode autograd library on NumPy, with PyTorch's names."""

from . import nn, optim
from .autodiff import enable_grad, grad, is_grad_enabled, no_grad
from .tensor import Tensor, tensor

__version__ = "0.1.0"
__all__ = ["Tensor", "enable_grad", "grad", "is_grad_enabled", "nn", "no_grad", "optim", "tensor"]
