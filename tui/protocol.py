"""The protocol between the screen and what trains: commands one way, frozen snapshots the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from tinygrad_nn.graph import Graph
from tinygrad_nn.records import NOTHING_KNOWN, Change, EpochRecord, Facts, Finding, LayerRecord
from tinygrad_nn.training import Hyperparameters

PACES = (1, 2, 5, 10, 20, 50, None)  # epochs a second, for eyes to follow; None is as fast as it goes
WATCHABLE = 5


def unhurried(epochs: int, pace: float | None) -> float | None:
    """The pace, or the slowest of `PACES` at which so many epochs end within a minute; the quickest, if none is."""
    if pace is None or epochs / pace <= 60:
        return pace
    quicker = [p for p in PACES if p is not None and p > pace]
    return next((p for p in quicker if epochs / p <= 60), max([pace, *quicker]))


State = Literal["starting", "paused", "running", "finished", "failed", "cut off"]


@dataclass(frozen=True)
class Run:
    """Train until told otherwise, or to the last epoch."""


@dataclass(frozen=True)
class Pause:
    """Stop after the batch under way."""


@dataclass(frozen=True)
class Step:
    """Train on some batches, then pause."""

    batches: int = 1


@dataclass(frozen=True)
class Next:
    """Train to the end of the epoch, then pause."""


@dataclass(frozen=True)
class Until:
    """Train to the end of epoch `epoch`, then pause."""

    epoch: int


@dataclass(frozen=True)
class Rewind:
    """Go to another moment of the branch: the end of an epoch that it has seen."""

    epoch: int


@dataclass(frozen=True)
class Fork:
    """Make a branch that leaves at the end of `epoch` (here and now if None), with changes, and go there."""

    epoch: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkout:
    """Go to another branch: to where it got to."""

    branch: int


@dataclass(frozen=True)
class Set:
    """Change hyperparameters in flight; in the past that makes a branch."""

    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Restart:
    """Go to before the first step; with changes, on a branch of its own."""

    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How many epochs a second to train at the most; None is as fast as it goes."""

    epochs_per_second: float | None


@dataclass(frozen=True)
class ShowGraph:
    """Trace the loss of a batch, with its gradients' operations if asked; the run is not disturbed."""

    backward: bool = False


@dataclass(frozen=True)
class Break:
    """Stop where one of these conditions holds after a step; they replace the ones that were set."""

    conditions: tuple[str, ...]


Command: TypeAlias = (
    Run | Pause | Step | Next | Until | Set | Restart | Pace | Rewind | Fork | Checkout | Break | ShowGraph
)


@dataclass(frozen=True)
class BranchInfo:
    """A branch as the screen shows it: where it leaves its parent, how it is called, how far it got."""

    id: int
    name: str
    title: str  # with the changes that made it
    parent: int | None
    epoch: float  # where it leaves its parent
    epochs: int  # completed
    best_loss: float = math.nan  # the lowest on the validation part
    best_metric: float = math.nan  # the highest there
    curve: tuple[tuple[int, float], ...] = ()  # epochs, not necessarily all, with the validation loss


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the screen shows: the run at one moment.

    `history`, `layers` and `findings` are those up to the moment, `known` and `changes` all that the branch has
    seen. `notice` is the answer to the last command, `refused` says that it was declined, and `noticed`, a time,
    tells it from an equal one: a notice stays for a second, since nobody sees every snapshot. `error` is the user's own
    traceback when the run has failed.
    """

    state: State
    experiment: str
    hyperparameters: Hyperparameters
    epoch: int = 0  # completed epochs
    batch: int = 0  # completed batches of the epoch under way
    batches: int = 0  # batches of an epoch
    steps: int = 0
    steps_per_second: float = 0.0
    pace: float | None = None  # epochs a second at the most
    lr: float = 0.0  # of the next step, after decay
    loss: float = float("nan")  # of the newest batch
    metric_name: str = "accuracy"
    data: str = ""  # the data in a line
    notes: tuple[str, ...] = ()  # what was done to the data
    file: str = ""  # where the run is recorded
    trained_by: int | None = None  # the process that trains what is only looked at here
    history: tuple[EpochRecord, ...] = ()
    known: tuple[EpochRecord, ...] = ()
    branch: int = 0
    branches: tuple[BranchInfo, ...] = ()
    graph: Graph | None = None  # what ShowGraph has asked for last
    breakpoints: tuple[str, ...] = ()
    stops: tuple[float, ...] = ()  # where breakpoints have stopped the branch, in epochs
    layers: tuple[LayerRecord, ...] = ()  # the newest close look
    findings: tuple[Finding, ...] = ()
    facts: Facts = NOTHING_KNOWN  # what rules may know besides the records, without the settings
    changes: tuple[Change, ...] = ()
    notice: str = ""
    refused: bool = False
    noticed: float = 0.0
    error: str = ""


class Trainee(Protocol):
    """What the screen looks at: a worker, in a thread or in a process."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""

    def send(self, command: Command) -> None:
        """Ask for something; the answer is in a later snapshot."""

    def close(self) -> None:
        """End the training."""
