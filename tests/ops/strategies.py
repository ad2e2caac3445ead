"""What every primitive of `ops.TABLE` can be run on: inputs and attributes, drawn by hypothesis.

All values are multiples of 1/16, exact in float32 as in float64. Where a primitive has a kink, its inputs
are drawn at least 1/16 away from it: finite differences mean nothing there. What holds on the kinks by
convention is compared with PyTorch, in `test_against_torch.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_nn import Primitive, Tensor, ops

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Drawn = tuple[tuple[Any, ...], dict[str, Any]]  # inputs and attributes
Values = st.SearchStrategy[float]

LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: np.flip(np.flip(x).copy()),
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


@dataclass(frozen=True)
class Case:
    """A primitive with inputs: float64 arrays (to be differentiated), other arrays, and Python scalars."""

    name: str
    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    layouts: tuple[str, ...]

    def __call__(self, *inputs: Any) -> Any:
        """The primitive on Tensors, or on arrays, in the place of `inputs`."""
        prepared = PREPARE[self.name](*inputs) if self.name in PREPARE else inputs
        return ops.TABLE[self.name](*prepared, **self.attrs)

    def arrays(self, dtype: Any = np.float64) -> list[Any]:
        """The inputs in their memory layouts, floating-point ones in `dtype`."""
        return [_laid_out(x, layout, dtype) for x, layout in zip(self.inputs, self.layouts, strict=True)]

    def tensors(self, dtype: Any = np.float64) -> list[Any]:
        """The same as Tensors, of which those in floating point require gradients."""
        return [
            Tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in self.arrays(dtype)
        ]


def _laid_out(x: Any, layout: str, dtype: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype.kind == "f":
        x = x.astype(dtype)
    return LAYOUTS[layout](x) if x.ndim else x


@st.composite
def cases(draw: st.DrawFn, name: str) -> Case:
    """Cases of a primitive: its own, or for one that has none, those of an elementwise function."""
    inputs, attrs = draw(CASES[name] if name in CASES else elementwise(*[INSIDE] * _arity(ops.TABLE[name])))
    layouts = tuple(draw(st.sampled_from(sorted(LAYOUTS))) for _ in inputs)
    return Case(name, inputs, attrs, layouts)


def _arity(primitive: Primitive) -> int:
    return 2 if isinstance(primitive.vjps, ops.EachInput) else len(primitive.vjps)


# --- values


def sixteenths(low: int, high: int, step: int = 1) -> Values:
    """low/16, (low + step)/16, ... up to high/16; the value nearest to 0 is the simplest."""
    return st.sampled_from(sorted(range(low, high + 1, step), key=abs)).map(lambda k: k / 16)


REAL = sixteenths(-32, 32)
EVEN = sixteenths(-32, 32, step=2)
ODD = sixteenths(-31, 31, step=2)  # neither 0 nor any of EVEN
POSITIVE = sixteenths(4, 48)
NONZERO = POSITIVE | POSITIVE.map(lambda v: -v)
INSIDE = sixteenths(2, 14)  # where nearly every function is smooth


def arrays(shape: Shape | st.SearchStrategy[Shape], values: Values = REAL, unique: bool = False) -> Any:
    return hnp.arrays(np.float64, shape, elements=values, fill=st.nothing(), unique=unique)


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0) -> st.SearchStrategy[Shape]:
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)


# --- inputs and attributes


@st.composite
def elementwise(draw: st.DrawFn, *values: Values) -> Drawn:
    """Arrays of shapes that broadcast, one for each of `values`; of two operands one may be a Python scalar."""
    together = hnp.mutually_broadcastable_shapes(num_shapes=len(values), max_dims=3, min_side=0, max_side=3)
    inputs: list[Any] = [draw(arrays(s, v)) for s, v in zip(draw(together).input_shapes, values, strict=True)]
    if len(values) == 2:
        scalar = draw(st.sampled_from([None, None, 0, 1]))
        if scalar is not None:
            inputs[scalar] = draw(values[scalar])
    return tuple(inputs), {}


@st.composite
def powers(draw: st.DrawFn) -> Drawn:
    """A positive base with any exponent, or any base with a small whole number, as a Python scalar."""
    if draw(st.booleans()):
        return draw(elementwise(POSITIVE, REAL))
    exponent = draw(st.sampled_from([2, 3, 1, 0, -1, 4, 2.0, 3.0, -2.0]))
    return (draw(arrays(shapes(), NONZERO if exponent < 0 else REAL)), exponent), {}


@st.composite
def wheres(draw: st.DrawFn) -> Drawn:
    (a, b), _ = draw(elementwise(REAL, REAL))
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    return (draw(hnp.arrays(np.bool_, shape[draw(st.integers(0, len(shape))) :])), a, b), {}


@st.composite
def selects(draw: st.DrawFn) -> Drawn:
    x = draw(arrays(shapes()))
    return (x, draw(hnp.arrays(np.bool_, x.shape[draw(st.integers(0, x.ndim)) :]))), {}


@st.composite
def clips(draw: st.DrawFn) -> Drawn:
    low, high = sorted([draw(EVEN), draw(EVEN)])
    return (draw(arrays(shapes(), ODD)),), {"low": low, "high": high}


@st.composite
def reductions(draw: st.DrawFn, unique: bool = False, min_side: int = 0) -> Drawn:
    x = draw(arrays(shapes(min_side=min_side), unique=unique))
    axes = [st.none()]
    if x.ndim:
        axes += [st.integers(-x.ndim, x.ndim - 1), hnp.valid_tuple_axes(x.ndim)]
    return (x,), {"axis": draw(st.one_of(axes)), "keepdims": draw(st.booleans())}


@st.composite
def along_axis(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes(min_dims=1))
    return (draw(arrays(shape)),), {"axis": draw(st.integers(-len(shape), len(shape) - 1))}


@st.composite
def reshapes(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    size = int(np.prod(shape))
    new = draw(st.sampled_from([(size,), (-1,), shape[::-1], (1, *shape), (*shape, 1)]))
    return (draw(arrays(shape)),), {"shape": new}


@st.composite
def transposes(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    axes = draw(st.permutations(range(len(shape))))
    signs = draw(st.lists(st.booleans(), min_size=len(axes), max_size=len(axes)))
    return (draw(arrays(shape)),), {"axes": tuple(a - len(axes) * s for a, s in zip(axes, signs, strict=True))}


@st.composite
def broadcasts(draw: st.DrawFn) -> Drawn:
    together = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3))
    return (draw(arrays(together.input_shapes[0])),), {"shape": together.result_shape}


def indices(shape: Shape) -> st.SearchStrategy[Any]:
    """All that NumPy indexes with: whole numbers, slices, `...`, None, masks, and arrays with repeats."""
    kinds = [hnp.basic_indices(shape, allow_newaxis=True, max_dims=4), hnp.arrays(np.bool_, shape)]
    if shape and 0 not in shape:
        rows = hnp.arrays(np.intp, shapes(max_dims=2), elements=st.integers(-shape[0], shape[0] - 1))
        kinds += [rows, hnp.integer_array_indices(shape, result_shape=shapes(max_dims=2), dtype=np.dtype(np.intp))]
        if len(shape) > 1:
            kinds.append(st.tuples(st.just(slice(None)), st.lists(st.integers(0, shape[1] - 1)).map(_whole)))
    return st.one_of(kinds)


def _whole(values: list[int]) -> Array:
    return np.array(values, np.intp)


@st.composite
def getitems(draw: st.DrawFn) -> Drawn:
    x = draw(arrays(shapes()))
    return (x,), {"index": draw(indices(x.shape))}


@st.composite
def scatters(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    index = draw(indices(shape))
    return (draw(arrays(np.empty(shape)[index].shape)),), {"index": index, "shape": shape}


@st.composite
def matrices(draw: st.DrawFn) -> Drawn:
    """Matrices that fit, in batches that broadcast."""
    batches = hnp.mutually_broadcastable_shapes(
        signature=np.matmul.signature.replace("?", ""), max_dims=2, min_side=0, max_side=3
    )
    a, b = draw(batches).input_shapes
    return (draw(arrays(a)), draw(arrays(b))), {}


@st.composite
def linears(draw: st.DrawFn) -> Drawn:
    batch, inputs, outputs = (draw(st.integers(0, 3)) for _ in range(3))
    bias = [draw(arrays((outputs,)))] if draw(st.booleans()) else []
    return (draw(arrays((batch, inputs))), draw(arrays((outputs, inputs))), *bias), {}


@st.composite
def cross_entropies(draw: st.DrawFn) -> Drawn:
    batch, classes = draw(st.integers(0, 3)), draw(st.integers(1, 4))
    target = draw(hnp.arrays(np.intp, batch, elements=st.integers(0, classes - 1)))
    return (draw(arrays((batch, classes))),), {"target": target, "scale": draw(POSITIVE)}


@st.composite
def logits_and_targets(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes())
    return (draw(arrays(shape)), draw(arrays(shape, INSIDE))), {"scale": draw(POSITIVE)}


@st.composite
def concatenations(draw: st.DrawFn) -> Drawn:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = []
    for n in lengths:
        part = list(shape)
        part[axis] = n
        parts.append(draw(arrays(tuple(part))))
    return tuple(parts), {"axis": axis}


@st.composite
def einsums(draw: st.DrawFn) -> Drawn:
    """Up to three operands with any letters, each once in an operand, and any of them in the output.

    Along some of its letters an operand may have length 1, and is then broadcast.
    """
    sides = {c: draw(st.integers(0, 3)) for c in "abcd"}
    letters = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)
    terms = [draw(letters) for _ in range(draw(st.integers(1, 3)))]
    used = sorted(set().union(*terms))
    output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
    ones = draw(st.sets(st.tuples(st.sampled_from(range(len(terms))), st.sampled_from("abcd")), max_size=2))
    operands = tuple(
        draw(arrays(tuple(1 if (i, c) in ones else sides[c] for c in term))) for i, term in enumerate(terms)
    )
    return operands, {"subscripts": ",".join(map("".join, terms)) + "->" + "".join(output)}


@st.composite
def cuts(draw: st.DrawFn, fold: bool = False) -> Drawn:
    """Images with windows that fit, or (`fold`) such windows to be added back."""
    size, stride = (draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) for _ in range(2))
    image = tuple(draw(st.integers(n, n + 2)) for n in size)
    batch = draw(shapes(max_dims=2))
    if not fold:
        return (draw(arrays((*batch, *image))),), {"size": size, "stride": stride}
    many = tuple((n - k) // s + 1 for n, k, s in zip(image, size, stride, strict=True))
    return (draw(arrays((*batch, *many, *size))),), {"size": size, "stride": stride, "shape": image}


PAIR = st.tuples(st.integers(1, 2), st.integers(1, 2))


@st.composite
def convolutions(draw: st.DrawFn, missing: str = "output") -> Drawn:
    """Two of the images, the filters and the output of a convolution, and what else the third is made by."""
    stride, dilation, size = draw(PAIR), draw(PAIR), draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2))
    groups, batch, each, made = (draw(st.integers(low, 2)) for low in (1, 0, 1, 1))
    spans = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    image = tuple(draw(st.integers(0, 2)) + max(n - sum(p), 1) for n, p in zip(spans, padding, strict=True))
    axes = zip(image, padding, spans, stride, strict=True)
    many = tuple((n + sum(p) - span) // step + 1 for n, p, span, step in axes)
    images, weight = arrays((batch, groups * each, *image)), arrays((groups * made, each, *size))
    output = arrays((batch, groups * made, *many))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if missing == "input":
        return (draw(output), draw(weight)), {"shape": image, **how}
    if missing == "weight":
        return (draw(images), draw(output)), {"size": size, **how}
    bias = [draw(arrays((groups * made,)))] if draw(st.booleans()) else []
    return (draw(images), draw(weight), *bias), how


@st.composite
def pools(draw: st.DrawFn, largest: bool = False) -> Drawn:
    """Images with windows that fit, of which every one meets the image; for the largest all elements differ."""
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = tuple((n // 2, draw(st.integers(n // 2, n - 1))) if draw(st.booleans()) else (0, 0) for n in size)
    image = tuple(n + draw(st.integers(0, 1)) for n in size)
    how: dict[str, Any] = {"size": size, "stride": draw(PAIR), "padding": padding}
    if largest:
        how["dilation"] = tuple(draw(st.integers(1, 2)) if p == (0, 0) else 1 for p in padding)
        image = tuple(n + (k - 1) * (d - 1) for n, k, d in zip(image, size, how["dilation"], strict=True))
    lead = draw(st.sampled_from([(), (2,), (0,), (1, 2), (2, 1)]))
    return (draw(arrays((*lead, *image), unique=largest)),), how


# A primitive that takes more than its mathematical inputs: how the rest is made from them.
PREPARE: dict[str, Callable[..., tuple[Any, ...]]] = {
    "cross_entropy": lambda logits: (logits, ops.log_softmax(logits, axis=1)),
}

CASES: dict[str, st.SearchStrategy[Drawn]] = {
    "add": elementwise(REAL, REAL),
    "sub": elementwise(REAL, REAL),
    "mul": elementwise(REAL, REAL),
    "div": elementwise(REAL, NONZERO),
    "neg": elementwise(REAL),
    "pow": powers(),
    "exp": elementwise(REAL),
    "expm1": elementwise(REAL),
    "log": elementwise(POSITIVE),
    "log1p": elementwise(sixteenths(-12, 32)),
    "sqrt": elementwise(POSITIVE),
    "sin": elementwise(REAL),
    "cos": elementwise(REAL),
    "tanh": elementwise(REAL),
    "sigmoid": elementwise(REAL),
    "softplus": elementwise(REAL),
    "logaddexp": elementwise(REAL, REAL),
    "relu": elementwise(ODD),
    "leaky_relu": elementwise(ODD).map(lambda drawn: (drawn[0], {"slope": 0.25})),
    "select": selects(),
    "abs": elementwise(ODD),
    "sign": elementwise(ODD),
    "maximum": elementwise(EVEN, ODD),
    "minimum": elementwise(EVEN, ODD),
    "where": wheres(),
    "clip": clips(),
    "astype": elementwise(REAL).map(lambda drawn: (drawn[0], {"dtype": np.dtype(np.float64)})),
    "sum": reductions(),
    "max": reductions(unique=True, min_side=1),
    "min": reductions(unique=True, min_side=1),
    "softmax": along_axis(),
    "log_softmax": along_axis(),
    "logsumexp": reductions(),
    "erf": elementwise(REAL),
    "concatenate": concatenations(),
    "einsum": einsums(),
    "windows": cuts(),
    "fold": cuts(fold=True),
    "conv2d": convolutions(),
    "conv2d_input": convolutions("input"),
    "conv2d_weight": convolutions("weight"),
    "max_pool2d": pools(largest=True),
    "sum_pool2d": pools(),
    "reshape": reshapes(),
    "transpose": transposes(),
    "broadcast_to": broadcasts(),
    "getitem": getitems(),
    "scatter": scatters(),
    "matmul": matrices(),
    "linear": linears(),
    "cross_entropy": cross_entropies(),
    "bce_with_logits": logits_and_targets(),
}
