"""A recorded run to look at: the screen sees it as it sees one that trains, only that nothing moves."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tinygrad_nn.diagnosis import Facts, diagnose
from tinygrad_nn.training import Branch
from tinygrad_nn.training.runlog import RunLog
from tinygrad_nn.training.source import Source

from .inferior import CannotStart, Inferior, Start
from .protocol import WATCHABLE, Checkout, Command, Rewind, Snapshot, Trainee
from .worker import described

REFUSAL = "this is a recording: nn-debug resume goes on with it"


def opened(path: Path, resume: bool) -> Trainee:
    """A recorded run, to go on with or to look at. `RunFileError` or `CannotStart` where it cannot be."""
    if not resume:
        return Replay(path)
    inferior = Inferior(Start(Source(), WATCHABLE, False, resume=str(path)))
    inferior.start()
    try:
        inferior.ready()
    except CannotStart:
        inferior.close()
        raise
    return inferior


class Replay:
    """The run in a file, as a `Trainee`. `RunFileError` where it is no run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with closing(RunLog.open(path, read_only=True)) as log:
            self._info = log.info()
            self._branches = log.branches()
            self._snapshot = self._shown(self._branches[log.newest()])

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; the same object as before if nothing has happened since."""
        return self._snapshot

    def send(self, command: Command) -> None:
        match command:
            case Checkout(number):
                self._snapshot = self._shown(self._branches[number])
            case Rewind(epoch) if 0 <= epoch < len(self._snapshot.known):
                self._snapshot = self._shown(self._branches[self._snapshot.branch], epoch)
            case _:
                self._snapshot = replace(self._snapshot, notice=REFUSAL, refused=True, noticed=time.time())

    def close(self) -> None:
        """Nothing is left open."""

    def _shown(self, branch: Branch, epoch: int = -1) -> Snapshot:
        """The end of an epoch of a branch, or of its last."""
        known = tuple(branch.history)
        history = known[: epoch + 1] if epoch >= 0 else known
        last, before = history[-1], history[-2] if len(history) > 1 else None
        hp = branch.hyperparameters
        for change in branch.changes:  # those of its parent are in what it begins with: again they change nothing
            hp = hp.replace(**{change.name: change.after})
        for change in reversed(branch.changes):
            if change.step > last.step:
                hp = hp.replace(**{change.name: change.before})
        return Snapshot(
            state="finished",
            experiment=self._info.name,
            hyperparameters=hp,
            epoch=last.epoch,
            batches=last.step - before.step if before else 0,
            steps=last.step,
            lr=last.lr,
            loss=last.train_loss,
            metric_name=self._info.metric,
            data=self._info.data,
            file=str(self.path),
            history=history,
            known=known,
            branch=branch.id,
            branches=tuple(described(b) for b in self._branches),
            layers=last.layers,
            findings=diagnose(history, facts=Facts(vars(hp))),
            changes=tuple(branch.changes),
        )
