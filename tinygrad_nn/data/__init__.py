"""Data: sets that ship or are generated, splitting, scaling, batches. NumPy arrays throughout."""

from . import registry
from .batches import Batches
from .dataset import Dataset, Task
from .generated import make_circle, make_gaussians, make_moons, make_spiral, make_xor
from .loaders import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from .scaling import MinMaxScaler, StandardScaler
from .split import train_validation_split

__all__ = [
    "Batches",
    "Dataset",
    "MinMaxScaler",
    "StandardScaler",
    "Task",
    "load_breast_cancer",
    "load_diabetes",
    "load_digits",
    "load_iris",
    "load_wine",
    "make_circle",
    "make_gaussians",
    "make_moons",
    "make_spiral",
    "make_xor",
    "registry",
    "train_validation_split",
]
