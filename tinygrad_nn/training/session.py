"""Session: a debugger's hold on a run. It steps, stops, goes back in time, and tries a change next to the original.

It knows nothing of screens. The numbers come from `Trainer`; what is here is time: the branches of the
run, snapshots along them, and the moment that is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from ..anomaly import AnomalyError, detect_anomaly
from ..diagnosis import diagnose, guard
from ..records import Change, EpochRecord, Finding, StepRecord
from .branches import Branch, Snapshot, thin
from .conditions import Condition, Moment
from .experiment import Experiment
from .hyperparameters import Hyperparameters, named
from .trainer import Trainer

BUDGET = 256 * 2**20  # bytes


class NeedsRestart(ValueError):
    """A change of a hyperparameter that a running network cannot take: `fork(0, ...)` can."""


@dataclass(frozen=True)
class Stop:
    """Why a run has stopped: the kind for programs, the text for people."""

    kind: Literal["condition", "fault", "finished", "paused"]
    text: str


class Session(Trainer):
    """One run of an experiment as a machine that is stepped, forwards and back in time.

    `step()` trains on a batch, `next()` to the end of an epoch, `run_until()` to where a condition holds;
    `rewind()` goes to another moment, `fork()` tries a change from there, `checkout()` changes branches.
    `history` and `changes` are those up to the moment, `branch.history` all that is known.

    A snapshot is taken at the end of each epoch. When they exceed `budget` bytes they are thinned evenly; a
    moment between two is reached from the earlier one by running on to it, exactly.
    """

    def __init__(
        self,
        experiment: Experiment,
        hyperparameters: Hyperparameters | None = None,
        *,
        budget: int = BUDGET,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.budget = budget
        self.listeners = list(listeners)
        self.breakpoints: tuple[Condition, ...] = ()
        self._holding: set[Condition] = set()  # what held after the step before: a condition stops a run once
        self.stop: Stop | None = None  # why the last step was followed by none
        self.fault: Finding | None = None  # what went wrong in the step that comes next
        self.repeatable = True  # whether all that was run twice gave the same numbers both times
        self._found: tuple[object, tuple[Finding, ...]] = None, ()  # the findings at an epoch's end, with what is set
        self._branches: list[Branch] = []
        self._held = 0  # bytes of snapshots
        self._pausing = False
        self._applied = 0  # how many of the branch's changes are in force
        super().__init__(experiment, hyperparameters or experiment.hyperparameters)
        self._open("main", {}, [])

    @classmethod
    def resumed(
        cls,
        experiment: Experiment,
        branches: Sequence[Branch],
        current: int = 0,
        *,
        budget: int = BUDGET,
        listeners: Sequence[Listener] = (),
    ) -> Session:
        """A session that goes on with branches of an earlier one, where number `current` of them had got to.

        `repeatable` is False where the experiment does not begin as it did then.
        """
        session = cls(experiment, branches[0].hyperparameters, budget=budget)
        session.repeatable = _alike(session.history[0], branches[0].history[0])
        session.listeners = list(listeners)
        session._branches = list(branches)
        session._held = sum(snapshot.nbytes for branch in branches for snapshot in branch.snapshots)
        session.checkout(branches[current])
        return session

    # --- what a debugger asks

    @property
    def branches(self) -> tuple[Branch, ...]:
        """All branches, in the order in which they were made; each knows its parent."""
        return tuple(self._branches)

    @property
    def changes(self) -> list[Change]:
        """What was changed in flight, up to this moment."""
        return self.branch.changes[: self._applied]

    @property
    def moment(self) -> float:
        """The present moment in epochs, with the part of the one under way."""
        return self.epoch + self.batch / len(self.batches)

    @property
    def replaying(self) -> bool:
        """Whether the next step has been made before."""
        return self.steps < self.branch.frontier

    def findings(self) -> tuple[Finding, ...]:
        """What the rules say of the run so far."""
        if self.fault is not None:
            return (self.fault,)
        key, found = self._found
        if key != (self.history[-1], self.hyperparameters):
            found = diagnose(self.history, facts=self.facts)
            self._found = (self.history[-1], self.hyperparameters), found
        return found

    # --- forwards

    def step(self, n: int = 1, *, observe: bool = False) -> StepRecord:
        """Train on `n` batches, or on fewer if something stops the run, which `stop` tells.

        With `observe`, and at the end of an epoch, the layers are measured closely. A loss that is NaN or
        infinite is a fault: the session goes back to before that step, and `fault` tells what made it so.
        """
        if n < 1:
            raise ValueError(f"a step is at least one batch, not {n}")
        for _ in range(n):
            self.stop = self.fault = None
            record = self._advance(observe or any(b.needs_layers for b in self.breakpoints))
            if not math.isfinite(record.loss):
                self._investigate()
            elif self.breakpoints:
                self._check(record)
            if self.stop is not None:
                break
        return record

    def next(self, n: int = 1) -> EpochRecord:
        """Train to the end of the epoch under way, or through the next one; `n` epochs, if nothing stops it."""
        if n < 1:
            raise ValueError(f"the next epoch is at least one, not {n}")
        for _ in range(n):
            self.step()
            while self._in_epoch and self.stop is None:
                self.step()
            if self.stop is not None:
                break
        return self.history[-1]

    def break_at(self, *conditions: str) -> None:
        """Stop after a step where one of these comes to hold (see `Condition`); none takes all breakpoints off.

        Raises:
            ValueError: a text that is not a condition; the breakpoints are as before then.
        """
        kept = {b.text: b for b in self.breakpoints}
        found = [Condition(text, self.layers) for text in conditions]
        self.breakpoints = tuple(kept.get(b.text, b) for b in found)

    def run_until(self, condition: str | Callable[[StepRecord], bool] | None = None) -> Stop:
        """Train until a condition holds after a step, or something else stops the run.

        The condition is a text as for `break_at`, or a function of the step's record.
        """
        self._pausing = False
        until = Condition(condition, self.layers) if isinstance(condition, str) else None
        while not self.finished:
            record = self.step(observe=until is not None and until.needs_layers)
            if self.stop is None and until is not None and until.holds(moment := self._look(record)):
                self.stop = Stop("condition", f"after step {self.steps}, {until.explain(moment)}")
            elif self.stop is None and callable(condition) and condition(record):
                self.stop = Stop("condition", f"the condition holds after step {self.steps}")
            if self.stop is None and self._pausing:
                self.stop = Stop("paused", f"paused after step {self.steps}")
            if self.stop is not None:
                return self.stop
        self.stop = Stop("finished", self.stopped_early or f"the run is at its last epoch, {self.epoch}")
        return self.stop

    def pause(self) -> None:
        """Let `run_until` stop after the batch under way; may be called from another thread."""
        self._pausing = True

    def set(self, **changes: Any) -> None:
        """Change hyperparameters in flight, from the next batch on. In the past that makes a branch.

        Raises:
            NeedsRestart: a change that makes another network, loss or data; nothing is changed then.
            ValueError: a value out of range; nothing is changed then.
        """
        new = self.hyperparameters.replace(**changes)
        different = self.hyperparameters.differences(new)
        for name in different:
            if not named(name).in_flight:
                raise NeedsRestart(f"{name} makes another network, loss or data: it takes a fork from epoch 0")
        if not different:
            return
        if self.replaying:
            self.fork(**changes)
            return
        made = self._changes(different)
        self.branch.changes += made
        self._applied += len(made)
        self.obey(new)
        self.stop = self.fault = None

    # --- back in time, and aside

    def rewind(self, epoch: int | None = None, *, step: int | None = None) -> None:
        """Go to the end of an epoch that this branch has seen (0 is before the first step), or to after a step.

        Raises:
            ValueError: a moment that it has not seen.
        """
        branch = self.branch
        if (epoch is None) == (step is None):
            raise ValueError("rewind takes an epoch or a step")
        step = branch.step_of(epoch) if epoch is not None else step
        assert step is not None
        if not 0 <= step <= branch.frontier:
            raise ValueError(f"branch {branch.name} has seen the steps 0 to {branch.frontier}, not {step}")
        self._go(step)

    def fork(self, at: int | None = None, /, name: str = "", **changes: Any) -> Branch:
        """Make a branch that leaves this one at epoch `at` (here and now if None), with `changes`, and go there.

        Without changes it runs on as the original does. What makes another network needs `at` 0, and keeps
        data and seed unless they are among the changes.

        Raises:
            NeedsRestart: such a change at a later epoch; nothing is changed then.
            ValueError: a value out of range, or an epoch not seen; nothing is changed then.
        """
        if any(b.name == name for b in self._branches):
            raise ValueError(f"there is a branch {name!r} already")
        start = self.hyperparameters if at is None else self._settings_at(self.branch.step_of(at))
        new = start.replace(**changes)
        edge = start.differences(new)
        other = [n for n in edge if not named(n).in_flight]
        if other and (self.steps if at is None else at) != 0:
            raise NeedsRestart(f"{', '.join(other)} makes another network, loss or data: fork from epoch 0")
        if at is not None:
            self.rewind(at)
        made = self.changes
        if other:
            self.build(new)
        else:
            made += self._changes(edge)
            self.obey(new)
        self.stop = self.fault = None
        return self._open(name or f"fork {len(self._branches)}", edge, made)

    def restart(self, **changes: Any) -> Branch:
        """Go back to before the first step; with changes, on a branch of its own."""
        if changes:
            return self.fork(0, **changes)
        self.rewind(0)
        return self.branch

    def checkout(self, branch: Branch | str, epoch: int | None = None) -> None:
        """Go to another branch: to where it got to, or to the end of an epoch that it has seen."""
        if isinstance(branch, str):
            found = next((b for b in self._branches if b.name == branch), None)
            if found is None:
                raise ValueError(
                    f"there is no branch {branch!r}: there are {', '.join(b.name for b in self._branches)}"
                )
            branch = found
        last = len(branch.history) - 1
        if epoch is None and last and not math.isfinite(branch.history[last].train_loss):
            epoch = last - 1  # before the fault
        step = branch.frontier if epoch is None else branch.step_of(epoch)
        self.branch = branch
        self._go(step)

    # --- how time is kept

    def _changes(self, different: Mapping[str, tuple[Any, Any]]) -> list[Change]:
        at = self.moment
        return [Change(self.steps, at, name, before, after) for name, (before, after) in different.items()]

    def _open(self, name: str, edge: Mapping[str, tuple[Any, Any]], changes: list[Change]) -> Branch:
        """A new branch from the present moment; these changes have been made on the way to it."""
        parent = self.branch if self._branches else None
        self._applied = len(changes)
        self.branch = Branch(
            id=len(self._branches),
            name=name,
            parent=parent,
            step=self.steps,
            epoch=self.moment,
            edge=edge,
            hyperparameters=self.hyperparameters,
            history=list(self.history),
            changes=changes,
            frontier=self.steps,
        )
        self._branches.append(self.branch)
        self._keep()
        for listener in self.listeners:
            listener.branched(self, self.branch)
        return self.branch

    def _advance(self, observe: bool = False) -> StepRecord:
        """One batch."""
        record = self.train_batch(observe)
        self.branch.frontier = max(self.branch.frontier, self.steps)
        self._catch_up()
        return record

    def _look(self, record: StepRecord) -> Moment:
        """What a condition is asked about."""
        return Moment(record, self.history, record.layers or self.layers, self.findings)

    def _check(self, record: StepRecord) -> None:
        """Stop if a breakpoint holds that did not hold after the step before."""
        moment = self._look(record)
        holding = {b for b in self.breakpoints if b.holds(moment)}
        came = [b.explain(moment) for b in self.breakpoints if b in holding - self._holding]
        self._holding = holding
        if came:
            self.stop = Stop("condition", f"after step {self.steps}, " + "; ".join(came))

    def _catch_up(self) -> None:
        """Make the changes that this branch has had at this moment."""
        changes = self.branch.changes
        while self._applied < len(changes) and changes[self._applied].step <= self.steps:
            change = changes[self._applied]
            self.obey(self.hyperparameters.replace(**{change.name: change.after}))
            self._applied += 1

    def _close(self, record: EpochRecord) -> None:
        known = self.branch.history
        if record.epoch < len(known):  # it has been here before
            before = known[record.epoch]
            self.repeatable = self.repeatable and _alike(record, before)
            super()._close(before)
            return
        super()._close(record)
        known.append(record)
        snapshot = self._keep() if math.isfinite(record.train_loss) else None
        for listener in self.listeners:
            listener.epoch_ended(self, record, snapshot)

    def _keep(self) -> Snapshot:
        """Take a snapshot, and stay within the budget."""
        snapshot = Snapshot(self.epoch, self.steps, self._applied, self.capture())
        self.branch.snapshots.append(snapshot)
        self._held += snapshot.nbytes
        while self._held > self.budget and (dropped := thin(self._branches)) is not None:
            self._held -= dropped[1].nbytes
            for listener in self.listeners:
                listener.dropped(*dropped)
        return snapshot

    def _go(self, step: int) -> None:
        """To the moment after `step` of this branch, from the newest snapshot before it."""
        snapshot = self.branch.snapshot_before(step)
        self.stop = self.fault = None
        self._holding = set()
        self._applied = snapshot.changes
        self.restore(snapshot.state, self.branch.history)
        self._catch_up()
        while self.steps < step:
            self._advance()

    def _settings_at(self, step: int) -> Hyperparameters:
        """The hyperparameters in force after `step` of this branch."""
        snapshot = self.branch.snapshot_before(step)
        hp = Hyperparameters(**snapshot.state["hyperparameters"])
        for change in self.branch.changes[snapshot.changes :]:
            if change.step <= step:
                hp = hp.replace(**{change.name: change.after})
        return hp

    def _investigate(self) -> None:
        """The loss is not a finite number: find out which operation made it so, and stop before that step."""
        bad = self.steps
        finding = next((f for f in diagnose(self.history, facts=self.facts) if f.rule == "not_finite"), None)
        error = self._anomaly(bad)
        text = (
            f"{error}"
            if error
            else f"no operation made it from finite numbers: the update of step {bad - 1} did, by its size"
        )
        self._go(bad - 1)
        if finding is not None:
            guarded = error and guard(error.operation, error.ranges)
            remedies = (guarded,) if guarded else finding.remedies
            if bad == 1:  # no step has been made that a learning rate had a part in
                remedies = tuple(r for r in remedies if "lr" not in r.changes)
            self.fault = replace(finding, explanation=f"{finding.explanation}\n{text}", remedies=remedies)
        self.stop = Stop("fault", f"the loss of step {bad} is not a finite number\n{text}")

    def _anomaly(self, bad: int) -> AnomalyError | None:
        """What `detect_anomaly` says of the step that went bad, or of the one before, which may have caused it."""
        self._go(max(bad - 2, 0))
        try:
            with detect_anomaly():
                while self.steps < bad:
                    self._advance()
        except AnomalyError as error:
            return error
        return None


def _alike(a: EpochRecord, b: EpochRecord) -> bool:
    """Whether two records are of the same numbers; NaN is NaN."""
    return repr((a.train_loss, a.val_loss)) == repr((b.train_loss, b.val_loss))


class Listener(Protocol):
    """Told of what is new in a session, as it happens: to record it, say."""

    error: str  # why it listens no more; empty while all is well

    def branched(self, session: Session, branch: Branch) -> None:
        """A branch was made; the session is on it."""

    def epoch_ended(self, session: Session, record: EpochRecord, snapshot: Snapshot | None) -> None:
        """An epoch has ended that was never run before; no snapshot where it ended in a fault."""

    def dropped(self, branch: Branch, snapshot: Snapshot) -> None:
        """A snapshot was given up to stay within the budget."""
