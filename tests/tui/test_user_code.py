"""Whatever the user's code raises, wherever it is called, is shown as theirs, and ends nothing without a word."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from tinygrad_nn.training.files import ExperimentError
from tinygrad_nn.training.source import Source
from tui.inferior import CannotStart, Inferior, Start
from tui.protocol import Restart, Run, ShowGraph
from tui.worker import start

from .terminals import COMMAND, ROOT, environment
from .test_worker import wait_for

# Each place in an experiment, and the same experiment raising there, the first time or later.
EXPERIMENT = """
import asyncio, os
from tinygrad_nn import nn
from tinygrad_nn.training import Experiment

class Own(BaseException):
    pass

def here(place):
    if place == {place!r} and not os.path.exists("mended"):
        raise {error}  # here

here("import")

class Net(nn.Module):
    def __init__(self, rng):
        self.a = nn.Linear(2, 4, rng=rng)
        self.b = nn.Linear(4, 1, rng=rng)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        here("forward")
        if self.calls > 30:
            here("forward, later")
        return self.b(self.a(x).relu())

class Mine(Experiment):
    dataset = "xor"

    def __init__(self):
        here("constructor")
        super().__init__()

    def data(self, hp, rng):
        here("data")
        return super().data(hp, rng)

    def model(self, hp, train, rng):
        here("model")
        return Net(rng)

    def loss(self, hp, train):
        here("loss")
        criterion, seen = super().loss(hp, train), []
        def loss(output, target):
            seen.append(1)
            if len(seen) > 30:
                here("the loss itself, later")
            return criterion(output, target)
        return loss

    def targets(self, hp, part):
        here("targets")
        return super().targets(hp, part)

    def score(self, task, output, target):
        here("score")
        return super().score(task, output, target)

    def optimizer(self, hp, parameters):
        here("optimizer")
        return super().optimizer(hp, parameters)
"""
LOADING = ("import", "constructor")
PLACES = (
    "data",
    "model",
    "loss",
    "targets",
    "optimizer",
    "forward",
    "score",
    "forward, later",
    "the loss itself, later",
)
ERRORS = {
    "SystemExit(0)": "SystemExit: 0",
    "SystemExit": "SystemExit",
    "SystemExit('no more')": "SystemExit: no more",
    "KeyboardInterrupt": "KeyboardInterrupt",
    "GeneratorExit": "GeneratorExit",
    "asyncio.CancelledError": "CancelledError",
    "Own('gone')": "Own: gone",
    "StopIteration": "StopIteration",
    "MemoryError": "MemoryError",
    "ValueError('text')": "ValueError: text",
}
assert issubclass(asyncio.CancelledError, BaseException)


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def write(place: str, error: str) -> Source:
        (tmp_path / "mine.py").write_text(EXPERIMENT.format(place=place, error=error))
        return Source(file=str(tmp_path / "mine.py"), settings=("epochs=1000000",))

    return write


def assert_theirs(text: str, error: str) -> None:
    """Their line and what was raised, and none of our frames."""
    assert "mine.py" in text
    assert "raise" in text
    assert ERRORS[error] in text
    assert "tinygrad_nn/" not in text
    assert "tui/" not in text


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("place", PLACES)
def test_the_worker_says_what_was_raised_and_can_begin_again(place, error, source, tmp_path):
    worker = start(*source(place, error).load())
    try:
        worker.send(Run())
        failed = wait_for(worker, lambda s: s.state == "failed")
        assert_theirs(failed.error, error)
        (tmp_path / "mended").touch()
        worker.send(Restart())
        wait_for(worker, lambda s: s.state == "paused" and not s.error)
        worker.send(Run())
        wait_for(worker, lambda s: s.epoch >= 3)
    finally:
        worker.close()
    assert not worker._thread.is_alive()


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("place", LOADING)
def test_what_is_raised_while_it_is_loaded_is_an_error_of_the_file(place, error, source):
    if error == "KeyboardInterrupt":  # it may be ctrl+c as long as Python itself hears that
        with pytest.raises(KeyboardInterrupt):
            source(place, error).load()
        return
    with pytest.raises(ExperimentError) as caught:
        source(place, error).load()
    assert_theirs(str(caught.value), error)


def test_a_fork_and_a_graph_that_raise_are_told_too(source, tmp_path):
    for command in (Restart({"seed": 1}), ShowGraph()):
        (tmp_path / "mended").touch()
        worker = start(*source("forward", "SystemExit(0)").load())
        try:
            wait_for(worker, lambda s: s.state == "paused")
            (tmp_path / "mended").unlink()
            worker.send(command)
            assert_theirs(wait_for(worker, lambda s: s.state == "failed").error, "SystemExit(0)")
        finally:
            worker.close()


def test_an_error_of_our_own_ends_no_thread_in_silence(monkeypatch, source):
    worker = start(*source("nowhere", "SystemExit").load())
    try:
        wait_for(worker, lambda s: s.state == "paused")
        monkeypatch.setattr("tui.worker._Loop.obey", lambda self, command: 1 / 0)
        worker.send(Run())
        assert "ZeroDivisionError" in wait_for(worker, lambda s: s.state == "failed").error
        monkeypatch.undo()
        worker.send(Restart())
        wait_for(worker, lambda s: s.state == "paused")
    finally:
        worker.close()


@pytest.mark.program
@pytest.mark.parametrize("error", ["SystemExit(0)", "KeyboardInterrupt", "Own('gone')"])
@pytest.mark.parametrize("place", ["import", "constructor", "data", "forward, later"])
def test_the_process_says_it_too(place, error, source):
    inferior = Inferior(Start(source(place, error), None, True))
    inferior.start()
    try:
        if place in LOADING:
            with pytest.raises(CannotStart) as caught:
                inferior.ready()
            assert_theirs(str(caught.value), error)
        else:
            inferior.ready()
            assert_theirs(wait_for(inferior, lambda s: s.state == "failed").error, error)
            assert inferior.process.poll() is None
    finally:
        inferior.close()


EVERYWHERE = [(command, place) for command in ("run", "graph", "lr-find") for place in (*LOADING, *PLACES)]


@pytest.mark.program
@pytest.mark.parametrize(
    ("command", "place", "error"),
    [
        ("run", "forward, later", "SystemExit(0)"),
        ("run", "the loss itself, later", "KeyboardInterrupt"),
        ("run", "model", "Own('gone')"),
        ("run", "import", "KeyboardInterrupt"),
        ("run", "constructor", "SystemExit(0)"),
        ("graph", "forward", "SystemExit(0)"),
        ("lr-find", "the loss itself, later", "GeneratorExit"),
        *(pytest.param(*one, error, marks=pytest.mark.slow) for one in EVERYWHERE for error in ERRORS),
    ],
)
def test_every_command_exits_with_2_and_shows_their_line(command, place, error, source, tmp_path):
    if command == "graph" and place.endswith(("later", "optimizer", "score")):
        return  # it looks at one batch
    source(place, error)
    options = ("--epochs", "10") if command == "run" else ()
    done = subprocess.run(
        [*COMMAND, command, "mine.py", *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert_theirs(done.stderr, error)


def test_a_resumed_experiment_that_raises_is_theirs_too(source, tmp_path, monkeypatch):
    monkeypatch.setenv("NN_DEBUG_HOME", str(tmp_path / "runs"))
    source("data", "SystemExit(0)")
    (tmp_path / "mended").touch()
    run = [*COMMAND, "run", "mine.py", "--epochs", "2"]
    subprocess.run(run, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=120)
    (tmp_path / "mended").unlink()
    resume = [*COMMAND, "resume", "last", "--no-screen"]
    done = subprocess.run(resume, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert_theirs(done.stderr, "SystemExit(0)")
    (path,) = (tmp_path / "runs").iterdir()
    inferior = Inferior(Start(Source(), None, False, resume=str(path)))
    inferior.start()
    try:
        with pytest.raises(CannotStart) as caught:
            inferior.ready()
        assert_theirs(str(caught.value), "SystemExit(0)")
    finally:
        inferior.close()
