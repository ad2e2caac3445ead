"""What was measured and what was found, as plain frozen data: the app, the commands and a replay all read it."""

from .findings import NOTHING_KNOWN, Facts, Finding, Remedy, Severity
from .measured import Change, EpochRecord, Histogram, LayerRecord, StepRecord

__all__ = [
    "NOTHING_KNOWN",
    "Change",
    "EpochRecord",
    "Facts",
    "Finding",
    "Histogram",
    "LayerRecord",
    "Remedy",
    "Severity",
    "StepRecord",
]
