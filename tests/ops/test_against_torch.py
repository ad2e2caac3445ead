"""Every operation against PyTorch, an independent implementation: values, first and second derivatives.

In float64 to 1e-10, over the same cases as the finite differences; then what those cannot see: the
conventions at kinks and ties, and which dtype comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.lanes import examples
from tests.ops.strategies import cases
from tinygrad_nn import Primitive, Tensor, grad, ops

torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
F = torch.nn.functional


def to_torch(x: Any) -> Any:
    """An array or a number as a torch tensor of the same dtype, floating-point arrays as leaves."""
    if not isinstance(x, np.ndarray):
        return torch.tensor(x, dtype=torch.float64)
    return torch.tensor(x.copy(), requires_grad=x.dtype.kind == "f")


def close(ours: Tensor, theirs: Any) -> None:
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours.data, theirs.numpy(force=True), rtol=1e-10, atol=1e-10)


def compare(
    ours: Callable[..., Tensor], theirs: Callable[..., Any], inputs: Sequence[Any], second_order: bool = True
) -> None:
    """Both functions on the same inputs: values, then gradients, then gradients of a weighing of those."""
    rng = np.random.default_rng(0)
    a = [Tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x for x in inputs]
    b = [to_torch(x) for x in inputs]
    y, u = ours(*a), theirs(*b)
    close(y, u)

    a = [x for x in a if isinstance(x, Tensor) and x.requires_grad]
    b = [x for x in b if x.requires_grad]
    v = np.asarray(rng.standard_normal(y.shape))
    w, q = Tensor(v, requires_grad=True), torch.tensor(v, requires_grad=True)
    first = grad(y, a, w, create_graph=True)
    expected = torch.autograd.grad(u, b, q, create_graph=True)
    for g, h in zip(first, expected, strict=True):
        close(g, h)
    if not second_order:
        return

    directions = [np.asarray(rng.standard_normal(x.shape)) for x in a]
    weighed = [(g * d).sum() for g, d in zip(first, directions, strict=True) if g.requires_grad]
    expected_weighed = [
        (h * torch.tensor(d)).sum() for h, d in zip(expected, directions, strict=True) if h.requires_grad
    ]
    second = grad(weighed, [*a, w], allow_unused=True) if weighed else [Tensor(np.zeros(x.shape)) for x in (*a, w)]
    zeros = [torch.zeros_like(x) for x in (*b, q)]
    found = (
        torch.autograd.grad(sum(expected_weighed), [*b, q], allow_unused=True)
        if expected_weighed
        else [None] * len(zeros)
    )
    for g, h, zero in zip(second, found, zeros, strict=True):
        close(g, zero if h is None else h)


# --- the primitives


def axes(x: Any, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(x: Any, axis: Any, keepdims: bool) -> Any:
        over = axes(x, axis)
        return function(x, dim=over, keepdim=keepdims) if over else function(x.unsqueeze(0), dim=0)  # () would be all

    return reduced


def torch_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(torch_index(i) for i in index)
    if isinstance(index, slice):
        assume(index.step is None or index.step > 0)  # PyTorch has no negative steps
    return torch.tensor(index) if isinstance(index, np.ndarray) else index


def torch_windows(x: Any, size: tuple[int, int], stride: tuple[int, int]) -> Any:
    return x.unfold(-2, size[0], stride[0]).unfold(-2, size[1], stride[1])


def added_back(parts: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which `parts` are added at their `places`, numbers of elements."""
    size = int(np.prod(shape))
    return torch.zeros(size, dtype=parts.dtype).index_add(0, places.reshape(-1), parts.reshape(-1)).reshape(shape)


def torch_scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    return added_back(x, torch.tensor(np.arange(np.prod(shape, dtype=int)).reshape(shape)[index].copy()), shape)


def torch_fold(w: Any, size: tuple[int, int], stride: tuple[int, int], shape: tuple[int, int]) -> Any:
    whole = (*w.shape[:-4], *shape)
    return added_back(w, torch_windows(torch.arange(int(np.prod(whole))).reshape(whole), size, stride), whole)


def torch_padded(x: Any, padding: Any, value: float = 0.0) -> Any:
    (top, bottom), (left, right) = padding
    return F.pad(x, (left, right, top, bottom), value=value)


def torch_conv2d(x: Any, weight: Any, bias: Any = None, *, padding: Any, **how: Any) -> Any:
    return F.conv2d(torch_padded(x, padding), weight, bias, **how)


def torch_conv2d_input(g: Any, weight: Any, *, shape: Any, padding: Any, **how: Any) -> Any:
    reached = F.conv_transpose2d(g, weight, **how)
    (top, bottom), (left, right) = padding
    height, width = (n + sum(p) for n, p in zip(shape, padding, strict=True))
    whole = F.pad(reached, (0, width - reached.shape[-1], 0, height - reached.shape[-2]))
    return whole[..., top : height - bottom, left : width - right]


def torch_conv2d_weight(x: Any, g: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    x = torch_padded(x, padding)
    rows = []
    for i, j in np.ndindex(*size):  # the sum of what each element of a filter met, times what came of it
        along = (
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip((i, j), dilation, g.shape[-2:], stride, strict=True)
        )
        met = x[(..., *along)].unflatten(1, (groups, -1))
        rows.append(torch.einsum("ngchw,ngohw->goc", met, g.unflatten(1, (groups, -1))).flatten(0, 1))
    return torch.stack(rows, -1).unflatten(-1, tuple(size))


def torch_max_pool2d(x: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    padded = torch_padded(x.reshape(-1, 1, *x.shape[-2:]), padding, -math.inf)
    y = F.max_pool2d(padded, size, stride, dilation=dilation)
    return y.reshape(*x.shape[:-2], *y.shape[-2:])


def torch_sum_pool2d(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    y = F.avg_pool2d(torch_padded(x.reshape(-1, 1, *x.shape[-2:]), padding), size, stride, divisor_override=1)
    return y.reshape(*x.shape[:-2], *y.shape[-2:])


def torch_pow(a: Any, b: Any) -> Any:
    # At an exponent of 0, PyTorch's gradient for the base is a constant 0, and so its mixed second derivative
    # is 0, where 1 / base is right. Finite differences check that place.
    assume(not b.requires_grad or bool((b != 0).all()))
    return torch.pow(a, b if b.requires_grad else b.item())


PRIMITIVES: dict[str, Callable[..., Any]] = {
    "astype": lambda x, dtype: x.to(getattr(torch, dtype.name)),
    "bce_with_logits": lambda x, t, scale: scale * F.binary_cross_entropy_with_logits(x, t, reduction="sum"),
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "clip": lambda x, low, high: torch.clamp(x, low, high),
    "concatenate": lambda *parts, axis: torch.cat(parts, dim=axis),
    "conv2d": torch_conv2d,
    "conv2d_input": torch_conv2d_input,
    "conv2d_weight": torch_conv2d_weight,
    "cross_entropy": lambda x, target, scale: scale * F.cross_entropy(x, torch.tensor(target), reduction="sum"),
    "einsum": lambda *operands, subscripts: torch.einsum(subscripts, *operands),
    "fold": torch_fold,
    "getitem": lambda x, index: x[torch_index(index)],
    "leaky_relu": lambda x, slope: F.leaky_relu(x, slope),
    "linear": F.linear,
    "log_softmax": lambda x, axis: torch.log_softmax(x, dim=axis),
    "logsumexp": reduction(torch.logsumexp),
    "max": reduction(torch.amax),
    "max_pool2d": torch_max_pool2d,
    "min": reduction(torch.amin),
    "pow": torch_pow,
    "reshape": lambda x, shape: x.reshape(shape),
    "scatter": torch_scatter,
    "select": lambda x, keep: x.masked_fill(~keep, 0),
    "softmax": lambda x, axis: torch.softmax(x, dim=axis),
    "sum": reduction(torch.sum),
    "sum_pool2d": torch_sum_pool2d,
    "transpose": lambda x, axes: x.permute(axes),
    "windows": torch_windows,
}


def counterpart(name: str) -> Callable[..., Any]:
    """PyTorch's function: named above, or called the same there."""
    function = PRIMITIVES.get(name) or getattr(torch, name, None) or getattr(F, name, None)
    if function is None:
        pytest.fail(f"{name} needs its counterpart among PRIMITIVES of {__file__}")
    return function  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", sorted(ops.TABLE))
@examples(20)
@given(data=st.data())
def test_primitives(name: str, data: st.DataObject) -> None:
    case = data.draw(cases(name))
    theirs = counterpart(name)
    compare(case, lambda *inputs: theirs(*inputs, **case.attrs), case.arrays())


# --- what is composed of primitives

Pair = tuple[Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]

COMPOSED: dict[str, Pair] = {
    "binary_cross_entropy_with_logits": (
        lambda x, y: ops.binary_cross_entropy_with_logits(x, y.sigmoid()),
        lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()),
        [(3, 2), (3, 2)],
    ),
    "bounded": (lambda x, y, z: ops.bounded(x, y, z + 1), lambda x, y, z: x.clamp(y, z + 1), [(5, 4), (4,), (5, 1)]),
    "conv2d": (
        lambda x, w, b: ops.conv2d(x, w, b, stride=(2, 1), padding=(1, 0)),
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 0)),
        [(2, 2, 4, 3), (3, 2, 2, 3), (3,)],
    ),
    "cross_entropy": (
        lambda x: ops.cross_entropy(x, [1, 0, 3]),
        lambda x: F.cross_entropy(x, torch.tensor([1, 0, 3])),
        [(3, 4)],
    ),
    "elu": (lambda x: ops.elu(x, 0.7), lambda x: F.elu(x, 0.7), [(4, 3)]),
    "extremes": (lambda x: ops.extremes(x, "min", 1).values, lambda x: x.min(1).values, [(3, 4)]),
    "flatten": (lambda x: ops.flatten(x, 1, 2), lambda x: x.flatten(1, 2), [(2, 3, 2, 2)]),
    "gelu": (ops.gelu, F.gelu, [(4, 3)]),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.1), lambda x: F.leaky_relu(x, 0.1), [(4, 3)]),
    "linear": (ops.linear, F.linear, [(2, 3, 4), (5, 4), (5,)]),
    "matmul": (ops.matmul, torch.matmul, [(2, 1, 3, 4), (5, 4, 2)]),
    "conv2d, all options": (
        lambda x, w, b: ops.conv2d(x, w, b, (2, 1), (3, 1), (1, 2), 2),
        lambda x, w, b: F.conv2d(x, w, b, (2, 1), (3, 1), (1, 2), 2),
        [(2, 4, 5, 6), (6, 2, 2, 3), (6,)],
    ),
    "conv2d, same": (
        lambda x, w: ops.conv2d(x, w, padding="same", dilation=2),
        lambda x, w: F.conv2d(x, w, padding="same", dilation=2),
        [(2, 2, 5, 6), (3, 2, 2, 3)],
    ),
    "conv1d": (
        lambda x, w, b: ops.conv1d(x, w, b, 2, 1, 2, 2),
        lambda x, w, b: F.conv1d(x, w, b, 2, 1, 2, 2),
        [(2, 4, 9), (6, 2, 3), (6,)],
    ),
    "avg_pool2d": (
        lambda x: ops.avg_pool2d(x, (2, 3), (1, 2), (1, 0)),
        lambda x: F.avg_pool2d(x, (2, 3), (1, 2), (1, 0)),
        [(2, 3, 5, 6)],
    ),
    "avg_pool2d, to the end": (
        lambda x: ops.avg_pool2d(x, 3, 2, 1, True, False),
        lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
        [(3, 6, 5)],
    ),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 2, 1), lambda x: F.max_pool2d(x, 2, 1), [(1, 2, 3, 4)]),
    "max_pool2d, all options": (
        lambda x: ops.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2), True),
        lambda x: F.max_pool2d(x, (3, 2), (2, 1), (1, 0), (1, 2), True),
        [(2, 3, 6, 6)],
    ),
    "mean": (lambda x: x.mean((0, 2)), lambda x: x.mean((0, 2)), [(2, 3, 4)]),
    "min": (lambda x: x.min(axis=1, keepdims=True), lambda x: x.amin(1, keepdim=True), [(3, 4)]),
    "minimum": (ops.minimum, torch.minimum, [(3, 4), (4,)]),
    "norm": (lambda x: x.norm(3, 0), lambda x: x.norm(3, 0), [(3, 4)]),
    "pad": (lambda x: ops.pad(x, ((1, 0), (0, 2))), lambda x: F.pad(x, (0, 2, 1, 0)), [(2, 3)]),
    "permute": (lambda x: ops.permute(x, (2, 0, -2)), lambda x: x.permute(2, 0, -2), [(2, 3, 4)]),
    "picked": (
        lambda x: ops.picked(x, np.array([[0, 2], [2, 2]]), 0),
        lambda x: x.gather(0, torch.tensor([[0, 2], [2, 2]])),
        [(3, 4)],
    ),
    "silu": (ops.silu, F.silu, [(4, 3)]),
    "split": (
        lambda x: ops.concatenate(ops.split(x, [1, 3], 1)[::-1], axis=1),
        lambda x: torch.cat(torch.split(x, [1, 3], 1)[::-1], dim=1),
        [(2, 4)],
    ),
    "squeeze": (lambda x: x.squeeze() * x.squeeze(0), lambda x: x.squeeze() * x.squeeze(0), [(1, 3, 1)]),
    "stack": (lambda x, y: ops.stack([x, y, x], 1), lambda x, y: torch.stack([x, y, x], 1), [(2, 3), (2, 3)]),
    "std": (lambda x: x.std(0), lambda x: x.std(0), [(3, 4)]),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1), [(2, 3, 4)]),
    "unsqueeze": (lambda x: x.unsqueeze(-2), lambda x: x.unsqueeze(-2), [(2, 3)]),
    "var": (lambda x: x.var((0, 1), correction=0), lambda x: x.var((0, 1), correction=0), [(3, 2, 4)]),
    # operators, and one function in several ways
    "gelu, tanh": (lambda x: ops.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh"), [(4, 3)]),
    "linear without bias": (ops.linear, F.linear, [(3, 4), (5, 4)]),
    "vector @ vector": (lambda a, b: a @ b, lambda a, b: a @ b, [(3,), (3,)]),
    "vector @ matrices": (lambda a, b: a @ b, lambda a, b: a @ b, [(3,), (2, 3, 4)]),
    "matrices @ vector": (lambda a, b: a @ b, lambda a, b: a @ b, [(2, 4, 3), (3,)]),
    "matrices @ matrix": (lambda a, b: a @ b, lambda a, b: a @ b, [(2, 4, 3), (3, 2)]),
    "T and mT": (lambda x: x.T @ x.mT.T, lambda x: x.T @ x.mT.T, [(2, 3)]),
    "operators": (
        lambda x, y: (2 - x) / (3 + y * y) - abs(-x) ** 1.5 + 2**y - 1 / (x * x + 1),
        lambda x, y: (2 - x) / (3 + y * y) - abs(-x) ** 1.5 + 2**y - 1 / (x * x + 1),
        [(2, 3), (3,)],
    ),
    "einsum over an axis of length 1": (
        lambda a, b: ops.einsum("ij,ij->j", a, b),
        lambda a, b: torch.einsum("ij,ij->j", a, b),
        [(1, 3), (2, 3)],
    ),
    "a diamond": (lambda x: (x * x.exp()).tanh() * x, lambda x: (x * x.exp()).tanh() * x, [(3,)]),
}


def test_everything_composed_is_compared() -> None:
    functions = {name for name in ops.__all__ if callable(getattr(ops, name))}
    primitives = {name for name in functions if isinstance(getattr(ops, name), Primitive)}
    without_gradient = {"EachInput", "ValuesAndIndices", "Primitive", "one_hot"}
    assert functions - primitives - without_gradient <= {*COMPOSED, *ops.TABLE}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed(name: str) -> None:
    ours, theirs, shapes = COMPOSED[name]
    rng = np.random.default_rng(1)
    compare(ours, theirs, [np.asarray(rng.normal(size=shape)) for shape in shapes])


# --- conventions where the derivative does not exist

EDGES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = {
    "relu at 0": (ops.relu, torch.relu, [[-1.0, 0.0, -0.0, 1.0]]),
    "abs at 0": (ops.abs, torch.abs, [[-1.0, 0.0, -0.0, 1.0]]),
    "sign at 0": (ops.sign, torch.sign, [[-1.0, 0.0, -0.0, 1.0]]),
    "clip on its bounds": (lambda x: x.clip(-1, 2), lambda x: x.clamp(-1, 2), [[-1.5, -1.0, 0.0, 2.0, 2.5]]),
    "clip on bounds that are tensors": (
        lambda x, y, z: x.clip(y, z),
        lambda x, y, z: x.clamp(y, z),
        [[-1.0, 2.0, 2.5, 3.0, 0.0], [-1.0, 0.0, 2.5, 4.0, 1.0], [1.0, 2.0, 2.5, 3.0, 1.0]],
    ),
    "equal elements of max with indices": (
        lambda x: x.max(1).values,
        lambda x: x.max(1).values,
        [[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]],
    ),
    "clip on one bound": (lambda x: x.clip(max=2), lambda x: x.clamp(max=2), [[-1.0, 2.0, 2.5]]),
    "equal elements of max": (lambda x: x.max(axis=1), lambda x: x.amax(1), [[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]]),
    "equal elements of min": (lambda x: x.min(axis=0), lambda x: x.amin(0), [[[1.0, 3.0], [1.0, 2.0]]]),
    "equal elements of all": (lambda x: x.max(), lambda x: x.amax(), [[[1.0, 3.0, 3.0], [2.0, 3.0, 2.0]]]),
    "equal arguments of maximum": (ops.maximum, torch.maximum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    "equal arguments of minimum": (ops.minimum, torch.minimum, [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    "equal elements of max_pool2d": (
        lambda x: ops.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2),
        [[[[1.0, 1], [1, 1]]]],
    ),
    "NaN and -infinity in max_pool2d": (
        lambda x: ops.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2),
        [[[[1.0, math.nan, -math.inf, -math.inf], [math.nan, 3.0, -math.inf, -math.inf]]]],
    ),
    "powers of 0": (lambda x: x**2 + x**1 + x**0 + x**3.0, lambda x: x**2 + x**1 + x**0 + x**3.0, [[0.0, -2.0, 2.0]]),
    "norm of 0": (lambda x: x.norm(dim=1), lambda x: x.norm(dim=1), [[[0.0, 0.0], [3.0, 4.0]]]),
    "leaky_relu at 0": (ops.leaky_relu, F.leaky_relu, [[-1.0, 0.0, 1.0]]),
    "elu at 0": (ops.elu, F.elu, [[-1.0, 0.0, 1.0]]),
    "where with a NaN not chosen": (
        lambda x: ops.where(x > 0, x * 2, float("nan")).max(),
        lambda x: torch.where(x > 0, x * 2, float("nan")).max(),
        [[1.0, 2.0]],
    ),
}


WITHOUT_SECOND_ORDER = {"norm of 0", "elu at 0"}  # where only the first derivative has a convention


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    ours, theirs, inputs = EDGES[name]
    compare(ours, theirs, [np.array(values) for values in inputs], name not in WITHOUT_SECOND_ORDER)


def test_0_to_the_power_of_0_and_beyond() -> None:
    """PyTorch's first derivatives where the base is 0; of the second ones there, none is defined."""
    bases, exponents = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.5, 0.0])
    a, b = Tensor(bases, requires_grad=True), Tensor(exponents, requires_grad=True)
    s, t = to_torch(bases), to_torch(exponents)
    y, u = a**b, s**t
    close(y, u)
    for ours, theirs in zip(grad(y.sum(), (a, b)), torch.autograd.grad(u.sum(), (s, t)), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "log_softmax", "logsumexp", "softmax"])
def test_far_out_nothing_overflows(name: str) -> None:
    values = np.array([-1000.0, -50.0, 0.0, 50.0, 1000.0])
    options = {"axis": 0, "keepdims": False} if name == "logsumexp" else {"axis": 0} if "softmax" in name else {}
    theirs = getattr(F if name == "softplus" else torch, name)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        compare(
            lambda x: ops.TABLE[name](x, **options),
            lambda x: theirs(x, **({"dim": 0} if options else {})),
            [values],
        )


# --- dtypes

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, s: x + s,
    "-": lambda x, s: x - s,
    "*": lambda x, s: x * s,
    "/": lambda x, s: x / s,
    "**": lambda x, s: x**s,
    "reflected +": lambda x, s: s + x,
    "reflected -": lambda x, s: s - x,
    "reflected *": lambda x, s: s * x,
    "reflected /": lambda x, s: s / x,
    "reflected **": lambda x, s: s**x,
}


@pytest.mark.parametrize(
    ("operator", "scalar"),
    # PyTorch refuses to subtract booleans.
    [(name, s) for name in BINARY for s in (2, 2.5, True) if not (s is True and name.endswith("-"))],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_python_scalars_and_dtypes(operator: str, scalar: float, dtype: str) -> None:
    x = np.array([1, 2, 3], dtype)
    ours, theirs = BINARY[operator](Tensor(x), scalar), BINARY[operator](torch.tensor(x), scalar)
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("operator", ["+", "*", "/", "**"])
@pytest.mark.parametrize("left", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("right", ["float32", "float64", "int64", "bool"])
def test_tensors_and_dtypes(operator: str, left: str, right: str) -> None:
    a, b = np.array([1, 2, 3], left), np.array([1, 1, 1], right)
    ours = BINARY[operator](Tensor(a), Tensor(b))
    theirs = BINARY[operator](torch.tensor(a), torch.tensor(b))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "tanh", "sigmoid", "sum", "neg", "abs", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_functions_and_dtypes(name: str, dtype: str) -> None:
    x = np.array([1, 2, 3], dtype)
    options = {"axis": None, "keepdims": False} if name == "sum" else {}
    ours, theirs = getattr(ops, name)(Tensor(x), **options), getattr(torch, name)(torch.tensor(x))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-6)
