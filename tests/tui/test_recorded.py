"""The commands about recorded runs, as a person gives them."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from tinygrad_nn.training.runlog import RunFileError, RunInfo, RunLog
from tinygrad_nn.training.runs import create, remove, resume, summaries, summary
from tinygrad_nn.training.source import Source
from tui.inferior import CannotStart, Inferior, Start
from tui.protocol import Checkout, Rewind, Step
from tui.replay import Replay

from .test_worker import wait_for

pytestmark = pytest.mark.program

SMALL = ("--set", "hidden=4", "--set", "activation=tanh", "--set", "batch_size=100")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def nn_debug(home, tmp_path):
    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "NN_DEBUG_HOME": str(home), "COLUMNS": "100"},
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return run


def losses(path) -> list[float]:
    log = RunLog.open(path, read_only=True)
    found = [record.train_loss for record in log.branches()[-1].history]
    log.close()
    return found


def test_a_run_is_recorded_listed_resumed_compared_exported_and_removed(nn_debug, home, tmp_path):
    out = nn_debug("run", "--data", "xor", "--epochs", "6", *SMALL)
    (path,) = home.iterdir()
    assert f"recorded in {path}" in out
    whole = losses(path)

    stopped = tmp_path / "stopped.nndb"
    nn_debug("run", "--data", "xor", "--epochs", "6", *SMALL, "--set", f"goal={whole[3]}", "--record", str(stopped))
    assert losses(stopped) == whole[:4]

    listed = nn_debug("runs")
    assert f"{path.name}  ended after 6 epochs, best validation loss" in listed
    assert "xor: " in listed
    assert "batch_size=100" in listed
    assert "stopped" not in listed
    assert "stopped.nndb" in nn_debug("runs", "--in", str(tmp_path))
    assert "no runs like that" in nn_debug("runs", "diabetes")

    compared = nn_debug("compare", path.name, str(stopped))
    assert "goal" in compared
    assert "hidden" not in compared
    assert f"{path.stem} has the lowest validation loss" in compared
    assert "two runs or more" in nn_debug("compare", path.name, code=2)

    table = tmp_path / "out.csv"
    assert "7 epochs of 1 branch" in nn_debug("export", "last", "-o", str(table))
    assert len(list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))) == 14
    assert "--force writes over it" in nn_debug("export", "last", "-o", str(table), code=2)
    nn_debug("export", "last", "-o", str(table), "--force")
    assert "by --format csv, json" in nn_debug("export", "last", "-o", "out.xyz", code=2)

    assert "add --yes" in nn_debug("runs", "xor", "--remove", code=2)
    assert path.exists()
    assert "deleted 1" in nn_debug("runs", "xor", "--remove", "--yes")
    assert list(home.iterdir()) == []
    assert "no runs in" in nn_debug("resume", "last", code=2)


def test_nothing_is_recorded_when_nothing_shall_be(nn_debug, home):
    out = nn_debug("run", "--data", "xor", "--epochs", "1", "--no-record", *SMALL)
    assert "recorded" not in out
    assert not home.exists()


def test_a_run_that_was_interrupted_goes_on_exactly(nn_debug, home, tmp_path):
    """As `run`, stop, `resume --no-screen`; the interruption is made by cutting the file's last epochs off."""
    nn_debug("run", "--data", "moons", "--epochs", "8", "--set", "dropout=0.2", "--set", "normalization=batch")
    (path,) = home.iterdir()
    cut = tmp_path / "cut.nndb"
    shutil.copy(path, cut)
    connection = sqlite3.connect(cut)
    with connection:
        for table in ("finding", "layer", "epoch"):
            connection.execute(f"DELETE FROM {table} WHERE epoch > 3")
        connection.execute("DELETE FROM snapshot WHERE step > (SELECT max(step) FROM epoch)")
        connection.execute("UPDATE run SET ended = NULL, seal = NULL")
    connection.close()
    assert summary(cut).info.state == "cut off"
    assert len(losses(cut)) == 4
    out = nn_debug("resume", str(cut), "--no-screen")
    assert f"recorded in {cut}" in out
    assert losses(cut) == losses(path)
    assert summary(cut).info.state == "ended"


def test_a_file_that_is_no_run_is_one_clear_line(nn_debug, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a run")
    for command in (("replay", str(text)), ("resume", str(text)), ("export", str(text), "-o", "x.csv")):
        assert nn_debug(*command, code=2) in (
            f"nn-debug: {text} is not a recorded run\n",
            "nn-debug: this is not a terminal: use nn-debug run to train without the screen\n",
        )
    assert "no such file" in nn_debug("replay", "nothing.nndb", code=2)


# --- the pieces


def recorded(path, *verbs, settings=("hidden=4", "activation=tanh", "batch_size=100", "epochs=6")):
    from dataclasses import asdict

    from tinygrad_nn.training import Session
    from tinygrad_nn.training.recorder import Recorder

    source = Source(data="xor", settings=settings)
    recorder = Recorder(path, asdict(source))
    s = Session(*source.load(), listeners=[recorder])
    for verb in verbs:
        verb(s)
    recorder.close()
    assert recorder.error == ""
    return s


def test_a_replay_shows_every_moment_and_every_branch(tmp_path):
    path = tmp_path / "a.nndb"
    s = recorded(path, lambda s: s.next(4), lambda s: s.set(lr=0.1), lambda s: s.next(2), lambda s: s.rewind(2),
                 lambda s: s.set(lr=0.5), lambda s: s.next(1))  # fmt: skip
    replay = Replay(path)
    now = replay.snapshot
    assert (now.state, now.branch, now.epoch, now.hyperparameters.lr) == ("finished", 1, 3, 0.5)
    assert [b.title for b in now.branches] == ["main", "fork 1: lr 0.5"]
    replay.send(Rewind(1))
    assert (replay.snapshot.epoch, len(replay.snapshot.history), len(replay.snapshot.known)) == (1, 2, 4)
    assert replay.snapshot.hyperparameters.lr == 0.01
    replay.send(Checkout(0))
    assert (replay.snapshot.epoch, replay.snapshot.hyperparameters.lr) == (6, 0.1)
    replay.send(Rewind(3))
    assert replay.snapshot.hyperparameters.lr == 0.01
    replay.send(Step())
    assert replay.snapshot.refused
    assert "nn-debug resume" in replay.snapshot.notice
    assert [r.train_loss for r in replay.snapshot.known] == [r.train_loss for r in s.branches[0].history]
    replay.close()


def test_a_summary_follows_the_branch_that_was_written_last(tmp_path):
    path = tmp_path / "a.nndb"
    s = recorded(path, lambda s: s.next(6), lambda s: s.fork(4, lr=0.5), lambda s: s.next(1))
    found = summary(path)
    best = min(s.branch.history[1:], key=lambda r: r.val_loss)
    assert (found.branches, found.epochs) == (2, 5)
    assert (found.best_val_loss, found.best_val_metric) == (best.val_loss, best.val_metric)
    assert found.hyperparameters["lr"] == 0.5


def test_what_cannot_be_read_among_the_runs_is_told_and_can_be_removed(nn_debug, tmp_path):
    recorded(tmp_path / "a.nndb")
    whole = (tmp_path / "a.nndb").read_bytes()
    unreadable = {"bad-text": b"x", "bad-stub": b"", "bad-half": whole[: len(whole) // 2], "bad-page": whole[:4096]}
    for name, content in unreadable.items():
        (tmp_path / f"{name}.nndb").write_bytes(content)
    (tmp_path / "bad-link.nndb").symlink_to(tmp_path / "nothing")
    (tmp_path / "bad-folder.nndb").mkdir()
    os.utime(tmp_path / "bad-folder.nndb", (1e9, 1e9))
    found = list(summaries(tmp_path))
    assert sorted(type(entry).__name__ for entry in found) == ["Summary", *["Unreadable"] * 6]
    listed = nn_debug("runs", "--in", str(tmp_path))
    for name in (*unreadable, "bad-link", "bad-folder"):
        assert f"{name}.nndb" in listed
    with pytest.raises(RunFileError, match=r"begins just now"):
        remove(tmp_path / "bad-stub.nndb")  # it may be a run's first moment
    for name in unreadable:
        os.utime(tmp_path / f"{name}.nndb", (1e9, 1e9))
    assert "deleted 5" in nn_debug("runs", "--in", str(tmp_path), "--remove", "--yes", "bad")
    assert sorted(p.name for p in tmp_path.glob("*.nndb")) == ["a.nndb", "bad-folder.nndb"]
    assert list(summaries(tmp_path / "nowhere")) == []


@pytest.mark.skipif(os.name != "posix", reason="files have other permissions here")
def test_a_run_is_for_its_owner_alone(tmp_path):
    recorded(tmp_path / "a.nndb")
    assert (tmp_path / "a.nndb").stat().st_mode & 0o777 == 0o600


def test_new_files_have_names_of_their_own(tmp_path):
    info = RunInfo("my run/ü 1", {}, "accuracy", "", 1.5e9)
    logs = [create(info, tmp_path) for _ in range(3)]
    assert logs[0].path.name.endswith("-my-run-ü-1.nndb")
    assert logs[2].path.name.endswith("-my-run-ü-1-3.nndb")
    assert len({log.path for log in logs}) == 3
    for log in logs:
        log.close()


def test_the_process_records_and_goes_on_where_a_killed_one_was(tmp_path):
    path = tmp_path / "a.nndb"
    source = Source(data="xor", settings=("hidden=4", "epochs=100000"))
    first = Inferior(Start(source, None, True, str(path)))
    first.start()
    first.ready()
    wait_for(first, lambda s: s.epoch > 20)
    with pytest.raises(RunFileError, match=r"is being recorded by process \d+: end that run first"):
        RunLog.open(path)
    with pytest.raises(RunFileError, match="is being recorded"):
        remove(path)
    first.process.kill()
    wait_for(first, lambda s: s.state == "failed")
    first.close()
    written = losses(path)

    second = Inferior(Start(Source(), None, False, resume=str(path)))
    second.start()
    second.ready()
    try:
        there = wait_for(second, lambda s: s.state == "paused")
        assert [r.train_loss for r in there.known] == written
        assert (there.epoch, there.file, there.refused) == (len(written) - 1, str(path), False)
        second.send(Step())
        wait_for(second, lambda s: s.steps == there.steps + 1)
    finally:
        second.close()
    assert summary(path).info.state == "ended"


def test_an_experiment_that_has_gone_cannot_be_resumed(tmp_path):
    path = tmp_path / "a.nndb"
    recorded(path, lambda s: s.next(1))
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("""UPDATE run SET source = '{"file": "/nowhere/mine.py"}', seal = NULL""")
    connection.close()
    inferior = Inferior(Start(Source(), None, False, resume=str(path)))
    inferior.start()
    try:
        with pytest.raises(CannotStart, match=r"/nowhere/mine.py: no such file"):
            inferior.ready()
    finally:
        inferior.close()


def test_a_disk_that_fills_up_is_told_on_the_screen_and_the_training_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    source = Source(data="xor", settings=("epochs=1000000",))
    inferior = Inferior(Start(source, None, True, str(tmp_path / "file" / "a.nndb")))
    inferior.start()
    inferior.ready()
    try:
        deadline, notices = time.monotonic() + 20, []
        while time.monotonic() < deadline and not any("not recorded" in n for n in notices):
            notices.append(inferior.snapshot.notice)
            time.sleep(0.001)
        assert any("not recorded" in n for n in notices)
        assert wait_for(inferior, lambda s: s.epoch > 5).state == "running"
    finally:
        inferior.close()


def test_resume_needs_no_screen(tmp_path):
    path = tmp_path / "a.nndb"
    s = recorded(path, lambda s: s.next(2))
    again, log = resume(path)
    assert (again.epoch, again.repeatable) == (2, True)
    again.next()
    s.next()
    assert again.history[-1].train_loss == s.history[-1].train_loss
    log.close()
