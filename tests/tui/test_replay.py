"""A run that another process trains is followed: how one watches a training that goes on elsewhere."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.training.test_runlog import as_of_version
from tinygrad_nn.training import Session
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.runlog import RunFileError, RunInfo, RunLog
from tinygrad_nn.training.runs import summary
from tinygrad_nn.training.schema import MIGRATIONS
from tinygrad_nn.training.source import Source
from tui import replay as module
from tui.inferior import Inferior, Start
from tui.protocol import Checkout, Fork, Pause, Rewind, Run, Set, Snapshot, Step
from tui.replay import Replay

from .terminals import COMMAND, Terminal, environment, until
from .test_worker import wait_for

XOR = Source(data="xor", settings=("hidden=4", "activation=tanh", "batch_size=100", "epochs=1000000"))


@pytest.fixture
def trained(tmp_path):
    """A process that trains and records, and its file; ended by the test or after it."""
    begun = []

    def start(pace: float | None = 20, resume: str = "") -> tuple[Inferior, Path]:
        path = tmp_path / "a.nndb"
        inferior = Inferior(Start(XOR, pace, True, str(path), resume=resume))
        begun.append(inferior)
        inferior.start()
        inferior.ready()
        wait_for(inferior, lambda s: s.state != "starting")
        if resume:
            inferior.send(Run())
        wait_for(inferior, lambda s: s.epoch > 2)
        return inferior, path

    yield start
    for inferior in begun:
        inferior.close()


@pytest.fixture
def followed():
    opened = []

    def follow(path: Path) -> Replay:
        opened.append(Replay(path))
        return opened[-1]

    yield follow
    for replay in opened:
        replay.close()
        assert not replay._thread.is_alive()


def told(replay: Replay, words: str) -> Callable[[Snapshot], bool]:
    return lambda s: words in s.notice


@pytest.mark.program
def test_it_grows_as_the_run_does_and_says_when_that_has_ended(trained, followed):
    inferior, path = trained()
    replay = followed(path)
    first = replay.snapshot
    assert (first.state, first.trained_by) == ("running", inferior.process.pid)
    later = wait_for(replay, lambda s: s.epoch > first.epoch + 5)
    assert later.state == "running"
    assert later.steps_per_second > 0
    assert [r.epoch for r in later.known] == list(range(later.epoch + 1))
    assert later.history == later.known
    assert len(later.layers) == 2
    inferior.close()
    ended = wait_for(replay, lambda s: s.state == "finished")
    assert (ended.trained_by, ended.steps_per_second, ended.notice) == (None, 0.0, module.ENDED)
    assert ended.epoch == summary(path).epochs
    replay.send(Run())
    assert replay.snapshot.notice == module.REFUSAL


@pytest.mark.program
def test_a_run_that_was_killed_is_said_to_be_cut_off_and_followed_again_when_it_goes_on(trained, followed):
    inferior, path = trained()
    replay = followed(path)
    os.kill(inferior.process.pid, signal.SIGKILL)
    cut = wait_for(replay, lambda s: s.state == "cut off")
    assert (cut.notice, cut.trained_by) == (module.CUT_OFF, None)
    also = followed(path)
    assert (also.snapshot.state, also.snapshot.notice) == ("cut off", module.CUT_OFF)
    assert also.snapshot.epoch == cut.epoch == summary(path).epochs
    again, _ = trained(resume=str(path))
    there = wait_for(replay, lambda s: s.state == "running" and s.epoch > cut.epoch)
    assert there.trained_by == again.process.pid


@pytest.mark.program
def test_the_view_stands_still_when_paused_and_goes_along_again(trained, followed):
    inferior, path = trained()
    replay = followed(path)
    replay.send(Pause())
    still = replay.snapshot
    assert (still.state, still.notice) == ("paused", module.STANDS)
    wait_for(inferior, lambda s: s.epoch > still.epoch + 10)
    assert replay.snapshot.epoch == still.epoch
    replay.send(Rewind(1))
    assert (replay.snapshot.state, replay.snapshot.epoch) == ("paused", 1)
    replay.send(Step())
    assert replay.snapshot.refused
    assert f"process {inferior.process.pid} trains this run" in replay.snapshot.notice
    replay.send(Run())
    assert (replay.snapshot.state, replay.snapshot.refused) == ("running", False)
    wait_for(replay, lambda s: s.epoch > still.epoch + 10)
    replay.send(Pause())
    inferior.close()
    ended = wait_for(replay, lambda s: s.state == "finished")
    assert ended.notice == module.ENDED


@pytest.mark.program
def test_a_new_branch_is_gone_along_with_unless_another_is_looked_at(trained, followed):
    inferior, path = trained()
    replay = followed(path)
    inferior.send(Fork(1, {"lr": 0.5}))
    inferior.send(Run())
    fork = wait_for(replay, lambda s: s.branch == 1 and s.epoch > 2)
    assert (fork.state, fork.hyperparameters.lr) == ("running", 0.5)
    assert [b.title for b in fork.branches] == ["main", "fork 1: lr 0.5"]
    inferior.send(Set({"lr": 0.25}))
    wait_for(replay, lambda s: s.hyperparameters.lr == 0.25)
    replay.send(Checkout(0))
    assert (replay.snapshot.branch, replay.snapshot.state) == (0, "paused")
    now = inferior.snapshot.epoch
    until(lambda: replay._branches[1].history[-1].epoch > now, "the file is still read")
    assert replay.snapshot.branch == 0
    replay.send(Checkout(1))
    assert replay.snapshot.state == "running"


@pytest.mark.program
def test_whenever_it_is_opened_there_is_a_run_or_a_reason(tmp_path):
    """From before the file is there, through all of its making."""
    path = tmp_path / "a.nndb"
    inferior = Inferior(Start(XOR, None, True, str(path)))
    seen = set()
    inferior.start()
    try:
        while "running" not in seen:
            try:
                replay = Replay(path)
            except RunFileError as error:
                seen.add(str(error).removeprefix(f"{path}").strip(" :"))
            else:
                seen.add(replay.snapshot.state)
                replay.close()
    finally:
        inferior.close()
    assert seen <= {"no such file", "is empty: its run begins just now, or was cut off before it began", "running"}


@pytest.mark.program
def test_an_epoch_is_read_with_all_that_belongs_to_it(trained):
    """While another writes: what is read was there at one moment."""
    _, path = trained(pace=None)
    with closing(RunLog.open(path, read_only=True)) as log:
        branches = log.branches()
        for _ in range(300):
            log.grow(branches)
    (branch,) = branches
    assert [r.epoch for r in branch.history] == list(range(len(branch.history)))
    assert {len(r.layers) for r in branch.history} == {2}
    assert branch.frontier == branch.history[-1].step


def recorded(path: Path, epochs: int) -> Session:
    recorder = Recorder(path, asdict(XOR))
    session = Session(*XOR.load(), listeners=[recorder])
    session.next(epochs)
    recorder.close()
    return session


def test_what_grew_is_what_would_be_read_at_once(tmp_path):
    path = tmp_path / "a.nndb"
    recorder = Recorder(path, asdict(XOR))
    session = Session(*XOR.load(), listeners=[recorder])
    verbs = [
        lambda: session.next(2), lambda: session.set(lr=0.3), lambda: session.next(1),
        lambda: session.fork(1, lr=0.7), lambda: session.next(2), lambda: session.checkout("main"),
        lambda: session.next(1), lambda: session.fork(0, hidden=(3,)), lambda: session.next(1),
    ]  # fmt: skip

    def written() -> None:
        done = threading.Event()
        recorder._put(lambda log: done.set())
        assert done.wait(20)

    written()
    with closing(RunLog.open(path, read_only=True)) as log:
        branches = log.branches()
        for verb in verbs:
            verb()
            written()
            log.grow(branches)
            whole = log.branches()
            assert [b.name for b in branches] == [b.name for b in whole]
            for grown, read in zip(branches, whole, strict=True):
                assert [(r.epoch, r.train_loss) for r in grown.history] == [
                    (r.epoch, r.train_loss) for r in read.history
                ]
                assert (grown.changes, grown.frontier) == (read.changes, read.frontier)
    recorder.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_file_of_a_version_before_is_read_and_gone_on_with(version, tmp_path):
    path = tmp_path / "a.nndb"
    recorded(path, 2)
    since = ("writer_began", "constant_loss")[version - 1 :]  # what later versions have added
    as_of_version(path, version)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE run SET ended = NULL")
    assert summary(path).info == RunInfo(**{**asdict(summary(path).info), **dict.fromkeys(since)})
    assert summary(path).info.state == "running"  # its process, this one, is there
    replay = Replay(path)
    assert replay.snapshot.epoch == 2
    replay.close()
    RunLog.open(path).close()
    assert summary(path).info.writer_began


@pytest.mark.program
def test_the_screen_follows_a_run_and_the_list_says_how_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("NN_DEBUG_HOME", str(tmp_path / "runs"))
    with subprocess.Popen(
        [*COMMAND, "run", "--data", "digits", "--epochs", "1000000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as run:
        try:
            until(lambda: any((tmp_path / "runs").glob("*.nndb")), "it is recorded")
            screen = Terminal("replay", "last", cwd=tmp_path, columns=140, rows=40)
            try:
                screen.read_until(b"running")
                screen.read_until(f"trained by process {run.pid}".encode())
                assert "running after" in listed()
                run.kill()
                run.wait()
                screen.read_until(b"cut off")
                assert "cut off after" in listed()
                os.write(screen.master, b"q")
                screen.read_until(b"\x1b[?1049l")
                assert screen.process.wait(timeout=60) == 0
            finally:
                screen.close()
        finally:
            run.kill()


def listed() -> str:
    done = subprocess.run([*COMMAND, "runs"], capture_output=True, text=True, env=environment(), check=True)
    return done.stdout


def test_a_replay_says_of_a_run_what_was_said_while_it_trained(tmp_path):
    """Whether it learns is measured by a constant guess there, too."""
    source = Source(
        data="circle", settings=("activation=sigmoid", "hidden=6,6,6,6,6,6,6,6,6", "epochs=20", "init=auto")
    )
    recorder = Recorder(str(tmp_path / "deep.nndb"), asdict(source))
    session = Session(*source.load(), listeners=[recorder])
    session.run_until()
    recorder.close()
    said = [finding.rule for finding in session.findings()]
    assert said == ["vanishing_gradient"]
    replay = Replay(tmp_path / "deep.nndb")
    try:
        assert [finding.rule for finding in replay.snapshot.findings] == said
        assert replay.snapshot.facts.constant_loss == session.constant_loss
    finally:
        replay.close()
