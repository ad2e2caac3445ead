"""PyTorch's names for products of matrices and vectors, which take the axes that they name and no others."""

from __future__ import annotations

from .. import ops
from ..ops.axes import common_shape
from ..tensors import Tensor
from .pointwise import scaled


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    return _product("mm", input, mat2, 2, 2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices, equally many."""
    if input.ndim == mat2.ndim == 3 and len(input) != len(mat2):
        raise ValueError(f"bmm of {input.shape} and {mat2.shape}: as many matrices in one as in the other")
    return _product("bmm", input, mat2, 3, 3)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    return _product("mv", input, vec, 2, 1)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · mat1 @ mat2."""
    product = _product("addmm", mat1, mat2, 2, 2)
    if common_shape(input.shape, product.shape) != product.shape:
        raise ValueError(f"addmm of {input.shape} with a product of shape {product.shape}, to which it must broadcast")
    return _times(product, alpha) + _times(input, beta)


def _times(x: Tensor, factor: float) -> Tensor:
    """factor · x; times 0, NaN in it does not matter."""
    if factor == 0:
        nothing: Tensor = ops.where(False, x, 0)
        return nothing
    product: Tensor = scaled(x, factor, x)
    return product


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of each element of one vector with each of the other."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer is about two vectors, not {input.shape} and {vec2.shape}")
    return input.unsqueeze(1) * vec2


def _product(name: str, a: Tensor, b: Tensor, first: int, second: int) -> Tensor:
    if (a.ndim, b.ndim) != (first, second):
        raise ValueError(f"{name} takes {first} axes and {second}, not {a.shape} and {b.shape}: use @ for any")
    return a @ b
