"""A finding is data: what is wrong, where, since when, the numbers that show it, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["information", "warning", "fault"]


@dataclass(frozen=True)
class Remedy:
    """A change that would mend a finding: in words, and as hyperparameters to set (none if it takes a person)."""

    text: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """What one rule has found.

    `layers` are the numbers of the layers concerned, `first_epoch` the epoch from which it holds,
    `numbers` what was measured beside its threshold, `remedies` the best first.
    """

    rule: str
    severity: Severity
    title: str
    layers: tuple[int, ...]
    first_epoch: int
    numbers: Mapping[str, float]
    explanation: str
    remedies: tuple[Remedy, ...]
    source: str
