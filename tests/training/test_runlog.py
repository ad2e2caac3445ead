"""The run's file: what goes in comes out bit for bit, and nothing that happens to it takes more than it must."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import examples
from tests.training.test_time_travel import FULL, assert_same, losses, state
from tinygrad_nn.records import EpochRecord, Histogram, LayerRecord
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.branches import Branch
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError, RunInfo, RunLog
from tinygrad_nn.training.runs import resume, summary
from tinygrad_nn.training.schema import EPOCH, HISTOGRAMS, LAYER, MIGRATIONS, RUN

INFO = RunInfo("a run", {"data": "xor"}, "accuracy", "xor: 4 examples", 1.5e9)


def same(a: Any, b: Any) -> bool:
    """The same bits: NaN is NaN, and 1 is not 1.0."""
    if isinstance(a, Histogram | LayerRecord | EpochRecord):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b) and type(a) is type(b)


floats = st.floats().map(lambda x: x + 0.0)  # SQLite has no -0.0
counts = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(lambda n: np.array(n, np.int64))
histograms = st.builds(Histogram, floats, floats, counts, st.integers(0, 9))
layers = st.builds(
    LayerRecord,
    index=st.just(1),
    name=st.text(st.characters(exclude_categories=("Cs",)), max_size=4),
    label=st.sampled_from(["Linear 2→8", "Ümlaut\n", ""]),
    parameters=st.integers(0, 2**40),
    **{f.name: histograms if f.name in HISTOGRAMS else floats for f in fields(LayerRecord)[4:]},
)
records = st.builds(
    EpochRecord,
    epoch=st.integers(0, 10**6),
    step=st.integers(0, 10**9),
    layers=st.lists(layers, max_size=1).map(tuple),
    **{f.name: floats for f in fields(EpochRecord)[2:-1]},
)


@examples(60)
@given(record=records)
def test_a_record_comes_back_bit_for_bit(record, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "a.run"
    log = RunLog.create(path, INFO)
    log.add_branch(Branch(0, "main", None, 0, 0.0, {}, FULL, [], []))
    log.add_epoch(0, record)
    (back,) = log.epochs(0)
    log.close()
    assert same(back, record)


def recorded(path, session_of=lambda listeners: Session(Experiment("moons", FULL), listeners=listeners)):
    recorder = Recorder(path, {"data": "moons"})
    return session_of([recorder]), recorder


def assert_the_file_holds(session: Session, path) -> None:
    log = RunLog.open(path, read_only=True)
    branches = log.branches(snapshots=True)
    assert len(branches) == len(session.branches)
    for ours, theirs in zip(session.branches, branches, strict=True):
        assert same(tuple(ours.history), tuple(theirs.history))
        assert ours.changes == theirs.changes
        assert (ours.name, ours.step, ours.epoch, dict(ours.edge)) == (
            theirs.name, theirs.step, theirs.epoch, theirs.edge,
        )  # fmt: skip
        assert ours.hyperparameters == theirs.hyperparameters
        assert [s.step for s in ours.snapshots] == [s.step for s in theirs.snapshots]
        assert [s.pack() for s in ours.snapshots] == [s.pack() for s in theirs.snapshots]
        assert (ours.parent and ours.parent.id) == (theirs.parent and theirs.parent.id)
    log.close()


def test_a_session_with_branches_and_changes_is_recorded_whole(tmp_path):
    path = tmp_path / "runs" / "ä run.nndb"
    s, recorder = recorded(path)
    s.next(4)
    s.set(lr=0.1, dropout=0.1)
    s.next()
    s.rewind(2)
    s.set(optimizer="sgd")
    s.next(2)
    s.fork(0, hidden=(3, 2))
    s.next(3)
    s.checkout("main")
    recorder.close()
    assert recorder.error == ""
    assert_the_file_holds(s, path)
    log = RunLog.open(path, read_only=True)
    info = log.info()
    assert (info.name, info.source, info.metric) == ("moons", {"data": "moons"}, "accuracy")
    assert info.ended >= info.started
    assert log.newest() == 2
    assert len(log.epochs(0, since=3)) == 2
    log.close()


def test_snapshots_that_are_given_up_leave_the_file_too(tmp_path):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.budget = 6 * s.branch.snapshots[0].nbytes
    s.next(20)
    recorder.close()
    assert 3 <= len(s.branch.snapshots) <= 6
    assert_the_file_holds(s, path)


def test_findings_are_recorded(tmp_path):
    path = tmp_path / "a.run"
    hp = Hyperparameters(hidden=(4,) * 8, activation="sigmoid", init="normal", epochs=50)
    s, recorder = recorded(path, lambda listeners: Session(Experiment("spiral", hp), listeners=listeners))
    s.next(20)
    recorder.close()
    assert s.findings()
    log = RunLog.open(path)
    assert log.findings(0, 20) == s.findings()
    assert log.findings(0, 0) == ()
    log.close()


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adam", "adamw"])
def test_a_run_resumed_ends_as_the_one_that_went_on(tmp_path, optimizer):
    path = tmp_path / "a.run"
    hp = FULL.replace(optimizer=optimizer)
    straight = Session(Experiment("moons", hp))
    straight.next(7)
    straight.set(lr=0.003)
    straight.next(13)

    s, recorder = recorded(path, lambda listeners: Session(Experiment("moons", hp), listeners=listeners))
    s.next(7)
    s.set(lr=0.003)
    s.next(1)
    recorder.close(ended=False)
    log = RunLog.open(path)
    recorder = Recorder(log)
    again = Session.resumed(Experiment("moons", hp), log.branches(snapshots=True), log.newest(), listeners=[recorder])
    assert (again.epoch, again.repeatable) == (8, True)
    again.next(12)
    recorder.close()
    assert_same(state(again), state(straight))
    assert losses(again) == losses(straight)
    assert_the_file_holds(again, path)


def test_an_experiment_that_begins_otherwise_is_noticed(tmp_path):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.next()
    recorder.close()
    log = RunLog.open(path)
    assert not Session.resumed(Experiment("xor", FULL), log.branches(snapshots=True)).repeatable
    log.close()


def test_a_run_that_ended_in_nan_resumes_before_it(tmp_path):
    path = tmp_path / "a.run"
    hp = FULL.replace(optimizer="sgd", lr=900.0, normalization="none", dropout=0.0)
    experiment = Experiment("diabetes", hp)
    s, recorder = recorded(path, lambda listeners: Session(experiment, listeners=listeners))
    with np.errstate(all="ignore"):
        assert s.run_until().kind == "fault"
    recorder.close()
    log = RunLog.open(path)
    with np.errstate(all="ignore"):
        again = Session.resumed(experiment, log.branches(snapshots=True))
    assert math.isfinite(again.history[-1].train_loss)
    log.close()


# --- files that are not what they should be


def read(path) -> None:
    log = RunLog.open(path, read_only=True)
    with closing(log):
        log.branches(snapshots=True)


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("precious")
    s, recorder = recorded(path)
    s.next()
    recorder.close()
    assert recorder.error == f"not recorded: {path} is there already: nothing was written over it"
    assert path.read_text() == "precious"
    assert s.epoch == 1


def test_a_folder_that_cannot_be_written_ends_the_recording_only(tmp_path):
    (tmp_path / "file").write_text("")
    s, recorder = recorded(tmp_path / "file" / "a.run")
    s.next(2)
    recorder.close()
    assert "no run can be recorded here" in recorder.error
    assert s.epoch == 2


def test_a_full_disk_ends_the_recording_only_and_the_file_stays_whole(tmp_path):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.next()
    while recorder._work.qsize():
        time.sleep(0.01)
    pages = recorder._log._db.execute("PRAGMA page_count").fetchone()[0]
    recorder._log._db.execute(f"PRAGMA max_page_count = {pages + 10}")
    s.next(19)
    recorder.close()
    assert recorder.error.startswith("the recording has stopped, the training goes on: ")
    assert "full" in recorder.error
    assert s.epoch == 20
    log = RunLog.open(path, read_only=True)
    (branch,) = log.branches(snapshots=True)
    assert same(tuple(branch.history), tuple(s.history[: len(branch.history)]))
    assert 1 < len(branch.history) < 20
    log.close()


def test_files_that_are_no_runs_say_so_in_a_line_and_stay_as_they_are(tmp_path):
    good = tmp_path / "good.run"
    s, recorder = recorded(good)
    s.next(3)
    recorder.close()
    whole = good.read_bytes()
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    files = {
        "empty": b"",
        "text": b"hello, this is some text",
        "header": whole[:50],
        "half": whole[: len(whole) // 2 // 4096 * 4096 + 100],
        "zeros": whole[:100] + bytes(len(whole) - 100),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(RunFileError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == content
    with pytest.raises(RunFileError, match="is an SQLite file, but not a recorded run"):
        RunLog.open(foreign)
    with pytest.raises(RunFileError, match="no such file"):
        RunLog.open(tmp_path / "nothing")
    connection = sqlite3.connect(good)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunFileError, match="by a newer version of nn-debug"):
        RunLog.open(good)


def told(path) -> str:
    """All that a file says of a run."""
    listed = summary(path)
    with closing(RunLog.open(path, read_only=True)) as log:
        branches = log.branches(snapshots=True)
        found = [
            (
                *(b.id, b.name, b.parent and b.parent.id, b.step, b.epoch, b.edge, b.hyperparameters, b.changes),
                [[(f.name, value(getattr(r, f.name))) for f in fields(EpochRecord)] for r in b.history],
                [s.pack() for s in b.snapshots],
                [log.findings(b.id, r.epoch) for r in b.history],
            )
            for b in branches
        ]
        return repr((log.info(), log.newest(), listed, found))


def value(x: Any) -> Any:
    """A figure, or what it is made of."""
    if isinstance(x, Histogram | LayerRecord):
        return [value(getattr(x, f.name)) for f in fields(x)]
    if isinstance(x, tuple):
        return [value(part) for part in x]
    return x.tolist() if isinstance(x, np.ndarray) else x


def forked(path) -> None:
    """A small run with all that a file holds: branches, changes, findings, snapshots."""
    hp = Hyperparameters(hidden=(3,) * 8, activation="sigmoid", init="normal", epochs=50, batch_size=150)
    s, recorder = recorded(path, lambda listeners: Session(Experiment("spiral", hp), listeners=listeners))
    s.next(12)
    s.set(lr=0.02)
    s.next(2)
    s.rewind(10)
    s.set(optimizer="sgd")
    s.next(2)
    assert s.findings()
    recorder.close()
    assert recorder.error == ""


@pytest.mark.parametrize("faults", [40, pytest.param(800, marks=pytest.mark.slow)])
def test_a_damaged_file_is_refused_and_never_read_as_another_run(faults, tmp_path):
    path, damaged = tmp_path / "a.run", tmp_path / "b.run"
    forked(path)
    whole = path.read_bytes()
    damaged.write_bytes(whole)
    said = told(damaged)
    rng = random.Random(faults)
    refused = 0
    for i in range(faults):
        content = bytearray(whole)
        if i % 4 == 3:
            del content[rng.randrange(len(whole)) :]
        else:
            content[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        damaged.write_bytes(content)
        try:
            assert told(damaged) == said  # where it lay in no row
        except RunFileError as error:
            refused += "\n" not in str(error)
        with pytest.raises(RunFileError) if i % 4 == 3 else suppress(RunFileError):
            resume(damaged)[1].close()
    assert refused > faults / 2
    assert path.read_bytes() == whole


def test_a_clock_that_goes_back_leaves_the_newest_branch_the_newest(tmp_path, monkeypatch):
    path = tmp_path / "a.run"
    clock = iter(range(2_000_000_000, 0, -1000))
    monkeypatch.setattr("tinygrad_nn.training.runlog.time.time", lambda: float(next(clock)))
    s, recorder = recorded(path)
    s.next(2)
    s.fork(1, lr=0.5)
    s.next(2)
    s.checkout("main")
    s.next()
    recorder.close()
    with closing(RunLog.open(path)) as log:
        assert log.newest() == 0
        written = [row[0] for row in log._db.execute("SELECT written FROM epoch ORDER BY written")]
    assert len(set(written)) == len(written) == 6
    again, log = resume(path)
    log.close()
    assert again.branch.name == "main"


def test_an_epoch_that_is_missing_is_told(tmp_path):
    path = tmp_path / "a.run"
    forked(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM finding WHERE epoch = 5")
        connection.execute("DELETE FROM layer WHERE epoch = 5")
        connection.execute("DELETE FROM epoch WHERE epoch = 5")
        connection.commit()
    with pytest.raises(RunFileError, match="epoch 5 of branch 0 is not there"):
        read(path)


def test_the_columns_are_the_fields_of_the_records():
    """A field more is a column more and a migration more, for files that are there already."""
    assert [f.name for f in fields(EpochRecord)] == [*EPOCH, "layers"]
    assert [f.name for f in fields(LayerRecord)] == [*LAYER, *HISTOGRAMS]
    assert {f.name for f in fields(RunInfo)} == {*RUN} - {"id"}


SINCE: dict[int, dict[str, tuple[str, ...]]] = {  # the columns that each version has added
    2: {"run": ("writer_began",)},
    3: {"run": ("constant_loss",)},
    4: {"run": ("seal",), "branch": ("seal",), "epoch": ("seal", "parts_seal"), "snapshot": ("seal",)},
}


def as_of_version(path, version) -> None:
    """Take from a file what later versions have added."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for later in range(version + 1, len(MIGRATIONS) + 1):
            for table, columns in SINCE[later].items():
                for column in columns:
                    connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_file_of_each_version_is_read_as_it_is_and_goes_on(version, tmp_path):
    path = tmp_path / "a.run"
    forked(path)
    said = told(path)
    as_of_version(path, version)
    old = path.read_bytes()
    without = told(path)
    assert path.read_bytes() == old
    if version == 3:
        assert without == said
    session, log = resume(path)
    with closing(log):
        recorder = Recorder(log)
        session.listeners.append(recorder)
        session.next()
        recorder.close()
    assert recorder.error == ""
    assert_the_file_holds(session, path)


def test_a_run_in_a_folder_that_cannot_be_written_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.next(2)
    recorder.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    read(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.run"]  # nothing was put beside it


def test_an_older_file_is_brought_up_to_date(tmp_path, monkeypatch):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.next(2)
    recorder.close()
    newer = "ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT 'none'; "
    monkeypatch.setattr("tinygrad_nn.training.runlog.MIGRATIONS", (*MIGRATIONS, newer))
    RunLog.open(path).close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT note FROM run").fetchone() == ("none",)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    connection.close()


def test_others_may_read_while_it_is_written(tmp_path):
    path = tmp_path / "a.run"
    s, recorder = recorded(path)
    s.next(2)
    while recorder._work.qsize():
        time.sleep(0.01)
    log = RunLog.open(path, read_only=True)
    seen = len(log.epochs(0))
    s.next(3)
    recorder.close()
    assert len(log.epochs(0)) == 6 > seen - 1
    log.close()


# --- killed at any moment

WRITER = """
import sys
from tests.training.test_time_travel import FULL
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.recorder import Recorder

class Telling(Recorder):
    def branched(self, session, branch):
        super().branched(session, branch)
        self._put(lambda log: print("ready", flush=True))

    def epoch_ended(self, session, record, snapshot):
        super().epoch_ended(session, record, snapshot)
        self._put(lambda log: print(record.epoch, repr(record.train_loss), flush=True))

hp = FULL.replace(epochs=100000, normalization="none", dropout=0.2)
session = Session(Experiment("xor", hp), budget=400_000, listeners=[Telling(sys.argv[1])])
session.run_until()
"""


@pytest.mark.program
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_loses_at_most_the_epoch_under_way(kills, tmp_path):
    rng = random.Random(0)
    hp = FULL.replace(epochs=100_000, normalization="none", dropout=0.2)
    straight = Session(Experiment("xor", hp))
    for kill in range(kills):
        path = tmp_path / f"{kill}.run"
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.4))
            process.kill()
            told = [line.split() for line in process.stdout.read().splitlines() if line.endswith(tuple("0123456789"))]
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        log = RunLog.open(path)
        branches = log.branches(snapshots=True)
        history = branches[0].history
        assert [r.epoch for r in history] == list(range(len(history)))
        written = {r.epoch: repr(r.train_loss) for r in history}
        # What was told had been written; the last line may be cut off.
        assert all(written[int(epoch)] == loss for epoch, loss in told[:-1])
        assert log.info().ended is None
        again = Session.resumed(Experiment("xor", hp), branches, log.newest())
        log.close()
        assert (again.epoch, again.repeatable) == (len(history) - 1, True)
        again.next(2)
        while straight.epoch < again.epoch:
            straight.next()
        assert losses(again) == [
            (r.train_loss, r.val_loss, r.train_metric, r.lr) for r in straight.branch.history[: again.epoch + 1]
        ]


class Interrupted(BaseException):
    """Comes as ctrl+c does, between any two instructions."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarms")
@pytest.mark.parametrize("interrupts", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_interrupted_while_it_hands_on_what_is_to_be_written_it_still_closes(interrupts, tmp_path):
    def interrupt(*_):
        raise Interrupted

    def hand_on(recorder, seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while True:
            recorder._put(lambda log: None)
            sum(range(500))  # meanwhile it is written

    rng = random.Random(0)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for n in range(interrupts):
            recorder = Recorder(tmp_path / f"{n}.run")
            with pytest.raises(Interrupted):
                hand_on(recorder, rng.uniform(0.0001, 0.005))
            closing = threading.Thread(target=recorder.close, daemon=True)
            closing.start()
            closing.join(30)
            assert not closing.is_alive()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
