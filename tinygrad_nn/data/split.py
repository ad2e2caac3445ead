"""Splitting data into a part to learn from and a part to judge by."""

from __future__ import annotations

import numpy as np

from ..generator import Rng, rng_or_default
from .dataset import Array, Dataset


def train_validation_split(
    dataset: Dataset, fraction: float = 0.2, *, rng: Rng = None, stratify: bool | None = None
) -> tuple[Dataset, Dataset]:
    """A random split into (training, validation), the latter with about `fraction` of the examples.

    It is drawn from `rng`, or from the default generator. Stratified, each class is split in the same proportion and
    keeps at least one example to learn from; that is the default for a classification.

    Raises:
        ValueError: a fraction outside (0, 1), or too few examples.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be above 0 and below 1, not {fraction}")
    if dataset.n_samples < 2:
        raise ValueError(f"{dataset.name} has {dataset.n_samples} example: a split needs at least 2")
    if stratify is None:
        stratify = dataset.task == "classification"
    if stratify and dataset.task != "classification":
        raise ValueError("only a classification can be stratified")
    order = rng_or_default(rng).permutation(dataset.n_samples)
    held_back = min(max(round(fraction * dataset.n_samples), 1), dataset.n_samples - 1)
    chosen = _stratified(dataset.y[order], held_back) if stratify else np.arange(held_back)
    mask = np.zeros(dataset.n_samples, bool)
    mask[chosen] = True
    return dataset.take(order[~mask]), dataset.take(order[mask])


def _stratified(classes: Array, held_back: int) -> Array:
    """Places of `held_back` examples, each class by its share to within one; largest remainders first.

    Fewer where classes of a single example, which stay in the training part, leave their share unfilled.
    """
    labels, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    taken, remainders = np.divmod(counts * held_back, len(classes))
    for label in np.argsort(-remainders, kind="stable"):
        if taken.sum() < held_back and taken[label] < counts[label] - 1:
            taken[label] += 1
    if not taken.any():
        raise ValueError(f"every one of the {len(labels)} classes has a single example: none can be held back")
    places = [np.flatnonzero(inverse == label)[:n] for label, n in enumerate(taken)]
    return np.concatenate(places)
