"""Learning-rate schedules: `step()` once an epoch, after the optimiser's steps.

A schedule says how an epoch's learning rate follows from the one before, not what it is.
So several schedules on one optimiser work together, and one that was set by hand is carried on. (`LambdaLR`,
`CosineAnnealingWarmRestarts` and `OneCycleLR` set it outright, as in PyTorch.)
"""

from typing import TYPE_CHECKING

from ...missing import missing
from .decay import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler
from .sequence import SequentialLR

__all__ = [
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            "ConstantLR": "write LambdaLR(optimizer, lambda epoch: factor if epoch < total_iters else 1)",
            "PolynomialLR": "write LambdaLR(optimizer, lambda epoch: (1 - min(epoch, n) / n) ** power)",
            "MultiplicativeLR": "write LambdaLR with the product of the factors so far",
            "CyclicLR": "write LambdaLR, or OneCycleLR for one cycle",
            "ChainedScheduler": "step each of the schedules: they work together",
        },
    )
