"""What a run is measured by: the loss of the best guess that is the same for every example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn
from ..data import Dataset

OF_CLASSES = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.NLLLoss, nn.BCELoss)


def constant_loss(loss: Callable[..., Any], train: Dataset) -> float | None:
    """The mean loss on the training part of its class shares, or of its mean; None of a loss that is not one of these.

    For classes that is their entropy, -Σ p log p; for numbers and the squared error their variance. Below it a network
    has learnt something of the inputs: to come down to it the output's bias is enough.
    """
    plain = getattr(loss, "reduction", "") == "mean" and not getattr(loss, "label_smoothing", 0.0)
    if not plain or any(getattr(loss, name, None) is not None for name in ("weight", "pos_weight")):
        return None
    if type(loss) in OF_CLASSES and train.task == "classification":
        shares = np.bincount(train.y) / len(train.y)
        shares = shares[shares > 0]
        return float(-np.sum(shares * np.log(shares)))
    if type(loss) is nn.MSELoss and train.task == "regression":
        return float(np.var(train.y.astype(float), axis=0).mean())
    return None
