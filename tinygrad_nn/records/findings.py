"""A finding is data: what is wrong, where, since when, the numbers that show it, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    `numbers` what was measured and its threshold, `remedies` the best first.
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


@dataclass(frozen=True)
class Facts:
    """What is known of a run besides its records.

    `settings` are its hyperparameters by name; `heard` are the settings that do something in it, None where that is not
    known: an experiment with a model of its own may not read `activation`. `constant_loss` is the training loss of the
    best guess that is the same for every example, None where that is not known.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    heard: frozenset[str] | None = None
    constant_loss: float | None = None

    def offered(self, remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
        """The remedies that would change something, and what they change.

        Settings that are not heard are left to a person.
        """
        kept: dict[object, Remedy] = {}
        for remedy in remedies:
            changes = {n: v for n, v in remedy.changes.items() if n not in self.settings or self.settings[n] != v}
            if remedy.changes and not changes:
                continue
            if self.heard is not None and not self.heard.issuperset(changes):
                remedy, changes = Remedy(f"{remedy.text}, in the experiment's own code"), {}
            # Of two that come to the same, the later one says no more than it does.
            kept[tuple(sorted(changes.items(), key=str)) or remedy.text] = replace(remedy, changes=changes)
        return tuple(kept.values())


NOTHING_KNOWN = Facts()
