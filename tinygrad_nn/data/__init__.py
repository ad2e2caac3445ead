"""Data: sets that ship or are generated, tables of one's own, splitting, scaling, batches. NumPy arrays throughout."""

from . import registry
from .batches import Batches
from .dataset import Dataset, Task
from .generated import make_circle, make_gaussians, make_moons, make_spiral, make_xor
from .loaders import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from .scaling import SCALERS, MinMaxScaler, RobustScaler, StandardScaler
from .split import train_validation_split
from .table import TableReport, read_table

__all__ = [
    "SCALERS",
    "Batches",
    "Dataset",
    "MinMaxScaler",
    "RobustScaler",
    "StandardScaler",
    "TableReport",
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
    "read_table",
    "registry",
    "train_validation_split",
]
