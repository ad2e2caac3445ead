"""Lines with functions of `nn.functional` whose arguments must fit together, and with `nn.init` and `nn.utils`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.drawn_programs.running import Line
from tests.drawn_programs.values import FLOATS, Draw, dtype_of

Drawn = Line | None
Drawing = Callable[[Draw], Drawn]


def line(d: Draw, name: str, *arguments: str, writes: bool = False) -> Line:
    target = d.variable()
    given = ", ".join(a for a in arguments if a)
    return Line(f"{target} = F.{name}({given})", name=name, targets=(target,), writes=writes)


def maybe(d: Draw, text: Callable[[], str], chance: float = 0.4) -> str:
    """An option that is given or left out."""
    return text() if d.chance(chance) else ""


def reduction(d: Draw, *more: str) -> str:
    return maybe(d, lambda: f"reduction={d.one('mean', 'sum', 'none', *more)!r}", 0.7)


def images(d: Draw, dtype: str = "", channels: int | None = None) -> tuple[str, str]:
    """A batch of small images, or a single one, and the dtype."""
    dtype = dtype or d.one(*FLOATS)
    shape = [d.between(1, 2), channels or d.between(1, 3), d.between(2, 4), d.between(2, 4)]
    return d.tensor(shape if d.chance(0.85) else shape[1:], (dtype,), fresh=0.7), dtype


def pair(d: Draw, low: int, high: int) -> str:
    return str(d.between(low, high)) if d.chance(0.6) else f"({d.between(low, high)}, {d.between(low, high)})"


# --- losses


def one_to_one(d: Draw, name: str, option: str = "") -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    target = d.tensor(d.data(x).shape, (dtype_of(d.data(x)),))
    if d.chance(0.03):
        target = d.tensor()
    return line(
        d, name, x, target, reduction(d), maybe(d, lambda: f"{option}={d.one(1.0, 0.5, 2.5)}") if option else ""
    )


def shares(d: Draw, shape: Any, dtype: str) -> str:
    """Numbers in [0, 1]."""
    if d.chance(0.2):
        return d.new(shape, dtype, False, 0, 0 if d.chance(0.5) else 1)
    return d.new(shape, dtype, d.chance(0.5), 0.0, 1.0)


def divergence(d: Draw) -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    theirs = d.data(x)
    return line(
        d,
        "kl_div",
        x,
        shares(d, theirs.shape, dtype_of(theirs)),
        f"reduction={d.one('mean', 'sum', 'none', 'batchmean')!r}",
        maybe(d, lambda: "log_target=True"),
    )


def binary(d: Draw, name: str) -> Drawn:
    dtype, shape = d.one(*FLOATS), d.shape()
    logits = name.endswith("logits")
    x = d.tensor(shape, (dtype,)) if logits else d.new(shape, dtype, True, 0.0, 1.0)
    weight = maybe(d, lambda: f"weight={d.new(d.one(shape, shape[-1:]), dtype, False, 0.0, 2.0)}", 0.3)
    positive = maybe(d, lambda: f"pos_weight={d.new(shape[-1:], dtype, False, 0.0, 3.0)}", 0.3) if logits else ""
    return line(d, name, x, shares(d, shape, dtype), weight, positive, reduction(d))


def classes(d: Draw, name: str) -> Drawn:
    dtype, n = d.one(*FLOATS), d.between(1, 4)
    batch, behind = [d.between(1, 3)], [d.between(1, 2)] if d.chance(0.2) else []
    if d.chance(0.12):
        batch = []
    x = d.tensor([*batch, n, *behind], (dtype,), fresh=0.7)
    if name == "cross_entropy" and d.chance(0.2):
        target = shares(d, [*batch, n, *behind], dtype)
    else:
        target = d.new([*batch, *behind], "int64", False, 0, n - 1)
    weight = maybe(d, lambda: f"weight={d.new([n], dtype, False, 0.0, 2.0)}")
    ignored = maybe(d, lambda: f"ignore_index={d.between(0, n - 1)}", 0.3)
    smooth = maybe(d, lambda: f"label_smoothing={d.one(0.1, 0.5, 1.0)}", 0.3) if name == "cross_entropy" else ""
    return line(d, name, x, target, weight, ignored, smooth, reduction(d))


# --- layers


def linear(d: Draw) -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    theirs = d.data(x)
    if not theirs.ndim:
        return None
    n, dtype = d.between(1, 3), dtype_of(theirs)
    bias = maybe(d, lambda: d.tensor([n], (dtype,)), 0.6)
    return line(d, "linear", x, d.tensor([n, theirs.shape[-1]], (dtype,)), bias)


def convolution(d: Draw) -> Drawn:
    groups = d.one(1, 1, 1, 2)
    x, dtype = images(d, channels=groups * d.between(1, 2))
    channels = d.data(x).shape[-3]
    if d.chance(0.1):
        groups = 1
    weight = d.tensor([groups * d.between(1, 2), channels // groups, d.between(1, 3), d.between(1, 2)], (dtype,))
    bias = maybe(d, lambda: d.tensor([d.data(weight).shape[0]], (dtype,)), 0.6) or "None"
    padding = maybe(d, lambda: "padding=" + (pair(d, 0, 2) if d.chance(0.8) else d.one("'same'", "'valid'")))
    stride = maybe(d, lambda: f"stride={pair(d, 1, 2)}")
    dilation = maybe(d, lambda: f"dilation={pair(d, 1, 2)}", 0.2)
    return line(d, "conv2d", x, weight, bias, stride, padding, dilation, f"groups={groups}" if groups > 1 else "")


def convolution_1d(d: Draw) -> Drawn:
    dtype, channels = d.one(*FLOATS), d.between(1, 2)
    x = d.tensor([d.between(1, 2), channels, d.between(2, 4)], (dtype,), fresh=0.7)
    weight = d.tensor([d.between(1, 2), channels, d.between(1, 2)], (dtype,))
    stride, padding = maybe(d, lambda: f"stride={d.between(1, 2)}"), maybe(d, lambda: f"padding={d.between(0, 1)}")
    return line(d, "conv1d", x, weight, stride, padding)


def pooled(d: Draw, name: str) -> Drawn:
    x, _ = images(d)
    options = [maybe(d, lambda: f"stride={pair(d, 1, 3)}"), maybe(d, lambda: f"padding={pair(d, 0, 1)}", 0.3)]
    options.append(maybe(d, lambda: "ceil_mode=True", 0.2))
    if name == "max_pool2d":
        options.append(maybe(d, lambda: f"dilation={pair(d, 1, 2)}", 0.2))
        options.append(maybe(d, lambda: "return_indices=True", 0.1))
    else:
        options.append(maybe(d, lambda: "count_include_pad=False", 0.2))
        options.append(maybe(d, lambda: f"divisor_override={d.between(1, 3)}", 0.1))
    return line(d, name, x, pair(d, 1, 3), *options)


def looked_up(d: Draw) -> Drawn:
    rows = d.between(1, 4)
    index = d.new(d.shape(2), "int64", False, 0, rows - 1)
    weight = d.tensor([rows, d.between(1, 3)], FLOATS)
    return line(d, "embedding", index, weight, maybe(d, lambda: f"padding_idx={d.between(-rows, rows - 1)}"))


def hot(d: Draw) -> Drawn:
    n = d.between(1, 4)
    return line(d, "one_hot", d.new(d.shape(2), "int64", False, 0, n - 1), maybe(d, lambda: str(n), 0.7))


def padded(d: Draw) -> Drawn:
    mode = d.one("constant", "constant", "reflect", "replicate", "circular")
    x = d.tensor(dtypes=FLOATS) if mode == "constant" else images(d)[0]
    axes = d.data(x).ndim
    pairs = d.between(0, axes) if mode == "constant" else d.between(1, 2)
    widths = tuple(d.between(-1, 2) if d.chance(0.7) else 0 for _ in range(2 * pairs))
    value = maybe(d, lambda: f"value={d.one(1.5, -1.0, 0)}") if mode == "constant" else ""
    return line(d, "pad", x, str(widths), "" if mode == "constant" else f"mode={mode!r}", value)


def similar(d: Draw) -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    theirs = d.data(x)
    other = d.operand(theirs, (dtype_of(theirs),), 0)
    return line(d, "cosine_similarity", x, other, maybe(d, lambda: f"dim={d.axis(theirs.ndim)}", 0.8))


def normalized(d: Draw) -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    p = maybe(d, lambda: f"p={d.one('1', '2', '3.0', '1.5', 'inf')}")
    return line(d, "normalize", x, p, maybe(d, lambda: f"dim={d.axis(d.data(x).ndim)}", 0.8))


# --- normalisation


def scales(d: Draw, shape: Any, dtype: str) -> list[str]:
    given = [maybe(d, lambda name=name: f"{name}={d.tensor(shape, (dtype,))}") for name in ("weight", "bias")]
    return [*given, maybe(d, lambda: f"eps={d.one('1e-3', '0.1', '1e-5')}", 0.3)]


def layer_norm(d: Draw) -> Drawn:
    x = d.tensor(dtypes=FLOATS)
    theirs = d.data(x)
    if not theirs.ndim:
        return None
    shape = tuple(theirs.shape[d.between(0, theirs.ndim - 1) :])
    return line(d, "layer_norm", x, str(shape), *scales(d, shape, dtype_of(theirs)))


def group_norm(d: Draw) -> Drawn:
    groups, dtype = d.between(1, 2), d.one(*FLOATS)
    channels = groups * d.between(1, 2)
    behind = [d.between(1, 3) for _ in range(d.between(0, 2))]
    x = d.tensor([d.between(1, 3), channels, *behind], (dtype,))
    return line(d, "group_norm", x, str(groups), *scales(d, [channels], dtype))


def batch_norm(d: Draw) -> Drawn:
    channels, dtype = d.between(1, 3), d.one(*FLOATS)
    behind = [d.between(1, 3) for _ in range(d.between(0, 2))]
    x = d.tensor([d.between(1, 3), channels, *behind], (dtype,))
    mean, var = d.new([channels], dtype, False), d.new([channels], dtype, False, 0.5, 2.0)
    training = d.chance(0.6)
    if training and d.chance(0.3):
        mean = var = "None"
    momentum = maybe(d, lambda: f"momentum={d.one(0.1, 0.5, 1.0)}", 0.3)
    scaled = scales(d, [channels], dtype)
    return line(d, "batch_norm", x, mean, var, *scaled, f"training={training}", momentum, writes=True)


FUNCTIONAL: dict[str, Drawing] = {
    **{name: partial(one_to_one, name=name) for name in ("mse_loss", "l1_loss")},
    **{name: partial(classes, name=name) for name in ("cross_entropy", "nll_loss")},
    **{name: partial(binary, name=name) for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits")},
    **{name: partial(pooled, name=name) for name in ("max_pool2d", "avg_pool2d")},
    "batch_norm": batch_norm,
    "conv1d": convolution_1d,
    "conv2d": convolution,
    "cosine_similarity": similar,
    "embedding": looked_up,
    "group_norm": group_norm,
    "huber_loss": partial(one_to_one, name="huber_loss", option="delta"),
    "kl_div": divergence,
    "layer_norm": layer_norm,
    "linear": linear,
    "normalize": normalized,
    "one_hot": hot,
    "pad": padded,
    "smooth_l1_loss": partial(one_to_one, name="smooth_l1_loss", option="beta"),
}


# --- nn.init and nn.utils


def filled(d: Draw, name: str) -> Drawn:
    """An initialiser that draws nothing."""
    x = d.tensor(dtypes=FLOATS) if name != "eye_" else d.new([d.between(1, 3), d.between(1, 3)], d.one(*FLOATS))
    argument = f", {d.one('0.5', '2', '-1.0')}" if name == "constant_" else ""
    target = d.variable()
    return Line(f"{target} = nn.init.{name}({x}{argument})", name=name, targets=(target,), writes=True)


def spread(d: Draw, name: str) -> Drawn:
    """An initialiser that draws: its shape, and that it fills what it is given."""
    target, zeros = d.variable(), f"L.zeros({d.between(1, 3)}, {d.between(1, 3)})"
    return Line(f"{target} = nn.init.{name}({zeros}).shape", name=name, targets=(target,))


def gain(d: Draw) -> Drawn:
    target = d.variable()
    name = d.one("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d")
    slope = f", {d.one(0.1, 0.5)}" if name == "leaky_relu" and d.chance(0.5) else ""
    return Line(f"{target} = nn.init.calculate_gain({name!r}{slope})", name="calculate_gain", targets=(target,))


def clipped(d: Draw, name: str) -> Drawn:
    """Leaves whose gradients are clipped together."""
    leaves = [n for n in d.run.variables() if getattr(d.data(n), "grad", None) is not None and d.data(n).is_leaf]
    if not leaves:
        return None
    dtype = dtype_of(d.data(leaves[0]))
    leaves = [n for n in leaves if dtype_of(d.data(n)) == dtype]
    norm = maybe(d, lambda: f", norm_type={d.one('1', '2.0', 'inf')}") if "norm" in name else ""
    target = d.variable()
    call = f"nn.utils.{name}([{', '.join(leaves)}], {d.one(0.5, 1.0, 3.0)}{norm})"
    text = f"{target} = float({call})" if "norm" in name else call
    return Line(text, name=name, targets=(target,) if "norm" in name else (), walks=True)


def as_vector(d: Draw) -> Drawn:
    parts = [d.tensor(dtypes=("float64",)) for _ in range(d.between(1, 3))]
    target = d.variable()
    text = f"{target} = nn.utils.parameters_to_vector([{', '.join(parts)}])"
    return Line(text, name="parameters_to_vector", targets=(target,))


def from_vector(d: Draw) -> Drawn:
    parts = [d.new([2], "float64", False), d.new([1, 2], "float64", False)]
    vector = d.new([4], "float64", False)
    text = f"nn.utils.vector_to_parameters({vector}, [{', '.join(parts)}])"
    return Line(text, name="vector_to_parameters", targets=tuple(parts), writes=True)


INIT: dict[str, Drawing] = {
    **{name: partial(filled, name=name) for name in ("zeros_", "ones_", "constant_", "eye_")},
    **{
        name: partial(spread, name=name)
        for name in (
            "kaiming_normal_", "kaiming_uniform_", "normal_", "orthogonal_", "trunc_normal_", "uniform_",
            "xavier_normal_", "xavier_uniform_",
        )
    },
    "calculate_gain": gain,
}  # fmt: skip
UTILS: dict[str, Drawing] = {
    **{name: partial(clipped, name=name) for name in ("clip_grad_norm_", "clip_grad_value_")},
    "parameters_to_vector": as_vector,
    "vector_to_parameters": from_vector,
}
