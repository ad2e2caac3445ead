"""Trainer: training as a machine that is stepped, and whose whole state can be taken out and put back.

All randomness comes from generators named here and spawned from one seed, so the same experiment
with the same hyperparameters gives the same numbers, bit for bit. While a recipe's code runs, the default
generator is one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .. import nn, optim
from ..core.backward import no_grad
from ..core.node import Array
from ..core.writes import note_write
from ..data import SCALERS, Batches, Dataset, StandardScaler, train_validation_split
from ..diagnosis import Probe
from ..generator import using
from ..nn.penalties import l1_penalty, l2_penalty, soft_threshold_, weights
from ..records import EpochRecord, Facts, LayerRecord, StepRecord
from ..tensors import Tensor
from .baseline import constant_loss
from .border import Border
from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters, named
from .schedule import learning_rate

EVALUATION_CHUNK = 1024
HEARD = set(KNOBS) - {  # what is obeyed here, whatever the experiment's own methods read
    *("hidden", "activation", "init", "normalization", "residual", "dropout", "loss", "label_smoothing"),
    *("class_weight", "optimizer", "momentum", "nesterov", "weight_decay", "noise"),
}
FIRST_LOOK = 256  # examples on which the network is measured before its first step

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Streams:
    """The generators of a run, one for each purpose, so that drawing more of one leaves the others alone."""

    data: np.random.Generator
    split: np.random.Generator
    init: np.random.Generator
    shuffle: np.random.Generator
    dropout: np.random.Generator  # and of all that the recipe draws without a generator once the network stands

    @classmethod
    def from_seed(cls, seed: int) -> Streams:
        return cls(*(np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)))


@dataclass
class _Sums:
    """What an epoch has added up so far."""

    first_step: int = 0
    loss: float = 0.0
    score: float = 0.0
    examples: int = 0
    seconds: float = 0.0
    squares: list[float] = field(default_factory=list)  # of the gradient, layer by layer


def drawing(method: Callable[Concatenate[Trainer, P], R]) -> Callable[Concatenate[Trainer, P], R]:
    """Within `method` the default generator is the run's own: what is drawn from it is drawn again after a rewind."""

    @wraps(method)
    def drawn(self: Trainer, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with using(self.streams.dropout):
            return method(self, *args, **kwargs)

    return drawn


class Trainer:
    """One run of an experiment, a batch at a time: `train_batch()`.

    `history[0]` is the network before its first step; `history[e]` closes epoch e. `layers` holds the
    newest close look at the layers. `capture()` and `restore()` take the state out and put it back.
    """

    def __init__(self, experiment: Experiment, hyperparameters: Hyperparameters) -> None:
        self.border = Border(experiment)
        self.experiment = experiment
        self.build(hyperparameters)

    def build(self, hp: Hyperparameters) -> None:
        """Begin from nothing: data, network, optimiser, and a first look at them."""
        self.hyperparameters = hp
        self.streams = Streams.from_seed(hp.seed)
        with using(self.streams.data):
            dataset = self.border.data(hp, self.streams.data)
        self.train, self.validation, self.target_scaler = _prepared(dataset, hp, self.streams.split)
        self.task = dataset.task
        with using(self.streams.init):
            self.model = self.border.model(hp, self.train, self.streams.init)
        self._prepare(hp)

    @drawing
    def _prepare(self, hp: Hyperparameters) -> None:
        """All that comes after data and network."""
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.rng = self.streams.dropout
        self.loss = self.border.loss(hp, self.train)
        self.constant_loss = constant_loss(self.loss, self.train)
        self.parameters = list(self.model.parameters())
        self._weights = weights(self.model)  # what penalties are about
        self._set_optimizer(hp)
        targets = self.border.targets(hp, self.train)
        self.batches = Batches((self.train.x, targets), hp.batch_size, self.streams.shuffle)
        self._validation_targets = self.border.targets(hp, self.validation)
        self.probe = Probe(self.model)
        self.history: list[EpochRecord] = []
        self._lr: tuple[Hyperparameters | None, EpochRecord | None, float] = (None, None, math.nan)
        self.epoch = 0  # completed epochs
        self.steps = 0
        self._in_epoch = False
        self._best: EpochRecord | None = None  # the trained epoch with the lowest validation loss
        self._sums = _Sums()
        self.layers: tuple[LayerRecord, ...] = self._first_look()

    # --- what a debugger asks

    @property
    def metric_name(self) -> str:
        return "R²" if self.task == "regression" else "accuracy"

    @property
    def finished(self) -> bool:
        return self.epoch >= self.hyperparameters.epochs or bool(self.stopped_early)

    @property
    def stopped_early(self) -> str:
        """Why the run is over before its last epoch, or nothing."""
        hp, best = self.hyperparameters, self._best
        if hp.goal and self.epoch and self.history[-1].train_loss <= hp.goal:
            return f"the training loss has reached the goal of {hp.goal:g}"
        if hp.patience and best is not None and self.epoch - best.epoch >= hp.patience:
            return f"the validation loss has not been better than in epoch {best.epoch} for {hp.patience} epochs"
        return ""

    @property
    def batch(self) -> int:
        """How many batches of the epoch under way are done; 0 between epochs."""
        return self.batches.position if self._in_epoch else 0

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        hp, last = self.hyperparameters, self.history[-1] if self.history else None
        if self._lr[0] is not hp or self._lr[1] is not last:  # once an epoch: a plateau is looked for in all of them
            self._lr = hp, last, learning_rate(hp, self.history)
        return self._lr[2]

    @property
    def facts(self) -> Facts:
        """What rules may know of the run besides its records."""
        return Facts(vars(self.hyperparameters), frozenset(self.border.reads | HEARD), self.constant_loss)

    @drawing
    def sample_loss(self) -> Tensor:
        """The loss of the first examples of the training part, a batch of them, with the graph that leads to it.

        Penalties are in it. Nothing is learnt, but it is a training pass: dropout draws, and batch statistics move.
        """
        x, target = (array[: self.hyperparameters.batch_size] for array in self.batches.arrays)
        return self._penalised(self._loss(self.border.output(self.model, x), target))

    # --- a step

    @drawing
    def train_batch(self, observe: bool = False) -> StepRecord:
        """Train on the next batch. With `observe`, and at the end of an epoch, the layers are measured closely.

        A loss that is NaN or infinite ends its epoch there and then, so that its record tells.
        """
        if not self._in_epoch:
            self._begin_epoch()
        x, target = self.batches.next_batch()
        closes_epoch = self.batches.done
        observe = observe or closes_epoch
        lr = self.lr
        began = perf_counter()
        with self.probe.observing() if observe else nullcontext():
            output = self.border.output(self.model, x)
            loss = self._loss(output, target)
        self._set_lr(lr)
        self.optimizer.zero_grad()
        self._penalised(loss).backward()
        measured = perf_counter()
        squares = self.probe.gradient_squares()
        if observe:
            self.probe.before_update()
        measured = perf_counter() - measured
        self._clip()
        self.optimizer.step()
        self._shrink()
        sums = self._sums
        sums.seconds += perf_counter() - began - measured
        self.steps += 1
        value = loss.item()
        sums.loss += value * len(x)
        sums.score += self.border.score(self.task, output.data, target)
        sums.examples += len(x)
        sums.squares = [a + b for a, b in zip(sums.squares, squares, strict=True)]
        closes_epoch = closes_epoch or not math.isfinite(value)
        layers = self.probe.measure(squares) if observe or closes_epoch else None
        record = StepRecord(self.steps, self.epoch + 1, self.batches.position, value, lr, layers)
        if layers:
            self.layers = layers
        if closes_epoch:
            self._end_epoch(lr)
        return record

    @drawing
    def obey(self, new: Hyperparameters) -> None:
        """Take over hyperparameters that can change in flight."""
        old, self.hyperparameters = self.hyperparameters, new
        if new.optimizer != old.optimizer:
            self._set_optimizer(new)
        for name in ("momentum", "nesterov", "weight_decay"):
            if getattr(new, name) != getattr(old, name):
                for group in self.optimizer.param_groups:
                    if name in group:
                        group[name] = getattr(new, name)
        self.batches.batch_size = new.batch_size
        if new.dropout != old.dropout:
            for module in self.model.modules():
                if isinstance(module, nn.Dropout):
                    module.p = new.dropout

    @drawing
    def evaluate(self, x: Array, targets: Array) -> tuple[float, float]:
        """The mean loss and the metric on examples, in evaluation mode and without recording."""
        if not len(x):
            return math.nan, math.nan
        loss_sum = score_sum = 0.0
        with self.evaluating(), no_grad():
            for start in range(0, len(x), EVALUATION_CHUNK):
                part, target = x[start : start + EVALUATION_CHUNK], targets[start : start + EVALUATION_CHUNK]
                output = self.border.output(self.model, part)
                loss_sum += self._loss(output, target).item() * len(part)
                score_sum += self.border.score(self.task, output.data, target)
        return loss_sum / len(x), self._metric(score_sum, len(x), targets)

    # --- the parts of a step

    def _set_optimizer(self, hp: Hyperparameters) -> None:
        self.optimizer = self.border.optimizer(hp, self.parameters)
        # A recipe may give groups learning rates of their own: they keep their ratio to hp.lr.
        self._lr_ratios = [group["lr"] / hp.lr for group in self.optimizer.param_groups]

    def _set_lr(self, lr: float) -> None:
        for group, ratio in zip(self.optimizer.param_groups, self._lr_ratios, strict=True):
            group["lr"] = lr * ratio

    def _loss(self, output: Tensor, target: Array) -> Tensor:
        return self.border.value(self.loss, output, target)

    def _penalised(self, loss: Tensor) -> Tensor:
        hp = self.hyperparameters
        if hp.l1 and hp.l1_mode == "penalty":
            loss = loss + hp.l1 * l1_penalty(self._weights)
        if hp.l2:
            loss = loss + hp.l2 * l2_penalty(self._weights)
        return loss

    def _clip(self) -> None:
        hp = self.hyperparameters
        if hp.clip_value:
            optim.clip_grad_value_(self.parameters, hp.clip_value)
        if hp.clip_norm:
            optim.clip_grad_norm_(self.parameters, hp.clip_norm)

    def _shrink(self) -> None:
        """The proximal step of L1, for each group of parameters with its own learning rate."""
        hp = self.hyperparameters
        if hp.l1 and hp.l1_mode == "proximal":
            held = set(map(id, self._weights))
            for group in self.optimizer.param_groups:
                soft_threshold_((p for p in group["params"] if id(p) in held), group["lr"] * hp.l1)

    def _metric(self, score_sum: float, count: int, targets: Array) -> float:
        """Accuracy, or R², from the scores of `count` examples; `targets` are the targets of the whole part."""
        if self.task == "classification":
            return score_sum / count
        spread = float(np.square(targets - targets.mean(axis=0)).sum()) / len(targets)
        return 1 - score_sum / count / spread if spread else math.nan

    def _begin_epoch(self) -> None:
        self.batches.start_epoch()
        self._in_epoch = True
        self._sums = _Sums(first_step=self.steps, squares=[0.0] * len(self.probe.layers))

    def _end_epoch(self, lr: float) -> None:
        self.epoch += 1
        self._in_epoch = False
        sums = self._sums
        steps = self.steps - sums.first_step
        self.layers = tuple(  # what the step saw, with the gradients of all the epoch's steps
            replace(x, gradient_norm=math.sqrt(s / steps), gradient_rms=math.sqrt(s / steps / x.parameters))
            for x, s in zip(self.layers, sums.squares, strict=True)
        )
        val_loss, val_metric = self.evaluate(self.validation.x, self._validation_targets)
        record = EpochRecord(
            epoch=self.epoch,
            step=self.steps,
            train_loss=sums.loss / sums.examples,
            train_metric=self._metric(sums.score, sums.examples, self.batches.targets),
            val_loss=val_loss,
            val_metric=val_metric,
            lr=lr,
            seconds=sums.seconds,
            layers=self.layers,
        )
        self._close(record)

    def _close(self, record: EpochRecord) -> None:
        self.history.append(record)
        if self._best is None or record.val_loss < self._best.val_loss:
            self._best = record

    def _first_look(self) -> tuple[LayerRecord, ...]:
        """Measure the network before its first step, without touching anything that the run depends on."""
        x, targets = self.batches.arrays
        with self.evaluating():
            with self.probe.observing():
                loss = self._loss(self.border.output(self.model, x[:FIRST_LOOK]), targets[:FIRST_LOOK])
            self.border.check_reach(loss, self.model, self.optimizer)
            self._penalised(loss).backward()
            layers = self.probe.measure(self.probe.gradient_squares())
            self.optimizer.zero_grad()
        train_loss, train_metric = self.evaluate(x, targets)
        val_loss, val_metric = self.evaluate(self.validation.x, self._validation_targets)
        self.history.append(EpochRecord(0, 0, train_loss, train_metric, val_loss, val_metric, self.lr, 0.0, layers))
        return layers

    # --- its state

    def capture(self) -> dict[str, Any]:
        """Everything that the next step depends on, as plain values and copies of arrays; see `state.pack`."""
        return {
            "hyperparameters": asdict(self.hyperparameters),
            "epoch": self.epoch,
            "steps": self.steps,
            "in_epoch": self._in_epoch,
            "sums": asdict(self._sums),
            "tensors": {name: t.data.copy() for name, t in self._tensors()},
            "optimizer": self.optimizer.state_dict(),
            "lr_ratios": list(self._lr_ratios),
            "batches": self.batches.state_dict(),
            "generators": {name: g.bit_generator.state for name, g in self._generators()},
        }

    def restore(self, state: Mapping[str, Any], history: list[EpochRecord]) -> None:
        """Go to the moment of a `capture()`, with the records of the epochs up to it."""
        hp = Hyperparameters(**state["hyperparameters"])
        if any(not named(name).in_flight for name in self.hyperparameters.differences(hp)):
            self.build(hp)
        self.obey(hp)
        tensors = dict(self._tensors())
        for name, values in state["tensors"].items():
            data = tensors[name].data
            data[...] = values
            note_write(data)
        self.optimizer.load_state_dict(state["optimizer"])
        self._lr_ratios = list(state["lr_ratios"])
        self.batches.load_state_dict(state["batches"])
        for name, generator in self._generators():
            generator.bit_generator.state = state["generators"][name]
        self.epoch, self.steps, self._in_epoch = state["epoch"], state["steps"], state["in_epoch"]
        self._sums = _Sums(**state["sums"])
        self._sums.squares = list(self._sums.squares)
        self.history, self._best = [], None
        for record in history[: self.epoch + 1]:
            self.history.append(record) if record.epoch == 0 else self._close(record)
        self.layers = self.history[-1].layers

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All parameters and buffers, by name."""
        yield from self.model.named_parameters()
        yield from self.model.named_buffers()

    def _generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """The run's generators, and any that modules of the user's own keep as attributes."""
        known = {id(generator) for generator in vars(self.streams).values()}
        yield from vars(self.streams).items()
        for path, module in self.model.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, np.random.Generator) and id(value) not in known:
                    known.add(id(value))
                    yield f"{path}.{name}", value

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Evaluation mode for somebody who only looks: all the run's generators are as they were afterwards."""
        before = {name: g.bit_generator.state for name, g in self._generators()}
        try:
            with self.evaluating(), using(self.streams.dropout):
                yield
        finally:
            for name, generator in self._generators():
                generator.bit_generator.state = before[name]

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The model in evaluation mode (no dropout) for a while."""
        self.model.eval()
        try:
            yield
        finally:
            self.model.train()


def _prepared(
    dataset: Dataset, hp: Hyperparameters, rng: np.random.Generator
) -> tuple[Dataset, Dataset, StandardScaler | None]:
    """The training and validation parts, scaled by what the training part alone shows, and what scaled the targets."""
    train, validation = train_validation_split(dataset, hp.validation, rng=rng)
    if hp.scaling != "none":
        scaler = SCALERS[hp.scaling]()
        scaler.fit(train.x)
        train, validation = (replace(part, x=scaler.transform(part.x)) for part in (train, validation))
    targets = None
    if dataset.task == "regression" and hp.target_scaling == "standard":
        targets = StandardScaler().fit(train.y.reshape(train.n_samples, -1))
        train, validation = (
            replace(part, y=targets.transform(part.y.reshape(part.n_samples, -1)).reshape(part.y.shape))
            for part in (train, validation)
        )
    return train, validation, targets
