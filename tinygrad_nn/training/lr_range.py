"""The learning-rate range test: one short run in which the learning rate rises until the loss diverges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .border import check_attributes
from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters
from .trainer import Trainer

SMOOTHING = 0.9  # how much of the running mean of the losses stays in each batch
START = 10  # the batches at the lowest learning rates, whose mean is where the loss starts
DIVERGED = 3.0  # by how many times its lowest the smoothed loss may rise above that: the test ends there
FALLEN = 0.25  # the share of the loss that must be lost for the curve to say anything
NEARLY = 0.95  # the share of the fall after which the curve is at its bottom
MARGIN = 10.0  # the learning rate there against the suggestion


@dataclass(frozen=True, eq=False)
class LRRangeTest:
    """What the test has seen, batch by batch: the learning rate, the loss, the smoothed loss; and the advice.

    `suggestion` is None where the loss has not fallen. `why` says in words what it rests on.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    why: str


def lr_range_test(
    experiment: Experiment,
    hyperparameters: Hyperparameters | None = None,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    batches: int = 200,
) -> LRRangeTest:
    """Train a fresh network while the learning rate rises from `low` to `high` (Smith 2017, section 3.3).

    It rises geometrically from batch to batch, `batches` in all, and the test ends early when the loss diverges.
    The hyperparameters' own learning rate, schedule and early stopping have no part in it. The losses are smoothed
    by an exponential mean, corrected for its start as Adam's moments are; the suggestion is a tenth of the learning
    rate at which the smoothed loss had all but reached its lowest.

    Raises:
        ValueError: not 0 < low < high <= 1000, or fewer than 20 batches.
    """
    if not 0 < low < high <= KNOBS["lr"].high:
        raise ValueError(f"the learning rates must be 0 < low < high <= {KNOBS['lr'].high:g}, not {low} and {high}")
    if batches < 2 * START:
        raise ValueError(f"a range test needs at least {2 * START} batches, not {batches}")
    check_attributes(experiment)
    hp = (hyperparameters or experiment.hyperparameters).replace(
        lr_decay=0.0, schedule="constant", warmup=0, patience=0, goal=0.0
    )
    lrs: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    with np.errstate(all="ignore"):  # it is meant to diverge
        trainer = Trainer(experiment, hp)
        for i, lr in enumerate(np.geomspace(low, high, batches).tolist(), start=1):
            trainer.obey(
                hp.replace(lr=lr)
            )  # not at the start: groups of a recipe keep their ratio to the learning rate it was made for
            loss = trainer.train_batch().loss
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            lrs.append(lr)
            losses.append(loss)
            smoothed.append(mean / (1 - SMOOTHING**i))
            lowest = min(smoothed)
            if not math.isfinite(loss) or smoothed[-1] - lowest > DIVERGED * abs(lowest):
                break
    return LRRangeTest(tuple(lrs), tuple(losses), tuple(smoothed), *_advice(lrs, losses, smoothed, high))


def _advice(lrs: list[float], losses: list[float], smoothed: list[float], high: float) -> tuple[float | None, str]:
    """The suggestion and why."""
    diverged = f"it diverged at {lrs[-1]:.2g}" if lrs[-1] < high else f"up to {high:g} it did not diverge"
    if len(lrs) < 2 * START:
        return None, f"The loss is lost from the start, {diverged}: begin with a lower learning rate."
    start = sum(losses[:START]) / START
    curve = [(loss, lr) for loss, lr in zip(smoothed[START:], lrs[START:], strict=True) if math.isfinite(loss)]
    lowest = min(curve)[0]
    if start - lowest < FALLEN * abs(start):
        return None, (
            f"The loss has hardly fallen, from {start:.3g} to {lowest:.3g}, and {diverged}: the network does not learn "
            f"at any of these learning rates within {len(lrs)} batches. With more batches the curve may say more."
        )
    bottom = start - NEARLY * (start - lowest)
    knee = next(lr for loss, lr in curve if loss <= bottom)
    return float(f"{knee / MARGIN:.2g}"), (
        f"The smoothed loss fell from {start:.3g} to {lowest:.3g}; {NEARLY:.0%} of that was done at a learning rate of "
        f"{knee:.2g}, and {diverged}. A tenth of the former is quick and leaves room."
    )
