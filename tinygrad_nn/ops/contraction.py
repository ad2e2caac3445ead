"""Einstein summation: one primitive whose gradient is another einsum with the letters exchanged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.node import Array
from ..core.primitive import EachInput, Primitive
from .shape import getitem, transpose

__all__ = [
    "einsum",
]

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


# --- two operands as one product of matrices, or of a batch of them, which NumPy leaves to BLAS


class Operand(NamedTuple):
    """How operand `number` becomes matrices: the axes summed beforehand, the order of the others, the shape then."""

    number: int
    summed: tuple[int, ...]
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    turned: bool  # rows and columns are exchanged at last

    def matrices(self, x: Array) -> Array:
        if self.summed:
            x = np.add.reduce(x, self.summed)
        x = x.transpose(self.axes).reshape(self.shape)
        rows, columns = x.strides[-2:]
        if not (columns == x.itemsize <= rows // x.shape[-1] or rows == x.itemsize <= columns // x.shape[-2]):
            x = np.ascontiguousarray(x)  # else the product would be NumPy's own, not BLAS's
        return x.mT if self.turned else x


class Product(NamedTuple):
    """The left and the right matrices of a product, and how what is made becomes the output."""

    left: Operand
    right: Operand
    matrices: tuple[int, ...]  # the shape of the product
    shape: tuple[int, ...]  # and with an axis for each letter
    axes: tuple[int, ...] | None  # the order in which the output has them

    def __call__(self, operands: Sequence[Array], dtype: np.dtype[Any]) -> Array:
        y = np.empty(self.shape, dtype)
        a, b = (side.matrices(operands[side.number]) for side in (self.left, self.right))
        with np.errstate(invalid="ignore", over="ignore"):  # BLAS fills up with zeros, and warns of 0 * inf there
            np.matmul(a, b, out=y.reshape(self.matrices))
        return y if self.axes is None else y.transpose(self.axes)


@lru_cache(maxsize=512)
def _product(subscripts: str, *shapes: tuple[int, ...]) -> Product | None:
    """The product that an einsum of two operands is. None where it is not one, is empty, or NumPy refuses it."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    size: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(set(term)) < len(term) or len(term) != len(shape):
            return None
        for c, n in zip(term, shape, strict=True):
            if size.get(c, 1) == 1:
                size[c] = n
            elif n not in (1, size[c]):
                return None
    if len(set(output)) < len(output) or not set(output) <= set(size) or 0 in size.values():
        return None
    # An operand does not have a letter along which it is broadcast.
    has = [{c for c, n in zip(t, s, strict=True) if n == size[c]} for t, s in zip(terms, shapes, strict=True)]
    both = has[0] & has[1]
    batch = [c for c in output if c in both]
    larger = terms[math.prod(shapes[0]) < math.prod(shapes[1])]
    shared = [c for c in larger if c in both and c not in output]
    own = [[c for c in output if c in letters - both] for letters in has]
    used = {*output, *shared}
    summed = [
        tuple(i for i, c in enumerate(t) if c not in letters & used) for t, letters in zip(terms, has, strict=True)
    ]
    if not (shared or any(shape[i] > 1 for shape, axes in zip(shapes, summed, strict=True) for i in axes)):
        return None  # nothing is added up: no product of matrices
    if batch and not own[0] and not own[1]:
        return None  # products of vectors, in which einsum itself is quick

    def operand(number: int, *groups: list[str]) -> Operand:
        kept = [c for i, c in enumerate(terms[number]) if i not in summed[number]]
        turned = bool(kept) and kept[-1] in groups[0]  # what is last in memory stays there
        rows, columns = groups[::-1] if turned else groups
        axes = tuple(kept.index(c) for c in (*batch, *rows, *columns))
        return Operand(number, summed[number], axes, merged(rows, columns), turned)

    def merged(*groups: list[str]) -> tuple[int, ...]:
        return (*(size[c] for c in batch), *(math.prod(size[c] for c in group) for group in groups))

    left, right = (1, 0) if output and output[-1] in own[0] else (0, 1)  # the output's last letter is last in memory
    made = [*batch, *own[left], *own[right]]
    return Product(
        operand(left, own[left], shared),
        operand(right, shared, own[right]),
        merged(own[left], own[right]),
        tuple(size[c] for c in made),
        tuple(made.index(c) for c in output) if made != list(output) else None,
    )


def _einsum(*operands: Array, subscripts: str) -> Any:
    if len(operands) == 2:
        dtype = np.result_type(*operands)
        product = _product(subscripts, *(x.shape for x in operands)) if dtype.kind == "f" else None
        if product is not None and dtype.itemsize == 2:  # BLAS has no halves
            return product([x.astype(np.float32) for x in operands], np.dtype(np.float32)).astype(dtype)
        if product is not None:
            return product(operands, dtype)
    return np.einsum(subscripts, *operands, optimize=len(operands) > 2)


# --- the primitive


def _vjp(i: int, g: Any, y: Any, *operands: Any, subscripts: str) -> Any:
    """Of operand i: the gradient takes the output's place in the sum, and i's own letters are the result."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    others = [(t, x) for j, (t, x) in enumerate(zip(terms, operands, strict=True)) if j != i]
    shapes = [(output, g.shape), *((t, x.shape) for t, x in others)]
    known = {c: n for term, shape in shapes for c, n in zip(term, shape, strict=True) if n != 1}
    # Along a letter that only this operand has (or has longer than 1) the gradient is the same all the way.
    lost = [(c, n) for c, n in zip(terms[i], operands[i].shape, strict=True) if c not in known]
    ones = [np.ones(n, operands[i].dtype) for _, n in lost]
    rest = [*(t for t, _ in others), *(c for c, _ in lost)]
    return primitive(g, *(x for _, x in others), *ones, subscripts=",".join([output, *rest]) + "->" + terms[i])


primitive: Primitive = Primitive(
    "einsum", _einsum, EachInput(_vjp), doc="A sum of products whose subscripts are written out in full: `einsum`."
)


def einsum(subscripts: str, *operands: Any) -> Any:
    """The sum of products that `subscripts` describes (`np.einsum`), such as `"bij,bjk->bik"`.

    With `...` for any further axes and with the output left out, as in NumPy; a letter twice in one operand is its
    diagonal.

    Raises:
        ValueError: subscripts that do not fit the operands.
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum {subscripts!r} is about {len(terms)} operands, there are {len(operands)}")
    free = [c for c in LETTERS if c not in inputs]
    extra = [x.ndim - len(t.replace("...", "")) if "..." in t else 0 for t, x in zip(terms, operands, strict=True)]
    dots = "".join(free[: max(extra, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, extra, strict=True)]
    if not arrow:
        letters = "".join(terms)
        output = dots + "".join(sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1))
    output = output.replace("...", dots)
    plain = [_diagonal(t, x) for t, x in zip(terms, operands, strict=True)]
    return primitive(*(x for _, x in plain), subscripts=",".join(t for t, _ in plain) + "->" + output)


def _diagonal(term: str, x: Any) -> tuple[str, Any]:
    """An operand without repeated letters: the diagonal along each, and its letters then."""
    for c in sorted(set(term)):
        along = [i for i, letter in enumerate(term) if letter == c]
        if len(along) > 1 and len(term) == x.ndim:
            lengths = {x.shape[i] for i in along}
            if len(lengths) > 1:
                raise ValueError(
                    f"einsum takes the diagonal {term!r} of shape {x.shape}: the axes {c!r} differ in length"
                )
            rest = [i for i in range(x.ndim) if i not in along]
            x = getitem(transpose(x, axes=(*along, *rest)), index=(np.arange(lengths.pop()),) * len(along))
            term = c + "".join(term[i] for i in rest)
    return term, x
