"""Two-dimensional sets drawn at random: the four of TensorFlow Playground, and two moons.

Each is `make_...(n_samples, noise, rng=...)` and the same for the same generator state; without `rng` the default
generator is drawn from. Without noise half the examples are of each class (xor: about half). Playground's noise goes
from 0 to 0.5. Definitions: Smilkov & Carter, TensorFlow Playground, 2016 (two moons: the shape in common use).
"""

from __future__ import annotations

import numpy as np

from ..generator import Rng, rng_or_default
from .dataset import Array, Dataset

RADIUS = 5.0
SOURCE = "generated; after TensorFlow Playground (Smilkov & Carter 2016)"


def _dataset(name: str, x: Array, y: Array, description: str, source: str = SOURCE) -> Dataset:
    return Dataset(
        name=name,
        x=x.astype(np.float32),
        y=y.astype(np.int64),
        feature_names=("x1", "x2"),
        target_names=("orange", "blue"),
        task="classification",
        description=description,
        source=source,
    )


def _checked(n_samples: int, noise: float) -> None:
    if n_samples < 4:
        raise ValueError(f"n_samples must be at least 4, not {n_samples}")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be 0 or more, not {noise}")


def make_xor(n_samples: int = 500, noise: float = 0.0, *, rng: Rng = None) -> Dataset:
    """Points in the square [-5.3, 5.3]², class 1 where x1·x2 ≥ 0, none nearer to an axis than 0.3.

    `noise` moves the point that decides the class by up to noise · 5 each way, so that classes mix.
    """
    _checked(n_samples, noise)
    rng = rng_or_default(rng)
    x = rng.uniform(-RADIUS, RADIUS, (n_samples, 2))
    x += np.where(x > 0, 0.3, -0.3)
    moved = x + noise * rng.uniform(-RADIUS, RADIUS, x.shape)
    y = moved[:, 0] * moved[:, 1] >= 0
    return _dataset("xor", x, y, "quadrants in two colours, like a chessboard of four fields")


def make_circle(n_samples: int = 500, noise: float = 0.0, *, rng: Rng = None) -> Dataset:
    """A disc of radius 2.5 inside a ring from 3.5 to 5; class 1 is what is nearer to the centre than 2.5.

    `noise` moves the point that decides the class by up to noise · 5 each way, so that classes mix.
    """
    _checked(n_samples, noise)
    rng = rng_or_default(rng)
    inner = np.arange(n_samples) < n_samples // 2
    radius = np.where(inner, rng.uniform(0, 0.5 * RADIUS, n_samples), rng.uniform(0.7 * RADIUS, RADIUS, n_samples))
    angle = rng.uniform(0, 2 * np.pi, n_samples)
    x = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    moved = x + noise * rng.uniform(-RADIUS, RADIUS, x.shape)
    y = np.hypot(moved[:, 0], moved[:, 1]) < 0.5 * RADIUS
    return _dataset("circle", x, y, "a disc inside a ring")


def make_gaussians(n_samples: int = 500, noise: float = 0.0, *, rng: Rng = None) -> Dataset:
    """Two clouds around (2, 2) (class 1) and (-2, -2) (class 0), each normal.

    The variance grows with `noise`, from 0.5 at 0 to 4 at 0.5.
    """
    _checked(n_samples, noise)
    rng = rng_or_default(rng)
    y = np.arange(n_samples) < n_samples // 2
    centre = np.where(y, 2.0, -2.0)[:, None]
    x = centre + rng.normal(0, np.sqrt(0.5 + 7.0 * noise), (n_samples, 2))
    return _dataset("gaussians", x, y, "two clouds that a straight line parts")


def make_spiral(n_samples: int = 500, noise: float = 0.0, *, rng: Rng = None) -> Dataset:
    """Two spirals of 1.75 turns wound into each other, out to radius 5.

    `noise` moves each point by up to noise · 1 along each axis.
    """
    _checked(n_samples, noise)
    rng = rng_or_default(rng)
    y = np.arange(n_samples) < n_samples // 2
    counts = np.where(y, n_samples // 2, n_samples - n_samples // 2)
    way = np.concatenate([np.arange(n_samples // 2), np.arange(n_samples - n_samples // 2)]) / counts
    angle = 1.75 * way * 2 * np.pi + np.where(y, 0.0, np.pi)
    x = (way * RADIUS)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    x += noise * rng.uniform(-1, 1, x.shape)
    return _dataset("spiral", x, y, "two spirals wound into each other: the hard one")


def make_moons(n_samples: int = 500, noise: float = 0.1, *, rng: Rng = None) -> Dataset:
    """Two half circles of radius 1 that reach into each other; `noise` is the standard deviation of each point."""
    _checked(n_samples, noise)
    rng = rng_or_default(rng)
    y = np.arange(n_samples) < n_samples // 2
    angle = rng.uniform(0, np.pi, n_samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(y[:, None], lower, upper) + rng.normal(0, 1, (n_samples, 2)) * noise
    return _dataset("moons", x, y, "two half moons that reach into each other", "generated")
