"""Optimisers, learning-rate schedules and gradient clipping, with PyTorch's names and meanings.

Schedules are in `optim.lr_scheduler`, and here as well.
"""

from typing import TYPE_CHECKING

from ..missing import missing
from . import lr_scheduler
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .clip import clip_grad_norm_, clip_grad_value_
from .lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]

OTHERS = ("ASGD", "Adadelta", "Adafactor", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam", "Rprop")

if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            **dict.fromkeys(OTHERS, "SGD, RMSprop, Adagrad, Adam and AdamW are there"),
            "SparseAdam": "gradients are dense: use Adam",
            "swa_utils": "average the arrays of state_dict() by hand",
        },
    )
