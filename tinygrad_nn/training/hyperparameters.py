"""Every knob of a run in one place: name, default, range, whether it can change in flight, what it does.

The command line, the app's panel, the experiment files and the documentation read this table, so they
cannot disagree.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..data.names import unknown
from ..nn.activations import ACTIVATIONS
from ..nn.init import INITIALISERS

Kind = Literal["number", "integer", "choice", "switch", "sizes"]
SWITCH = {"on": True, "off": False, "true": True, "false": False}


@dataclass(frozen=True)
class Knob:
    """What is known of one hyperparameter besides its value.

    `low` and `high` bound it; `open_low` and `open_high` say that the bound itself is not allowed.
    `in_flight` is True where a change applies from the next batch, False where it needs a new run.
    """

    name: str
    label: str
    default: Any
    kind: Kind
    help: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: tuple[str, ...] = ()
    in_flight: bool = False

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "switch":
            return "on or off"
        if self.kind == "sizes":
            return "sizes of the hidden layers from 1 to 4096, such as 8,8, or none"
        noun = "a whole number" if self.kind == "integer" else "a number"
        if math.isinf(self.high):
            return f"{noun} {'above' if self.open_low else 'from'} {self.low:.12g}{'' if self.open_low else ' up'}"
        low = f"above {self.low:.12g}" if self.open_low else f"from {self.low:.12g}"
        return f"{noun} {low} {'to below' if self.open_high else 'to'} {self.high:.12g}"

    @property
    def brief(self) -> str:
        """The beginning of `help`, as far as it stands alone."""
        return re.split(r"[:;.] |, so that |[.]$", self.help, maxsplit=1)[0]

    def refuse(self, value: object) -> ValueError:
        return ValueError(f"{self.name} must be {self.allowed}; {value!r} is not")

    def parse(self, text: str) -> Any:
        """The value that a person typed. `ValueError` naming what is allowed."""
        text = text.strip()
        try:
            if self.kind == "choice":
                return self.check(text.lower())
            if self.kind == "switch":
                return self.check(SWITCH.get(text.lower(), text))
            if self.kind == "sizes":
                bare = text.strip("()[] ").lower()
                parts = [] if bare in ("", "none") else bare.rstrip(",").split(",")
                return self.check(tuple(int(part) for part in parts))
            return self.check(int(text) if self.kind == "integer" else float(text))
        except ValueError:
            raise self.refuse(text) from None

    def check(self, value: Any) -> Any:
        """The value in its own type, or `ValueError` naming what is allowed."""
        if self.kind == "choice":
            if value not in self.choices:
                raise self.refuse(value)
            return value
        if self.kind == "switch":
            if not isinstance(value, bool):
                raise self.refuse(value)
            return value
        if self.kind == "sizes":
            sizes = (value,) if _whole(value) else value
            if not isinstance(sizes, list | tuple) or not all(_whole(n) and 1 <= n <= 4096 for n in sizes):
                raise self.refuse(value)
            return tuple(int(n) for n in sizes)
        if self.kind == "integer" and not _whole(value):
            raise self.refuse(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
            raise self.refuse(value)
        below = value <= self.low if self.open_low else value < self.low
        above = value >= self.high if self.open_high else value > self.high
        if below or above:
            raise self.refuse(value)
        return int(value) if self.kind == "integer" else float(value)

    def show(self, value: Any) -> str:
        """The value as it would be typed."""
        if self.kind == "sizes":
            return ",".join(map(str, value)) or "none"
        if self.kind == "switch":
            return "on" if value else "off"
        return f"{value:g}" if self.kind == "number" else str(value)

    def nudged(self, value: Any, direction: int) -> Any:
        """The next value up (`direction` 1) or down (-1), kept within the range: 1-2-5 steps for what spans decades."""
        if self.kind == "choice":
            return self.choices[(self.choices.index(value) + direction) % len(self.choices)]
        if self.kind == "switch":
            return not value
        if self.kind == "sizes":
            return value
        if self.kind == "integer":
            step = value * 2 if direction > 0 else value // 2
            if self.name == "seed":
                step = value + direction
        elif self.high <= 1:
            step = round(value + 0.05 * direction, 4)
        elif value == 0:
            step = 1e-4 if direction > 0 else 0.0
        else:
            ladder = [m * 10.0**e for e in range(-8, 4) for m in (1, 2, 5)]
            beyond = [v for v in ladder if (v - value) * direction > 1e-9 * value]
            step = (min if direction > 0 else max)(beyond, default=value)
            if direction < 0 and step < 1e-6:
                step = 0.0
        try:
            return self.check(float(f"{step:.12g}") if self.kind == "number" else step)
        except ValueError:
            return value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def knob(default: Any, label: str, kind: Kind, help: str, **limits: Any) -> Any:
    """A field of `Hyperparameters`, with what the screen and the checks need to know of it."""
    return field(default=default, metadata={"label": label, "kind": kind, "help": help, **limits})


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The settings of a run, checked: a value out of range is a `ValueError` that names the range."""

    optimizer: str = knob(
        "adam",
        "optimizer",
        "choice",
        "The rule that turns gradients into steps. SGD takes the gradient as it is, with momentum if that is set; the "
        "others scale each weight's step by the size of its own gradients: over all steps (Adagrad), lately (RMSprop), "
        "lately and with momentum of its own (Adam; AdamW shrinks the weights besides, by its weight decay).",
        choices=("sgd", "rmsprop", "adagrad", "adam", "adamw"),
        in_flight=True,
    )
    lr: float = knob(
        0.001,
        "learning rate",
        "number",
        "The size of a step. Too small and nothing moves; too large and the loss swings or diverges.",
        low=0,
        high=1000,
        open_low=True,
        in_flight=True,
    )
    lr_decay: float = knob(
        0.0,
        "decay",
        "number",
        "The share of the learning rate given up each epoch: lr · (1 - decay)^epoch. 0 keeps it constant.",
        low=0,
        high=1,
        open_high=True,
        in_flight=True,
    )
    schedule: str = knob(
        "constant",
        "schedule",
        "choice",
        "What becomes of the learning rate over the planned epochs, besides decay: it stays; it falls to 0 along "
        "half a cosine (Loshchilov & Hutter 2017); it is divided by ten after each third of the epochs (step), or "
        "whenever the validation loss has stopped getting better (plateau).",
        choices=("constant", "cosine", "step", "plateau"),
        in_flight=True,
    )
    plateau_patience: int = knob(
        5,
        "plateau",
        "integer",
        "How many epochs the plateau schedule bears without a better validation loss before it divides the learning "
        "rate by ten.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    warmup: int = knob(
        0,
        "warm-up",
        "integer",
        "Over how many epochs the learning rate rises to its value: lr · (epoch + 1) / warmup. 0 starts with it.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    momentum: float = knob(
        0.9,
        "momentum",
        "number",
        "The share of the last step that SGD and RMSprop carry on with, so that steady directions add up. "
        "Adam has its own.",
        low=0,
        high=1,
        open_high=True,
        in_flight=True,
    )
    nesterov: bool = knob(
        False,
        "Nesterov",
        "switch",
        "Whether SGD's momentum looks ahead: the gradient counts as if the step of the momentum had been made "
        "(Nesterov 1983; Sutskever et al. 2013).",
        in_flight=True,
    )
    batch_size: int = knob(
        32,
        "batch size",
        "integer",
        "How many examples a step averages over. Small batches are noisy and quick, large ones smooth and slow; 1 is "
        "stochastic gradient descent in its first meaning, all examples or more are full-batch gradient descent.",
        low=1,
        high=1_000_000,
        in_flight=True,
    )
    epochs: int = knob(
        30,
        "epochs",
        "integer",
        "How often the run goes through the training data.",
        low=1,
        high=1_000_000,
        in_flight=True,
    )
    patience: int = knob(
        0,
        "patience",
        "integer",
        "Stop when the validation loss has not been better for so many epochs (early stopping); 0 never stops early.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    goal: float = knob(
        0.0,
        "goal",
        "number",
        "Stop when the training loss of an epoch is as low as this: the error is close enough to zero.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    clip_norm: float = knob(
        0.0,
        "clip norm",
        "number",
        "Shorten the gradient of all parameters together to this norm where it is longer (Pascanu et al. 2013); "
        "0 leaves it.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    clip_value: float = knob(
        0.0,
        "clip value",
        "number",
        "Limit each element of the gradient to this size, whatever the others are (Mikolov 2012), before clipping by "
        "norm; 0 leaves it.",
        low=0,
        high=1_000_000,
        in_flight=True,
    )
    hidden: tuple[int, ...] = knob(
        (64,),
        "hidden",
        "sizes",
        "The number of units in each hidden layer, from the input side: 8,8 is two layers of 8.",
    )
    activation: str = knob(
        "relu",
        "activation",
        "choice",
        "The non-linearity after each hidden layer. Deep stacks of sigmoid make the gradient vanish; ReLU keeps it.",
        choices=tuple(ACTIVATIONS),
    )
    init: str = knob(
        "auto",
        "init",
        "choice",
        "How weights start. auto takes Xavier before tanh and sigmoid and He before the ReLU family; "
        "uniform is from -0.05 to 0.05 and normal N(0, 0.05²), whatever the layer's width. After zeros or a constant "
        "(0.05) the units of a layer remain alike.",
        choices=tuple(INITIALISERS),
    )
    normalization: str = knob(
        "none",
        "normalise",
        "choice",
        "What brings each hidden layer's inputs to its activation to mean 0 and variance 1: the batch, feature by "
        "feature; the layer, example by example; or nothing.",
        choices=("none", "batch", "layer"),
    )
    residual: bool = knob(
        False,
        "residual",
        "switch",
        "Whether each hidden layer that is as wide as the one before adds to what it is given, instead of replacing it "
        "(He et al. 2016): a way around the layers for the gradient of deep networks.",
    )
    loss: str = knob(
        "mse",
        "regr. loss",
        "choice",
        "What a regression makes small: the squared error (mse), the absolute error (l1), or the squared error up to 1 "
        "and the absolute one beyond (huber); wild targets pull less in the latter two. Classes have cross-entropy.",
        choices=("mse", "l1", "huber"),
    )
    label_smoothing: float = knob(
        0.0,
        "smoothing",
        "number",
        "The share of each label that is spread over all classes, so that the network is not driven to be ever surer "
        "(Szegedy et al. 2016). The validation loss is measured with it too.",
        low=0,
        high=1,
        open_high=True,
    )
    class_weight: str = knob(
        "none",
        "class weight",
        "choice",
        "What an example counts in the loss: all the same, or balanced, each the more the rarer its class is in the "
        "training part, so that every class counts the same. Accuracy does not weigh.",
        choices=("none", "balanced"),
    )
    weight_decay: float = knob(
        0.0,
        "weight decay",
        "number",
        "How strongly each parameter is pulled to 0 by the optimiser itself: its own L2, on biases too.",
        low=0,
        high=1000,
        in_flight=True,
    )
    dropout: float = knob(
        0.0,
        "dropout",
        "number",
        "The probability with which a hidden unit is left out of a training step (keep = 1 - dropout).",
        low=0,
        high=1,
        open_high=True,
        in_flight=True,
    )
    l1: float = knob(
        0.0,
        "L1",
        "number",
        "Weight λ of the penalty Σ|w| on the weights (not the biases), which drives them to zero. Together with L2 it "
        "is the elastic net.",
        low=0,
        high=1000,
        in_flight=True,
    )
    l1_mode: str = knob(
        "penalty",
        "L1 mode",
        "choice",
        "How L1 acts: as a penalty in the loss, whose gradient leaves weights close to zero; or proximal, every weight "
        "moved towards zero by λ times the learning rate after each step, which makes zeros exact (Daubechies et al. "
        "2004); with momentum or Adam that takes a λ about ten times as large.",
        choices=("penalty", "proximal"),
        in_flight=True,
    )
    l2: float = knob(
        0.0,
        "L2",
        "number",
        "Weight of the penalty Σw²/2 on the weights (not the biases), which keeps them small. Together with L1 it is "
        "the elastic net.",
        low=0,
        high=1000,
        in_flight=True,
    )
    scaling: str = knob(
        "standard",
        "scaling",
        "choice",
        "How inputs are scaled, fitted on the training part: to mean 0 and deviation 1; to the range 0 to 1; by median "
        "and quartiles and limited to 10 (robust), so that a few wild values do no harm; or not at all.",
        choices=("standard", "minmax", "robust", "none"),
    )
    target_scaling: str = knob(
        "standard",
        "target",
        "choice",
        "How the numbers that a regression predicts are scaled, fitted on the training part: to mean 0 and "
        "deviation 1, or not at all. The loss is in these units; R² does not depend on them.",
        choices=("standard", "none"),
    )
    noise: float = knob(
        0.0,
        "noise",
        "number",
        "How far the points of a generated set are scattered, or for xor and circle how far their classes mix "
        "(TensorFlow Playground's scale, which ends at 0.5). Data that ship or are your own are as they are.",
        low=0,
        high=1,
    )
    validation: float = knob(
        0.2,
        "validation",
        "number",
        "The share of the data held back to judge the model on examples it does not learn from.",
        low=0,
        high=0.9,
        open_low=True,
    )
    seed: int = knob(
        0,
        "seed",
        "integer",
        "The root of all randomness: the same seed gives the same run, bit for bit.",
        low=0,
        high=2**32 - 1,
    )

    def __post_init__(self) -> None:
        for name, spec in KNOBS.items():
            object.__setattr__(self, name, spec.check(getattr(self, name)))

    def replace(self, **changes: Any) -> Hyperparameters:
        """A copy with some values changed.

        Raises:
            ValueError: an unknown name or a value out of range.
        """
        for name in changes:
            named(name)
        return dataclasses.replace(self, **changes)

    def updated(self, assignments: Iterable[str]) -> Hyperparameters:
        """A copy with `name=value` texts applied, as `--set` gives them."""
        return self.replace(**parse_assignments(assignments))

    def differences(self, other: Hyperparameters) -> dict[str, tuple[Any, Any]]:
        """What differs: name to (own value, the other's)."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in KNOBS}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


KNOBS: dict[str, Knob] = {
    f.name: Knob(name=f.name, default=f.default, **f.metadata) for f in dataclasses.fields(Hyperparameters)
}

# As the lists for people have them, what matters first at the top.
GROUPS: dict[str, tuple[str, ...]] = {
    "Step": (
        *(
            "lr",
            "optimizer",
            "batch_size",
            "momentum",
            "nesterov",
            "lr_decay",
            "schedule",
            "plateau_patience",
            "warmup",
        ),
        *("clip_norm", "clip_value"),
    ),
    "Network": ("hidden", "activation", "init", "normalization", "residual", "loss"),
    "Regularise": ("dropout", "l2", "l1", "l1_mode", "weight_decay", "label_smoothing"),
    "Data": ("scaling", "target_scaling", "class_weight", "validation", "noise", "seed"),
    "Stop": ("epochs", "patience", "goal"),
}


def named(name: str) -> Knob:
    """The knob of that name. `ValueError` that suggests the right one."""
    if name in KNOBS:
        return KNOBS[name]
    called = {knob.label.lower().replace(" ", "_").replace("-", "_"): knob.name for knob in KNOBS.values()}
    raise unknown("hyperparameter", name, KNOBS, also=called)


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """`["lr=0.1", "hidden=8,8"]` as values by name.

    Raises:
        ValueError: what is not `name=value` or out of range.
    """
    changes = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"{assignment!r} is not a setting: write name=value, such as lr=0.01")
        changes[name.strip()] = named(name.strip()).parse(text)
    return changes
