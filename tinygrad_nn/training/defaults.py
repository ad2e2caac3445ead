"""Where a run on a table of one's own starts: how long, how fast and how strictly, by how many rows there are.

A budget in epochs would be too short for a small table, at 30 epochs of two batches each, and a network of the same
size learns a small one by heart. So there is a least number of steps, and a penalty on the weights that fades as rows
come in: λ = c/n is what a prior of the same width on each weight weighs against the mean loss of n examples (MacKay
1992). The numbers were chosen on 40 tables that scikit-learn, statsmodels and R's packages ship, and compared there
with scikit-learn's own networks and linear models: `python -m tests.benchmarks.tables`.
"""

from __future__ import annotations

import math
from typing import Any

from ..data import Dataset
from .hyperparameters import Hyperparameters

STEPS = 500  # at the least
EPOCHS = 30  # at the least
LR = 0.003  # of Adam, falling to 0 along half a cosine
STRICTNESS = 10.0  # λ of L2, times the rows


def for_table(table: Dataset, hp: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters for the rows of a table of which `hp.validation` are held back, in batches of `hp.batch_size`."""
    rows = max(table.n_samples - round(hp.validation * table.n_samples), 1)
    return {
        "lr": LR,
        "schedule": "cosine",
        "epochs": max(EPOCHS, math.ceil(STEPS / math.ceil(rows / hp.batch_size))),
        "l2": float(f"{STRICTNESS / rows:.2g}"),
    }


def in_words(chosen: dict[str, Any], table: Dataset) -> str:
    """What was chosen, for the notes of a run."""
    settings = ", ".join(f"{name}={value}" for name, value in chosen.items())
    return f"chosen for {table.n_samples} rows: {settings}"
