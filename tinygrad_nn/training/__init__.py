"""Training as a machine that is stepped: hyperparameters, the recipe (Experiment) and the run (Session)."""

from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters, Knob
from .lr_range import LRRangeTest, lr_range_test
from .session import NeedsRestart, Session

__all__ = [
    "KNOBS",
    "Experiment",
    "Hyperparameters",
    "Knob",
    "LRRangeTest",
    "NeedsRestart",
    "Session",
    "lr_range_test",
]
