"""Training as a machine that is stepped: hyperparameters, the recipe (Experiment) and the run (Session)."""

from .experiment import Experiment
from .hyperparameters import KNOBS, Hyperparameters, Knob
from .session import NeedsRestart, Session

__all__ = ["KNOBS", "Experiment", "Hyperparameters", "Knob", "NeedsRestart", "Session"]
