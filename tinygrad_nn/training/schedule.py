"""The learning rate of a run, as a function of its hyperparameters and of the epochs on record.

No schedule has to be carried along, saved or restored: a run that is taken back in time, or given other
hyperparameters in flight, has the right learning rate at once. `tinygrad_nn.optim` has the same schedules
as objects, for training loops of one's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ..records import EpochRecord
from .hyperparameters import Hyperparameters

THRESHOLD = 1e-4  # by what share a loss must fall to count as better, as in optim.ReduceLROnPlateau


def learning_rate(hp: Hyperparameters, history: Sequence[EpochRecord]) -> float:
    """The learning rate of the epoch after `history`, whose first record is epoch 0, before any step.

    lr · (1 - decay)^epoch · schedule(epoch) · warmup(epoch), with epochs counted from 0.
    """
    epoch = history[-1].epoch if history else 0
    lr = hp.lr * (1 - hp.lr_decay) ** epoch
    if hp.schedule == "cosine":
        lr *= (1 + math.cos(math.pi * min(epoch / hp.epochs, 1))) / 2
    elif hp.schedule == "step":
        lr *= 0.1 ** min(3 * epoch // hp.epochs, 2)
    elif hp.schedule == "plateau":
        lr *= 0.1 ** plateaus((record.val_loss for record in history[1:]), hp.plateau_patience)
    return lr * min(1, (epoch + 1) / hp.warmup) if hp.warmup else lr


def plateaus(losses: Iterable[float], patience: int) -> int:
    """How often the losses, one for each epoch, have not got better for more than `patience` epochs.

    Better is a ten-thousandth below the best so far; NaN is not. After a plateau the count begins anew. What
    `optim.ReduceLROnPlateau(patience=patience)` would have reduced by now.
    """
    best, bad, count = math.inf, 0, 0
    for loss in losses:
        if loss < best * (1 - THRESHOLD):
            best, bad = loss, 0
        else:
            bad += 1
            if bad > patience:
                bad, count = 0, count + 1
    return count
