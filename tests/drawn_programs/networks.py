"""Programs that train: layers, losses, optimisers and schedules, a few steps on a network with equal parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tests.drawn_programs.functional import maybe, shares
from tests.drawn_programs.running import Line
from tests.drawn_programs.values import Draw
from tinygrad_nn import nn, optim

DTYPE = "dtype=L.float64"
Layer = Callable[
    [Draw, list[int]], "tuple[str, list[int]] | None"
]  # from the input's shape to the text and the result's


# --- layers


def dense(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    if not shape:
        return None
    n = d.between(1, 4)
    return f"nn.Linear({shape[-1]}, {n}, {maybe(d, lambda: 'bias=False, ', 0.3)}{DTYPE})", [*shape[:-1], n]


def conv(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    if len(shape) != 4 or min(shape[2:]) < 2:
        return None
    n, size, padding = d.between(1, 3), d.between(1, 2), d.between(0, 1)
    options = maybe(d, lambda: "bias=False, ", 0.3)
    lengths = [m + 2 * padding - size + 1 for m in shape[2:]]
    return f"nn.Conv2d({shape[1]}, {n}, {size}, padding={padding}, {options}{DTYPE})", [shape[0], n, *lengths]


def conv1d(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    if len(shape) != 3 or shape[2] < 2:
        return None
    n, padding = d.between(1, 3), d.between(0, 1)
    return f"nn.Conv1d({shape[1]}, {n}, 2, padding={padding}, {DTYPE})", [shape[0], n, shape[2] + 2 * padding - 1]


def pool(name: str) -> Layer:
    def layer(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
        if len(shape) != 4 or min(shape[2:]) < 2:
            return None
        size, stride = 2, d.between(1, 2)
        lengths = [(m - size) // stride + 1 for m in shape[2:]]
        return f"nn.{name}({size}, {stride})", [*shape[:2], *lengths]

    return layer


def batch_norm(name: str, axes: tuple[int, ...]) -> Layer:
    def layer(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
        if len(shape) not in axes or shape[0] < 2:
            return None
        options = "".join(
            maybe(d, lambda text=text: text + ", ", 0.25)
            for text in ("eps=1e-3", f"momentum={d.one(0.3, None)}", "affine=False", "track_running_stats=False")
        )
        return f"nn.{name}({shape[1]}, {options}{DTYPE})", shape

    return layer


def layer_norm(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    if len(shape) < 2:
        return None
    over = shape[-d.between(1, len(shape) - 1) :]
    options = maybe(d, lambda: d.one("elementwise_affine=False, ", "bias=False, ", "eps=1e-3, "), 0.4)
    return f"nn.LayerNorm({over[0] if len(over) == 1 else over}, {options}{DTYPE})", shape


def group_norm(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    if len(shape) < 2:
        return None
    groups = d.one(*(n for n in range(1, shape[1] + 1) if shape[1] % n == 0))
    return f"nn.GroupNorm({groups}, {shape[1]}, {maybe(d, lambda: 'affine=False, ', 0.3)}{DTYPE})", shape


def flatten(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    n = 1
    for m in shape[1:]:
        n *= m
    return ("nn.Flatten()", [shape[0], n]) if len(shape) > 1 else None


def unflatten(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    return (f"nn.Unflatten(1, (1, {shape[1]}))", [shape[0], 1, shape[1]]) if len(shape) == 2 else None


def axis_of(name: str) -> Layer:
    def layer(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
        return f"nn.{name}({d.one('', 'dim=')}{d.between(0, len(shape) - 1)})", shape

    return layer


def dropout(name: str) -> Layer:
    return lambda d, shape: (
        (f"nn.{name}({d.one('0.0', 'p=0.0')})", shape) if name == "Dropout" or len(shape) == 4 else None
    )


def nested(d: Draw, shape: list[int]) -> tuple[str, list[int]] | None:
    inner = dense(d, shape)
    return (f"nn.Sequential({inner[0]}, nn.Tanh())", inner[1]) if inner else None


LAYERS: dict[str, Layer] = {
    "AvgPool2d": pool("AvgPool2d"),
    "BatchNorm1d": batch_norm("BatchNorm1d", (2, 3)),
    "BatchNorm2d": batch_norm("BatchNorm2d", (4,)),
    "Conv1d": conv1d,
    "Conv2d": conv,
    "Dropout": dropout("Dropout"),
    "Dropout2d": dropout("Dropout2d"),
    "Flatten": flatten,
    "GroupNorm": group_norm,
    "LayerNorm": layer_norm,
    "Linear": dense,
    "LogSoftmax": axis_of("LogSoftmax"),
    "MaxPool2d": pool("MaxPool2d"),
    "Sequential": nested,
    "Softmax": axis_of("Softmax"),
    "Unflatten": unflatten,
}


def activation(name: str) -> Layer:
    """A module without parameters, whose options have known names."""

    def layer(d: Draw, shape: list[int]) -> tuple[str, list[int]]:
        options = [
            f"{p.name}={OPTIONS[p.name](d)}"
            for p in inspect.signature(getattr(nn, name)).parameters.values()
            if p.name in OPTIONS and d.chance(0.4)
        ]
        return f"nn.{name}({', '.join(options)})", shape

    return layer


OPTIONS: dict[str, Callable[[Draw], str]] = {
    "alpha": lambda d: d.one("0.5", "1.0", "2.0"),
    "approximate": lambda d: d.one("'none'", "'tanh'"),
    "beta": lambda d: d.one("1.0", "2.0"),
    "min_val": lambda d: d.one("-1.0", "-0.5"),
    "max_val": lambda d: d.one("1.0", "0.5"),
    "negative_slope": lambda d: d.one("0.01", "0.3"),
    "threshold": lambda d: d.one("20.0", "1.0"),
}


# --- losses: the text, and for an output of this shape the target's


def like_output(name: str) -> Callable[[Draw, list[int]], tuple[str, str] | None]:
    def loss(d: Draw, shape: list[int]) -> tuple[str, str]:
        options = [f"reduction={d.one('mean', 'sum')!r}"] if d.chance(0.5) else []
        options += [f"{o}={d.one(0.5, 2.0)}" for o in ("delta", "beta") if o in parameters_of(name) and d.chance(0.5)]
        target = shares(d, shape, "float64") if "BCE" in name else d.new(shape, "float64", False, -2.0, 2.0)
        return f"nn.{name}({', '.join(options)})", f"{target}.detach()"

    return loss


def class_loss(name: str) -> Callable[[Draw, list[int]], tuple[str, str] | None]:
    def loss(d: Draw, shape: list[int]) -> tuple[str, str] | None:
        if len(shape) < 2:
            return None
        options = [f"reduction={d.one('mean', 'sum')!r}"] if d.chance(0.5) else []
        if name == "CrossEntropyLoss" and d.chance(0.3):
            options.append("label_smoothing=0.1")
        if d.chance(0.2):
            options.append(f"ignore_index={d.between(0, shape[1] - 1)}")
        return f"nn.{name}({', '.join(options)})", d.new([shape[0], *shape[2:]], "int64", False, 0, shape[1] - 1)

    return loss


def divergence(d: Draw, shape: list[int]) -> tuple[str, str]:
    return f"nn.KLDivLoss(reduction={d.one('sum', 'batchmean')!r})", f"{shares(d, shape, 'float64')}.detach()"


LOSSES: dict[str, Callable[[Draw, list[int]], tuple[str, str] | None]] = {
    **{name: like_output(name) for name in ("BCEWithLogitsLoss", "HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss")},
    **{name: class_loss(name) for name in ("CrossEntropyLoss", "NLLLoss")},
    "BCELoss": like_output("BCELoss"),
    "KLDivLoss": divergence,
}


def parameters_of(name: str) -> Any:
    return inspect.signature(getattr(nn, name, None) or getattr(optim, name)).parameters


# --- optimisers and schedules

SETTINGS: dict[str, Callable[[Draw], str]] = {
    "alpha": lambda d: d.one("0.9", "0.5"),
    "amsgrad": lambda d: "True",
    "betas": lambda d: d.one("(0.9, 0.99)", "(0.5, 0.8)", "(0.0, 0.9)"),
    "centered": lambda d: "True",
    "dampening": lambda d: d.one("0.5", "0.1"),
    "eps": lambda d: d.one("1e-8", "1e-3"),
    "initial_accumulator_value": lambda d: d.one("0.1", "1.0"),
    "lr": lambda d: d.one("0.1", "0.01", "0.5"),
    "lr_decay": lambda d: d.one("0.1", "0.01"),
    "maximize": lambda d: "True",
    "momentum": lambda d: d.one("0.9", "0.5"),
    "nesterov": lambda d: "True",
    "weight_decay": lambda d: d.one("0.1", "0.01"),
}
SCHEDULES: dict[str, Callable[[Draw], str]] = {
    "ConstantLR": lambda d: d.one("", "factor=0.5, total_iters=2"),
    "CosineAnnealingLR": lambda d: d.one("3", "T_max=2, eta_min=0.01"),
    "CosineAnnealingWarmRestarts": lambda d: d.one("2", "T_0=1, T_mult=2"),
    "ExponentialLR": lambda d: d.one("0.9", "gamma=0.5"),
    "LambdaLR": lambda d: d.one("lambda epoch: 0.5 ** epoch", "lr_lambda=lambda epoch: 1 / (epoch + 1)"),
    "LinearLR": lambda d: d.one("", "start_factor=0.5, total_iters=2"),
    "MultiStepLR": lambda d: d.one("[1, 3]", "milestones=[2], gamma=0.5"),
    "MultiplicativeLR": lambda d: "lambda epoch: 0.9",
    "OneCycleLR": lambda d: d.one("max_lr=0.5, total_steps=6", "0.3, total_steps=8, anneal_strategy='linear'"),
    "PolynomialLR": lambda d: d.one("", "total_iters=3, power=2.0"),
    "ReduceLROnPlateau": lambda d: d.one("patience=0", "factor=0.5, patience=1", "mode='max', patience=0"),
    "StepLR": lambda d: d.one("2", "step_size=1, gamma=0.5"),
}


def optimisers() -> list[str]:
    base = optim.Optimizer
    return [n for n in dir(optim) if isinstance(v := getattr(optim, n), type) and issubclass(v, base) and v is not base]


def schedules() -> list[str]:
    return [name for name in (*SCHEDULES, "SequentialLR") if hasattr(optim.lr_scheduler, name)]


CONTAINERS = (nn.Module, nn.ModuleDict, nn.ModuleList, nn.ParameterList)


def layers() -> dict[str, Layer]:
    """How each layer is drawn: by hand, or, if it takes nothing but known options, by those."""
    found = {name: layer for name, layer in LAYERS.items() if hasattr(nn, name)}
    for name in dir(nn):
        value = getattr(nn, name)
        if name not in found and isinstance(value, type) and issubclass(value, nn.Module) and name not in LOSSES:
            parameters = inspect.signature(value).parameters.values()
            if all(p.default is not p.empty for p in parameters) and value not in CONTAINERS:
                found[name] = activation(name)
    return found


def drawn_there() -> set[str]:
    """The public names that trainings are drawn of."""
    parts = {*layers(), *LOSSES, "Embedding", "Parameter", "ModuleList"}
    kinds = {f"optim.{name}" for name in (*optimisers(), *schedules())}
    return {f"nn.{name}" for name in parts} | kinds | {f"optim.lr_scheduler.{name}" for name in schedules()}


def training(d: Draw) -> list[Line]:
    """The lines of one training; each is run when it is drawn."""
    shape = [d.between(2, 3), d.between(1, 3)]
    kind = d.random.random()
    if kind < 0.35:
        shape += [d.between(2, 4), d.between(2, 4)]
    elif kind < 0.5:
        shape.append(d.between(1, 3))
    x = d.new(shape, "float64", d.chance(0.4), -3.0, 3.0)
    known = layers()
    parts = []
    for _ in range(d.between(1, 5)):
        name = d.one(*known) if d.chance(0.75) else d.one("Linear", "Conv2d")
        drawn = known[name](d, shape)
        if drawn is not None:
            parts.append((name, drawn[0]))
            shape = drawn[1]
    if not any(name in ("Linear", "Conv2d") for name, _ in parts):
        text, shape = dense(d, shape) or ("", shape)
        parts.append(("Linear", text))
    names = " ".join(name for name, _ in parts)
    network = f"nn.Sequential({', '.join(text for _, text in parts)})"
    given = x
    if d.chance(0.1):  # the rows of a table, of which an index tells which
        index = d.new([*d.data(x).shape[:-1]], "int64", False, 0, 2)
        network = f"nn.Sequential(nn.Embedding(3, {d.data(x).shape[-1]}, {DTYPE}), {network})"
        given, names = index, f"Embedding {names}"
    lines = [Line(f"net = {network}", name=names), Line("fill(net)", name="fill")]
    if d.chance(0.1):
        lines[0] = Line(f"net = nn.ModuleList([{network}])[0]", name=names)
    lines.append(Line(f"{d.variable()} = list(net.state_dict())", name="state_dict", targets=(f"v{d.count}",)))
    loss = d.one(*(name for name in LOSSES if hasattr(nn, name)))
    drawn_loss = LOSSES[loss](d, shape)
    if drawn_loss is None:
        loss, drawn_loss = "MSELoss", ("nn.MSELoss()", d.new(shape, "float64", False, -2.0, 2.0))
    before = ".sigmoid()" if loss == "BCELoss" else ".log_softmax(1)" if loss == "NLLLoss" and len(shape) > 1 else ""
    optimiser = d.one(*optimisers())
    settings = [
        f"{p}={SETTINGS[p](d)}"
        for p in parameters_of(optimiser)
        if p in SETTINGS and d.chance(0.9 if p == "lr" else 0.3)
    ]
    if "nesterov" in " ".join(settings):
        settings = [s for s in settings if not s.startswith(("momentum", "dampening"))] + ["momentum=0.9"]
    lines.append(Line(f"lossf = {drawn_loss[0]}", name=loss))
    if d.chance(0.2):
        groups = "[{'params': list(net.parameters())[:1]}, {'params': list(net.parameters())[1:], 'lr': 0.03}]"
        lines.append(Line(f"opt = optim.{optimiser}({groups}, {', '.join(settings)})", name=optimiser))
    else:
        lines.append(Line(f"opt = optim.{optimiser}(net.parameters(), {', '.join(settings)})", name=optimiser))
    schedule = d.one(*schedules()) if d.chance(0.4) else ""
    if schedule == "SequentialLR":
        parts_of_it = "[optim.lr_scheduler.LinearLR(opt), optim.lr_scheduler.StepLR(opt, 1)]"
        lines.append(
            Line(f"sched = optim.lr_scheduler.SequentialLR(opt, {parts_of_it}, milestones=[2])", name=schedule)
        )
    elif schedule:
        lines.append(Line(f"sched = optim.lr_scheduler.{schedule}(opt, {SCHEDULES[schedule](d)})", name=schedule))
    if d.chance(0.1):
        lines.append(Line("net.eval()", name="eval"))
    for i in range(d.between(1, 4)):
        y, value = d.variable(), d.variable()
        lines.append(
            Line(d.one("opt.zero_grad()", "net.zero_grad()", "opt.zero_grad(set_to_none=True)"), name="zero_grad")
        )
        lines.append(Line(f"{y} = net({given})", name=names, targets=(y,), writes=True))
        lines.append(Line(f"{value} = lossf({y}{before}, {drawn_loss[1]})", name=loss, targets=(value,)))
        lines.append(Line(f"{value}.backward()", name="backward", walks=True))
        if d.chance(0.15):
            norm = d.variable()
            lines.append(
                Line(f"{norm} = float(nn.utils.clip_grad_norm_(net.parameters(), 0.5))", name="clip", targets=(norm,))
            )
        seen = d.variable()
        lines.append(Line(f"{seen} = gradients(net)", name=names, targets=(seen,)))
        lines.append(Line("opt.step()", name=optimiser))
        if schedule:
            metric = f"{d.one(1.0, 0.5, 2.0)}" if schedule == "ReduceLROnPlateau" else ""
            lines.append(Line(f"sched.step({metric})", name=schedule))
        after = d.variable()
        lines.append(Line(f"{after} = (parameters(net), rates(opt))", name=optimiser, targets=(after,)))
        if i == 0 and d.chance(0.1):
            lines.append(Line("opt.load_state_dict(opt.state_dict())", name=optimiser))
    return lines
