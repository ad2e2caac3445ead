"""Layers.

Where randomness is needed a layer takes `rng`, a `numpy.random.Generator`. Without one it draws from the default
generator, which `manual_seed` seeds and which in a `Session` is the run's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import ops
from ..generator import Rng, rng_or_default
from ..tensors import Tensor
from . import functional as F
from . import init
from .functional.activations import given
from .functional.layers import dropout_mask
from .module import Module, Parameter


class Linear(Module):
    """`y = x @ weight.T + bias`.

    x (..., in_features) to y (..., out_features); weight (out_features, in_features), bias
    (out_features,) or None. Both start from U(-1/√in_features, 1/√in_features), as in PyTorch. `initialiser` is for a
    recipe that fills the weight otherwise to note how; `repr` shows it.
    """

    initialiser: str = ""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear needs at least one input and one output, not {in_features} and {out_features}")
        rng = rng_or_default(rng)
        bound = 1 / math.sqrt(in_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.bias = Parameter(np.empty(out_features, dtype)) if bias else None
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        try:
            y: Tensor = ops.linear(x, self.weight, self.bias)
        except (ValueError, IndexError):
            if x.shape[-1:] == (self.in_features,):
                raise
            raise ValueError(f"{self!r} takes inputs of shape (..., {self.in_features}), not {x.shape}") from None
        return y

    def extra_repr(self) -> str:
        bias = self.bias is not None
        start = f", initialiser={self.initialiser}" if self.initialiser else ""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}{start}"


class Identity(Module):
    """`y = x`."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Module):
    """The axes `start_dim` to `end_dim` as one: (batch, height, width) to (batch, height · width)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        start, end = (d + x.ndim if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.ndim:
            raise ValueError(f"{self!r} does not fit an input of shape {x.shape}")
        y: Tensor = ops.flatten(x, start, end)
        return y

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` as several, of the lengths `unflattened_size`: the opposite of `Flatten`; one may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        dim = self.dim + x.ndim if self.dim < 0 else self.dim
        if not 0 <= dim < x.ndim:
            raise ValueError(f"{self!r} does not fit an input of shape {x.shape}")
        sizes = self.unflattened_size
        if math.prod(sizes) != x.shape[dim] and sizes.count(-1) != 1:
            raise ValueError(f"{self!r} cannot make the axis of length {x.shape[dim]} in an input of shape {x.shape}")
        y: Tensor = ops.reshape(x, shape=(*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))
        return y

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class _Dropout(Module):
    """What kinds of dropout share: a probability, and where the numbers come from."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Rng = None) -> None:
        self.p = p
        self.inplace = inplace
        self.rng = None if rng is None else np.random.default_rng(rng)  # None: the default when it is drawn from

    @property
    def p(self) -> float:
        """The probability that an element is dropped."""
        return self._p

    @p.setter
    def p(self, p: float) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is the probability to drop an element, from 0 to 1, not {p}")
        self._p = p

    def extra_repr(self) -> str:
        return f"p={self.p}" + (", inplace=True" if self.inplace else "")


class Dropout(_Dropout):
    """In training, set each element to 0 with probability `p` and divide the others by 1 - p.

    `p` is the probability to *drop*; some texts give the probability to keep, `keep = 1 - p`. The
    division ("inverted dropout") keeps the expectation as it is, so that nothing is left to do
    outside training, where the module is the identity (Srivastava et al. 2014). `p`
    may be changed between calls; a value outside [0, 1] is a `ValueError`.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self._p == 0:
            return x
        mask = dropout_mask(x.shape, self._p, x.dtype, self.rng)
        return given(x, lambda x: x * mask, True) if self.inplace else x * mask


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of images (batch, channels, height, width) (Tompson et al. 2015)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout2d(x, self._p, self.training, self.inplace, rng=self.rng)


class Embedding(Module):
    """Rows of a table that integers number: indices (...) to vectors (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts from N(0, 1), as in PyTorch. The row `padding_idx` starts from 0, and
    gets no gradient from here.

    Raises:
        IndexError: an index that is not from 0 to num_embeddings - 1.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if num_embeddings < 1 or embedding_dim < 1:
            raise ValueError(f"Embedding needs at least one row and one column, not {num_embeddings}, {embedding_dim}")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"padding_idx {padding_idx} is not one of {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, rng=rng)
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """A layer on a table (num_embeddings, embedding_dim), whose memory it shares; frozen, it does not learn."""
        rows, columns = embeddings.shape
        layer = cls(rows, columns, padding_idx, dtype=embeddings.dtype)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Residual(Module):
    """`y = x + module(x)`, a shortcut past a module that keeps the shape (He et al. 2016, eq. 1)."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x)
        if y.shape != x.shape:
            raise ValueError(f"Residual needs a module that keeps the shape, not one that makes {y.shape} of {x.shape}")
        return x + y
