"""Diagnosis: probes (what is measured), rules (what it means and what would mend it). Both speak in `records`."""

from .domains import guard
from .probes import Probe, histogram
from .rules import Thresholds, diagnose

__all__ = ["Probe", "Thresholds", "diagnose", "guard", "histogram"]
