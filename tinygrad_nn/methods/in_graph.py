"""A tensor in the graph and out of it: its gradient, hooks, its backward pass; its numbers as NumPy's and Python's."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..core import backward
from ..core.node import RETAIN, Array, Handle, Hook, Leaf, Node, Value, wrap
from .described import Described, R


class InGraph(Described[R]):
    """What ties a tensor to the graph, and what leaves it."""

    __slots__ = ()

    @property
    def grad(self) -> R | None:
        """What `backward()` has added up; None before. It can be set to a Tensor of this shape, or to None."""
        g = self._grad
        if isinstance(g, np.ndarray):
            g = self._grad = wrap(g if g.base is None else g.copy(), None)  # a view is lent by an optimiser
        found: Any = g
        return found

    @grad.setter
    def grad(self, value: R | None) -> None:
        if value is not None:
            if not isinstance(value, Value):
                raise TypeError(f"a gradient is a Tensor or None, not {type(value).__name__}")
            if value.shape != self.shape:
                raise ValueError(f"a tensor of shape {self.shape} cannot have a gradient of shape {value.shape}")
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> R:
        """Ask for this tensor's gradient, or stop asking. Only a leaf can stop."""
        this: Any = self
        if isinstance(self.node, Node):
            if not requires_grad:
                raise RuntimeError(
                    f"this tensor was made by {self.node.primitive.name} and passes gradients on: use .detach()"
                )
        elif not requires_grad:
            this.node = None
        elif self.data.dtype.kind != "f":
            raise TypeError(
                f"only floating-point tensors can require gradients, this one is {self.dtype}: use .astype()"
            )
        elif self.node is None:
            this.node = Leaf(this)
        return this

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in `.grad` as well, as it is after all hooks."""
        if isinstance(self.node, Node):
            kept = weakref.ref(self)

            def keep(gradient: Any) -> None:
                tensor = kept()
                if tensor is not None:
                    before = tensor.grad
                    tensor.grad = gradient if before is None else before + gradient

            self.node.hooks = {**(self.node.hooks or {}), RETAIN: keep}

    def register_hook(self, hook: Hook) -> Handle:
        """Call `hook(gradient)` when this tensor's gradient is known; what it returns, if not None, replaces it."""
        if self.node is None:
            raise RuntimeError("a tensor that does not require gradients has none for a hook to see")
        hooks = self.node.hooks = self.node.hooks or {}
        return Handle(hooks, hook)

    def detach(self) -> R:
        """The same data outside the graph."""
        return wrap(self.data, None)

    def tolist(self) -> Any:
        """The elements as Python numbers, in lists nested as the axes are."""
        return self.data.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """The data, shared. A tensor that requires gradients must be detached first, as `force` does."""
        if self.node is not None and not force:
            raise RuntimeError("this tensor requires gradients: use .detach().numpy() for its values")
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array.astype(dtype or array.dtype, copy=bool(copy))

    def backward(
        self,
        gradient: ArrayLike | Value | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Add d(self)/d(leaf) to `.grad` of every leaf; see `core.backward.backward`."""
        this: Any = self
        backward.backward(this, gradient, retain_graph=retain_graph, create_graph=create_graph)
