"""Layers, and modules that put modules together.

Where randomness is needed a layer takes `rng`, a `numpy.random.Generator`. Without one it draws from the default
generator, which `manual_seed` seeds and which in a `Session` is the run's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Self, overload

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..generator import Rng, rng_or_default
from ..tensor import Tensor
from . import init
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
        y: Tensor = ops.reshape(x, shape=(*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))
        return y

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Dropout(Module):
    """In training, set each element to 0 with probability `p` and divide the others by 1 - p.

    `p` is the probability to *drop*; some texts give the probability to keep, `keep = 1 - p`. The
    division ("inverted dropout") keeps the expectation as it is, so that nothing is left to do
    outside training, where the module is the identity (Srivastava et al. 2014). `p`
    may be changed between calls; a value outside [0, 1] is a `ValueError`.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = p
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

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self._p == 0:
            return x
        # float32 whatever x is: one seed draws one mask
        mask = (rng_or_default(self.rng).random(x.shape, np.float32) >= self._p).astype(x.dtype)
        if self._p < 1:
            mask /= 1 - self._p
        return x * mask

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Residual(Module):
    """`y = x + module(x)`, a shortcut past a module that keeps the shape (He et al. 2016, eq. 1)."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x)
        if y.shape != x.shape:
            raise ValueError(f"Residual needs a module that keeps the shape, not one that makes {y.shape} of {x.shape}")
        return x + y


class ModuleList(Module):
    """Modules in a list that `parameters()` and the others find: indexed, sliced, appended to, iterated."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        if not isinstance(module, Module):
            given = f"the class {module.__name__}: write {module.__name__}()" if isinstance(module, type) else module
            raise TypeError(f"{type(self).__name__} takes modules, position {len(self)} is {given}")
        setattr(self, str(len(self)), module)
        return self

    def _modules(self) -> list[Module]:
        return [value for value in self.__dict__.values() if isinstance(value, Module)]

    def __len__(self) -> int:
        return len(self._modules())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: Any) -> Any:
        """The module at `index`; a slice gives a container of the same modules, numbered from 0."""
        if isinstance(index, slice):
            return self._of(self._modules()[index])
        try:
            return self._modules()[index]
        except IndexError:
            raise IndexError(f"no module {index} in a {type(self).__name__} of {len(self)}") from None

    def _of(self, modules: list[Module]) -> ModuleList:
        return ModuleList(modules)


class Sequential(ModuleList):
    """Modules applied one after the other, each to the output of the one before."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self._modules():
            x = module(x)
        return x

    def _of(self, modules: list[Module]) -> Sequential:
        return Sequential(*modules)
