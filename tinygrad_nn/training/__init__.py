"""Training as a machine that is stepped: hyperparameters, the recipe (Experiment) and the run (Session)."""

from .branches import Branch, Snapshot
from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters, Knob
from .lr_range import LRRangeTest, lr_range_test
from .session import NeedsRestart, Session, Stop

__all__ = [
    "KNOBS",
    "Branch",
    "Experiment",
    "Hyperparameters",
    "Knob",
    "LRRangeTest",
    "NeedsRestart",
    "Session",
    "Snapshot",
    "Stop",
    "lr_range_test",
]
