"""Diagnosis: probes (what is measured), records (what was measured), rules (what it means and what would mend it)."""

from .domains import guard
from .findings import Facts, Finding, Remedy
from .probes import Probe, histogram
from .records import Change, EpochRecord, Histogram, LayerRecord, StepRecord
from .rules import Thresholds, diagnose

__all__ = [
    "Change",
    "EpochRecord",
    "Facts",
    "Finding",
    "Histogram",
    "LayerRecord",
    "Probe",
    "Remedy",
    "StepRecord",
    "Thresholds",
    "diagnose",
    "guard",
    "histogram",
]
