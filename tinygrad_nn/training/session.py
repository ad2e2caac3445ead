"""Session: a training run as a machine that is stepped. It knows nothing of screens.

All randomness comes from generators named here and spawned from one seed, so the same experiment
with the same hyperparameters gives the same numbers, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from .. import nn, optim
from ..autodiff import no_grad
from ..data import Batches, Dataset, MinMaxScaler, StandardScaler, train_validation_split
from ..diagnosis import Change, EpochRecord, Finding, LayerRecord, Probe, StepRecord, diagnose
from ..nn.penalties import l1_penalty, l2_penalty, soft_threshold_, weights
from ..node import Array
from ..tensor import Tensor
from .experiment import Experiment
from .hyperparameters import Hyperparameters, named
from .schedule import learning_rate

EVALUATION_CHUNK = 1024
FIRST_LOOK = 256  # examples on which the network is measured before its first step


class NeedsRestart(ValueError):
    """A change of a hyperparameter that a run cannot take in flight."""


@dataclass(frozen=True)
class Streams:
    """The generators of a run, one for each purpose, so that drawing more of one leaves the others alone."""

    data: np.random.Generator
    split: np.random.Generator
    init: np.random.Generator
    shuffle: np.random.Generator
    dropout: np.random.Generator

    @classmethod
    def from_seed(cls, seed: int) -> Streams:
        return cls(*(np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)))


class Session:
    """One run of an experiment: `step()` trains on a batch, `next()` to the end of an epoch.

    `history[0]` is the network before its first step; `history[e]` closes epoch e. `layers` holds the
    newest close look at the layers, `changes` what was changed in flight.
    """

    def __init__(self, experiment: Experiment, hyperparameters: Hyperparameters | None = None) -> None:
        self.experiment = experiment
        self.hyperparameters = hp = hyperparameters or experiment.hyperparameters
        self.streams = Streams.from_seed(hp.seed)
        dataset = experiment.data(hp, self.streams.data)
        self.train, self.validation = _prepared(dataset, hp, self.streams.split)
        self.task = dataset.task
        self.model = experiment.model(hp, self.train, self.streams.init)
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.rng = self.streams.dropout
        self.loss = experiment.loss(hp, self.train)
        self.parameters = list(self.model.parameters())
        self._weights = weights(self.model)  # what penalties are about
        self._set_optimizer(hp)
        self.batches = Batches((self.train.x, experiment.targets(hp, self.train)), hp.batch_size, self.streams.shuffle)
        self._validation_targets = experiment.targets(hp, self.validation)
        self.probe = Probe(self.model)
        self.history: list[EpochRecord] = []
        self.changes: list[Change] = []
        self.epoch = 0  # completed epochs
        self.steps = 0
        self._lr: tuple[Hyperparameters | None, EpochRecord | None, float] = (None, None, math.nan)
        self._in_epoch = False
        self._best: EpochRecord | None = None  # the trained epoch with the lowest validation loss
        self._squares: list[float] = []
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
    def diverged(self) -> bool:
        """Whether the last loss was NaN or infinite: nothing after that means anything."""
        return not math.isfinite(self.history[-1].train_loss)

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

    def findings(self) -> tuple[Finding, ...]:
        """What the rules say of the run so far."""
        return diagnose(self.history)

    # --- a debugger's verbs

    def step(self, observe: bool = False) -> StepRecord:
        """Train on one batch. With `observe`, and at the end of an epoch, the layers are measured closely.

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
            output = self.model(Tensor(x))
            loss = self.loss(output, target)
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
        self._seconds += perf_counter() - began - measured
        self.steps += 1
        value = loss.item()
        self._loss_sum += value * len(x)
        self._score_sum += self.experiment.score(self.task, output.data, target)
        self._seen += len(x)
        self._squares = [a + b for a, b in zip(self._squares, squares, strict=True)]
        closes_epoch = closes_epoch or not math.isfinite(value)
        layers = self.probe.measure(squares) if observe or closes_epoch else None
        record = StepRecord(self.steps, self.epoch + 1, self.batches.position, value, lr, layers)
        if layers:
            self.layers = layers
        if closes_epoch:
            self._end_epoch(lr)
        return record

    def next(self) -> EpochRecord:
        """Train to the end of the epoch under way, or through the next one."""
        self.step()
        while self._in_epoch:
            self.step()
        return self.history[-1]

    def set(self, **changes: Any) -> None:
        """Change hyperparameters in flight, from the next batch on.

        `NeedsRestart` for one that makes another network, loss or data, `ValueError` for a value out of
        range; nothing is changed then.
        """
        new = self.hyperparameters.replace(**changes)
        different = self.hyperparameters.differences(new)
        for name in different:
            if not named(name).in_flight:
                raise NeedsRestart(f"{name} makes another network, loss or data: it takes effect after a restart")
        for name, (before, after) in different.items():
            knob = named(name)
            at = self.epoch + self.batch / len(self.batches)
            self.changes.append(Change(self.steps, at, name, knob.show(before), knob.show(after)))
        self.hyperparameters = new
        if "optimizer" in different:
            self._set_optimizer(new)
        for name in {"momentum", "nesterov", "weight_decay"} & set(different):
            for group in self.optimizer.param_groups:
                if name in group:
                    group[name] = getattr(new, name)
        if "batch_size" in different:
            self.batches.batch_size = new.batch_size
        if "dropout" in different:
            for module in self.model.modules():
                if isinstance(module, nn.Dropout):
                    module.p = new.dropout

    def evaluate(self, x: Array, targets: Array) -> tuple[float, float]:
        """The mean loss and the metric on examples, in evaluation mode and without recording."""
        if not len(x):
            return math.nan, math.nan
        loss_sum = score_sum = 0.0
        with self.evaluating(), no_grad():
            for start in range(0, len(x), EVALUATION_CHUNK):
                part, target = x[start : start + EVALUATION_CHUNK], targets[start : start + EVALUATION_CHUNK]
                output = self.model(Tensor(part))
                loss_sum += self.loss(output, target).item() * len(part)
                score_sum += self.experiment.score(self.task, output.data, target)
        return loss_sum / len(x), self._metric(score_sum, len(x), targets)

    # --- the parts of a step

    def _set_optimizer(self, hp: Hyperparameters) -> None:
        self.optimizer = self.experiment.optimizer(hp, self.parameters)
        # A recipe may give groups learning rates of their own: they keep their ratio to hp.lr.
        self._lr_ratios = [group["lr"] / hp.lr for group in self.optimizer.param_groups]

    def _set_lr(self, lr: float) -> None:
        for group, ratio in zip(self.optimizer.param_groups, self._lr_ratios, strict=True):
            group["lr"] = lr * ratio

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
        """Accuracy, or R², from the scores of `count` examples; `targets` are those of the whole part."""
        if self.task == "classification":
            return score_sum / count
        spread = float(np.square(targets - targets.mean(axis=0)).sum()) / len(targets)
        return 1 - score_sum / count / spread if spread else math.nan

    def _begin_epoch(self) -> None:
        self.batches.start_epoch()
        self._in_epoch = True
        self._loss_sum = self._score_sum = self._seconds = 0.0
        self._seen = 0
        self._squares = [0.0] * len(self.probe.layers)
        self._first_step = self.steps

    def _end_epoch(self, lr: float) -> None:
        self.epoch += 1
        self._in_epoch = False
        steps = self.steps - self._first_step
        layers = tuple(
            replace(x, gradient_norm=math.sqrt(s / steps), gradient_rms=math.sqrt(s / steps / x.parameters))
            for x, s in zip(self.layers, self._squares, strict=True)
        )
        val_loss, val_metric = self.evaluate(self.validation.x, self._validation_targets)
        record = EpochRecord(
            epoch=self.epoch,
            step=self.steps,
            train_loss=self._loss_sum / self._seen,
            train_metric=self._metric(self._score_sum, self._seen, self.batches.targets),
            val_loss=val_loss,
            val_metric=val_metric,
            lr=lr,
            seconds=self._seconds,
            layers=layers,
        )
        self.history.append(record)
        if self._best is None or val_loss < self._best.val_loss:
            self._best = record

    def _first_look(self) -> tuple[LayerRecord, ...]:
        """Measure the network before its first step, without touching anything that the run depends on."""
        x, targets = self.batches.arrays
        with self.evaluating():
            with self.probe.observing():
                loss = self.loss(self.model(Tensor(x[:FIRST_LOOK])), targets[:FIRST_LOOK])
            self._penalised(loss).backward()
            layers = self.probe.measure(self.probe.gradient_squares())
            self.optimizer.zero_grad()
        train_loss, train_metric = self.evaluate(x, targets)
        val_loss, val_metric = self.evaluate(self.validation.x, self._validation_targets)
        self.history.append(EpochRecord(0, 0, train_loss, train_metric, val_loss, val_metric, self.lr, 0.0, layers))
        return layers

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """The model in evaluation mode (no dropout) for a while."""
        self.model.eval()
        try:
            yield
        finally:
            self.model.train()


def _prepared(dataset: Dataset, hp: Hyperparameters, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """The training and validation parts, scaled by what the training part alone shows."""
    train, validation = train_validation_split(dataset, hp.validation, rng=rng)
    if hp.scaling != "none":
        scaler = StandardScaler() if hp.scaling == "standard" else MinMaxScaler()
        scaler.fit(train.x)
        train, validation = (replace(part, x=scaler.transform(part.x)) for part in (train, validation))
    if dataset.task == "regression" and hp.target_scaling == "standard":
        columns = StandardScaler().fit(train.y.reshape(train.n_samples, -1))
        train, validation = (
            replace(part, y=columns.transform(part.y.reshape(part.n_samples, -1)).reshape(part.y.shape))
            for part in (train, validation)
        )
    return train, validation
