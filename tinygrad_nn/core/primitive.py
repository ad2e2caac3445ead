"""Primitive: an operation with its forward rule and its backward rules.

A backward rule is a vector-Jacobian product for one input, `vjp(g, y, *inputs, **attrs)`: from the
gradient `g` of the output `y` to the gradient of that input. It is written with operators and methods
that arrays and Tensors share. Run on arrays it is the ordinary backward pass; run on Tensors it is
itself recorded, and gradients of gradients follow. No derivative is written twice.

What a rule may rely on, and what it must keep:

- Broadcasting is undone by the walker: the rule of `a + b` is just `g`.
- It returns `g` itself, a view of it, or a new array, and changes nothing in place (but see `Into`).
- It keeps dtypes (constants are Python numbers, or arrays of that dtype); the walker casts what integers promoted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature, signature
from sys import maxsize
from typing import Any, TypeAlias

import numpy as np
from numpy import asarray, ndarray
from numpy.exceptions import AxisError

from .node import DEFAULT_DTYPE, Array, Into, Leaf, Node, Value, clock, new, refuse_tensors_in, wrap
from .observe import mode

Forward: TypeAlias = Callable[..., Any]
Vjp: TypeAlias = Callable[..., Any]

REFUSALS = (AxisError, TypeError, ValueError, IndexError, OverflowError)


class EachInput:
    """The rules of a primitive with any number of inputs: `rule(i, g, y, *inputs, **attrs)` for input i."""

    def __init__(self, rule: Vjp) -> None:
        self.rule = rule

    def __getitem__(self, i: int) -> Vjp:
        return partial(self.rule, i)


class Rules:
    """What every call reads of a primitive; slots make that fast."""

    __slots__ = ("forward", "inputs", "name", "reads_values", "vjps")


class Primitive(Rules):
    """One differentiable operation. Calling it on arrays computes; on Tensors it also records.

    `vjps` has a rule for each input, None where no gradient goes; for any number of inputs,
    `EachInput(rule)`. The parameters of a rule after `g` and `y` are the primitive's own: its inputs, then attributes.
    A caller gives attributes by place or by name, or leaves them out where the rule has a default; `forward` gets them
    by name. `doc` is what `help` shows.
    One's own is made the same way, and `testing.gradcheck` tells whether it is right:

        cube = Primitive("cube", lambda x: x * x * x, lambda g, y, x: g * (3 * x * x), doc="x³")
        y = cube(Tensor([2.0], requires_grad=True))

    `reads_values=False` says that the rules read no values, only shapes and dtypes, and that the result is not a view:
    then inputs and output may be changed in place before the backward pass.
    """

    def __init__(
        self,
        name: str,
        forward: Forward,
        *vjps: Vjp | Into | EachInput | None,
        reads_values: bool = True,
        doc: str = "",
    ) -> None:
        self.name = name
        self.__doc__ = doc
        self.reads_values = reads_values
        self.forward = forward
        self.vjps: Any = vjps[0] if len(vjps) == 1 and isinstance(vjps[0], EachInput) else vjps
        self.inputs = maxsize if isinstance(self.vjps, EachInput) else len(vjps)  # the most there may be
        self.__signature__ = _signature(forward, vjps)
        parameters = list(self.__signature__.parameters.values())
        own = parameters[1 if isinstance(self.vjps, EachInput) else self.inputs :]
        self.attributes = tuple(p.name for p in own)
        self.defaults = {p.name: p.default for p in own if p.default is not p.empty}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def _bound(self, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs alone, and all attributes by name: those given by place, and the defaults."""
        count = min(len(inputs), self.inputs)
        by_place = dict(zip(self.attributes, inputs[count:], strict=False))
        given = {**self.defaults, **by_place, **attrs}
        fits = len(inputs) == count + len(by_place) and by_place.keys().isdisjoint(attrs)
        if not fits or given.keys() != set(self.attributes) or (len(inputs), attrs) == (count, given):
            names = "".join(f", {name}" for name in attrs)
            raise TypeError(f"{self.name}{self.__signature__} was given {len(inputs)} arguments by place{names}")
        return inputs[:count], given

    def __call__(self, *inputs: Any, **attrs: Any) -> Any:
        if len(inputs) > self.inputs:  # attributes by place; a ufunc would take what is too many for `out`
            inputs, attrs = self._bound(inputs, attrs)
        arrays: list[Any] = []
        parents: list[Node | Leaf | None] = []
        tensors = tracked = False
        try:
            for x in inputs:
                if isinstance(x, Value):
                    tensors = True
                    arrays.append(x.data)
                    parents.append(x.node)
                    if x.node is not None:
                        tracked = True
                else:
                    arrays.append(x if x.__class__ in PLAIN else plain(x, inputs))
                    parents.append(None)
            y = self.forward(*arrays, **attrs) if attrs else self.forward(*arrays)
        except REFUSALS as error:
            if len(attrs) != len(self.attributes):
                bound, options = self._bound(inputs, attrs)
                return self(*bound, **options)
            if len(arrays) < len(inputs):
                raise
            raise self.complaint(arrays, attrs, error) from None
        if not tensors:
            return y
        if y.__class__ is not ndarray:
            y = asarray(y)  # NumPy turns 0-d results into scalars
        if y.dtype is not DEFAULT_DTYPE:
            y = self._settled(y, arrays, attrs)
        now = mode.get()
        node = None
        if tracked and now.recording:
            node = new(Node)  # a constructor would be a tenth of an operation's cost
            node.primitive = self
            node.arrays = arrays
            node.parents = parents
            node.attrs = attrs
            node.output = y
            node.order = clock()
            node.hooks = None
        out = wrap(y, node)
        if now.observers:
            for observer in now.observers:
                observer.operation(self, arrays, attrs, out)
        return out

    def _settled(self, y: Array, arrays: Sequence[Any], attrs: dict[str, Any]) -> Array:
        """The result in PyTorch's dtype: the widest floating one of inputs with axes, float32 if all are integers.

        Of integers NumPy makes float64, which is converted, or float16 of small ones, which lacks digits: that is
        computed again from float32.
        """
        if y.dtype.kind != "f" or "dtype" in attrs:
            small = y.dtype == np.uint64 and not any(isinstance(a, ndarray) and a.dtype == np.uint64 for a in arrays)
            return y.astype(np.int64) if small else _beside_single(y, arrays)  # a sum of bytes, say
        floating = [a for a in arrays if isinstance(a, ndarray) and a.dtype.kind == "f"]
        with_axes = [a for a in floating if a.ndim]  # a single number gives way to their dtype
        dtypes = {a.dtype for a in with_axes or floating}
        wanted = np.result_type(*dtypes) if dtypes else DEFAULT_DTYPE
        if y.dtype == wanted:
            return y
        if y.dtype.itemsize < wanted.itemsize:
            converted = (a.astype(wanted) if isinstance(a, ndarray) else a for a in arrays)
            return asarray(self.forward(*converted, **attrs))
        return y.astype(wanted)

    def complaint(self, arrays: Sequence[Any], attrs: dict[str, Any], error: Exception) -> Exception:
        """What NumPy refused, in terms of the operation that the user wrote."""
        kind = next(k for k in REFUSALS if isinstance(error, k))
        shapes = " and ".join(str(a.shape) if isinstance(a, np.ndarray) else repr(a) for a in arrays)
        options = "".join(f", {k}={v!r}" for k, v in attrs.items() if not isinstance(v, np.ndarray))
        return kind(f"{self.name} of {shapes}{options}: {error}")


def _signature(forward: Forward, vjps: Sequence[Vjp | Into | EachInput | None]) -> Signature:
    """What a rule takes behind `g` and `y`; where none names it all, what `forward` takes."""
    for rule in vjps:
        if rule is not None:
            behind, function = (3, rule.rule) if isinstance(rule, EachInput | Into) else (2, rule)
            parameters = list(signature(function).parameters.values())[behind:]
            if all(p.kind is not Parameter.VAR_KEYWORD for p in parameters):
                return Signature([p.replace(annotation=p.empty) for p in parameters])
    return Signature([p.replace(annotation=p.empty) for p in signature(forward).parameters.values()])


def _beside_single(y: Array, arrays: Sequence[Any]) -> Array:
    """An integer result in the dtype of the integer inputs that have axes: a single number does not widen it."""
    whole = [a for a in arrays if isinstance(a, ndarray) and a.dtype.kind in "iu"]
    dtypes = {a.dtype for a in whole if a.ndim}
    if y.dtype.kind not in "iu" or not dtypes or all(a.ndim for a in whole):
        return y
    wanted = np.result_type(*dtypes)
    return y.astype(wanted) if wanted.itemsize < y.itemsize else y


PLAIN = frozenset({np.ndarray, float, int, bool})


def plain(x: Any, beside: Sequence[Any]) -> Array | float | int | bool:
    """An operand that is not a Tensor as an array or a Python number.

    With Tensors, NumPy's scalars become Python's, and lists of floats take the first floating Tensor's dtype. Among
    arrays, in a backward rule, a scalar is what NumPy has made of a 0-d array.
    """
    if isinstance(x, np.generic):
        x = x.item() if any(isinstance(t, Value) for t in beside) else np.asarray(x)
    elif not isinstance(x, float | int | np.ndarray):
        refuse_tensors_in(x)
        x = np.asarray(x)
        if x.dtype == np.float64:
            floating = (t.data.dtype for t in beside if isinstance(t, Value) and t.data.dtype.kind == "f")
            x = x.astype(next(floating, DEFAULT_DTYPE))
    kind = x.dtype.kind if isinstance(x, np.ndarray) else "f"
    if kind not in "fiub" or isinstance(x, complex):
        raise TypeError(f"an operand must hold real numbers, this one is {x!r}")
    return x


def floats(x: Any) -> Array:
    """`x` as a floating-point array: integers and booleans become float32, so that no step wraps or lacks digits."""
    array = asarray(x)
    return array if array.dtype.kind == "f" else array.astype(DEFAULT_DTYPE)
