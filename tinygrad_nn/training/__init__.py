"""Training as a machine that is stepped: hyperparameters, the recipe (Experiment) and the run (Session)."""

from .branches import Branch, Snapshot
from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters, Knob
from .session import NeedsRestart, Session, Stop

__all__ = [
    "KNOBS",
    "Branch",
    "Experiment",
    "Hyperparameters",
    "Knob",
    "NeedsRestart",
    "Session",
    "Snapshot",
    "Stop",
]
