"""The one table of data sets by name, for the command line and the app."""

from __future__ import annotations

from collections.abc import Callable

from ..generator import Rng
from .dataset import Dataset
from .generated import make_circle, make_gaussians, make_moons, make_spiral, make_xor
from .loaders import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from .names import unknown

SHIPPED: dict[str, tuple[Callable[[], Dataset], str]] = {
    "digits": (load_digits, "handwritten digits, 1,797 images of 8x8 pixels, ten classes"),
    "iris": (load_iris, "150 irises by four lengths in cm, three species"),
    "wine": (load_wine, "178 Italian wines by 13 chemical measurements, three cultivars"),
    "breast_cancer": (load_breast_cancer, "569 breast tumours by 30 measurements of cell nuclei, malignant or benign"),
    "diabetes": (load_diabetes, "442 diabetes patients by ten measurements, progression after a year: a regression"),
}
GENERATED: dict[str, tuple[Callable[..., Dataset], str]] = {
    "xor": (make_xor, "generated: quadrants in two colours, like a chessboard of four fields"),
    "circle": (make_circle, "generated: a disc inside a ring"),
    "gaussians": (make_gaussians, "generated: two clouds that a straight line parts"),
    "spiral": (make_spiral, "generated: two spirals wound into each other: the hard one"),
    "moons": (make_moons, "generated: two half moons that reach into each other"),
}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return (*SHIPPED, *GENERATED)


def describe(name: str) -> str:
    """What a data set is, in a line.

    Raises:
        ValueError: an unknown name.
    """
    _known(name)
    return (SHIPPED.get(name) or GENERATED[name])[1]


def load(name: str, *, rng: Rng = None, n_samples: int | None = None, noise: float | None = None) -> Dataset:
    """The data set of that name; `n_samples` and `noise` are for the generated ones.

    Raises:
        ValueError: an unknown name (the closest is suggested), or a setting that a shipped set does not have.
    """
    _known(name)
    settings = {k: v for k, v in (("n_samples", n_samples), ("noise", noise)) if v is not None}
    if name in GENERATED:
        return GENERATED[name][0](rng=rng, **settings)
    if settings:
        raise ValueError(f"{name} is what it is: {' and '.join(settings)} are for generated data")
    return SHIPPED[name][0]()


def _known(name: str) -> None:
    if name not in names():
        raise unknown("data set", name, names())
