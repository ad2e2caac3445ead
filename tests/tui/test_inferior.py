"""The session in a process of its own: what happens there does not take the screen with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.tui.test_worker import wait_for
from tinygrad_nn.training.source import Source
from tui import inferior as module
from tui import mailbox
from tui.inferior import CannotStart, Inferior, Start
from tui.protocol import Checkout, Next, Pause, Restart, Rewind, Run, Set, Step, Until

pytestmark = pytest.mark.program

SMALL = ("hidden=4", "activation=tanh", "lr=0.01", "epochs=100000")
XOR = Source(data="xor", settings=SMALL)


@pytest.fixture
def begin():
    begun = []

    def start(source: Source = XOR, running: bool = False) -> Inferior:
        inferior = Inferior(Start(source, None, running))
        begun.append(inferior)
        inferior.start()
        return inferior

    yield start
    for inferior in begun:
        inferior.close()
        assert inferior.process.poll() is not None


@pytest.fixture
def experiment(tmp_path):
    def write(code: str) -> Source:
        path = tmp_path / "mine.py"
        head = "import os, time\nfrom tinygrad_nn import nn\nfrom tinygrad_nn.training import Experiment\n"
        path.write_text(head + textwrap.dedent(code))
        return Source(file=str(path))

    return write


def test_it_does_what_a_worker_does(begin):
    inferior = begin()
    assert inferior.ready().experiment == "xor"
    inferior.send(Step())
    snapshot = wait_for(inferior, lambda s: s.steps == 1 and s.state == "paused")
    assert len(snapshot.layers) == 2
    inferior.send(Until(5))
    there = wait_for(inferior, lambda s: s.epoch == 5 and s.state == "paused")
    assert [r.epoch for r in there.known] == [r.epoch for r in there.history] == [0, 1, 2, 3, 4, 5]
    inferior.send(Rewind(2))
    back = wait_for(inferior, lambda s: s.epoch == 2)
    assert (len(back.history), len(back.known)) == (3, 6)
    inferior.send(Set({"lr": 0.1}))
    fork = wait_for(inferior, lambda s: s.branch == 1)
    assert len(fork.known) == 3
    inferior.send(Next())
    wait_for(inferior, lambda s: s.epoch == 3)
    inferior.send(Checkout(0))
    assert len(wait_for(inferior, lambda s: s.branch == 0).known) == 6
    inferior.send(Run())
    wait_for(inferior, lambda s: s.epoch > 20)
    inferior.send(Pause())
    paused = wait_for(inferior, lambda s: s.state == "paused")
    assert [r.epoch for r in paused.known] == list(range(paused.epoch + 1))


def test_a_killed_process_is_a_failed_run_and_restart_makes_another(begin):
    inferior = begin(running=True)
    wait_for(inferior, lambda s: s.epoch > 2) if inferior.ready() else None
    os.kill(inferior.process.pid, signal.SIGKILL)
    failed = wait_for(inferior, lambda s: s.state == "failed")
    assert failed.error == "the training process has ended by SIGKILL"
    assert failed.known  # what was seen is still there
    inferior.send(Step())
    inferior.send(Restart({"lr": 0.5}))
    again = wait_for(inferior, lambda s: s.state == "paused")
    assert (again.epoch, again.hyperparameters.lr, again.error) == (0, 0.5, "")


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_a_killed_process_never_looks_as_if_it_ran(kills, begin):
    """Its last snapshots are still on their way when its end is known."""
    for kill in range(kills):
        inferior = begin(running=True)
        inferior.ready()
        wait_for(inferior, lambda s, kill=kill: s.steps > kill % 7)
        os.kill(inferior.process.pid, signal.SIGKILL)
        wait_for(inferior, lambda s: s.state == "failed")
        for thread in inferior._process._threads:
            thread.join(20)
        assert inferior.snapshot.state == "failed"


def test_a_restart_whose_experiment_cannot_be_loaded_is_a_failed_run(begin, experiment):
    source = experiment("class Mine(Experiment):\n    dataset = 'xor'\n")
    inferior = begin(source, running=True)
    inferior.ready()
    wait_for(inferior, lambda s: s.state == "running")
    experiment("1 / 0")
    os.kill(inferior.process.pid, signal.SIGKILL)
    wait_for(inferior, lambda s: s.state == "failed")
    inferior.send(Restart())
    assert "ZeroDivisionError" in wait_for(inferior, lambda s: "Zero" in s.error).error
    assert inferior.snapshot.state == "failed"
    experiment("class Mine(Experiment):\n    dataset = 'xor'\n")
    inferior.send(Restart())
    wait_for(inferior, lambda s: s.state == "paused" and not s.error)


def test_what_is_sent_before_it_listens_is_not_lost(begin):
    inferior = begin()
    inferior.send(Step(3))
    inferior.ready()
    wait_for(inferior, lambda s: s.steps == 3)


def test_what_it_printed_before_it_crashed_is_shown(begin, experiment):
    source = experiment(
        """
        class Crashing(Experiment):
            dataset = "xor"
            def loss(self, hp, train):
                criterion, seen = nn.BCEWithLogitsLoss(), []
                def loss(output, target):
                    seen.append(1)
                    if len(seen) > 9:
                        print("these were", "my last words", flush=True)
                        os._exit(7)
                    return criterion(output, target)
                return loss
        """
    )
    inferior = begin(source)
    assert inferior.ready().state in ("starting", "paused")
    inferior.send(Run())
    failed = wait_for(inferior, lambda s: s.state == "failed")
    assert failed.error == "the training process has ended with exit code 7\nthese were my last words"


def test_an_endless_loop_is_told_and_does_not_delay_the_end(begin, experiment, monkeypatch):
    monkeypatch.setattr(mailbox, "PATIENCE", 0.2)
    source = experiment(
        """
        class Endless(Experiment):
            dataset = "xor"
            def model(self, hp, train, rng):
                while True:
                    pass
        """
    )
    inferior = begin(source)
    assert inferior.ready().state == "starting"
    inferior.send(Step())
    assert "does not answer" in wait_for(inferior, lambda s: s.refused).notice
    began = time.monotonic()
    inferior.close()
    assert inferior.process.poll() is not None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1", "defines no Experiment"),
        ("raise ValueError('at import')", "ValueError: at import"),
        ("def f(:\n", "line 4"),
    ],
)
def test_an_experiment_that_cannot_be_used_is_refused(begin, experiment, code, said):
    with pytest.raises(CannotStart, match=said):
        begin(experiment(code)).ready()


def test_a_process_that_dies_before_it_speaks_is_refused_with_its_words(begin, experiment):
    with pytest.raises(CannotStart, match=r"exit code 3\nfarewell"):
        begin(experiment("print('farewell', flush=True)\nos._exit(3)\n")).ready()


def test_it_ends_when_the_screen_has_gone(tmp_path):
    script = tmp_path / "screen.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal, time
            from tinygrad_nn.training.source import Source
            from tui.inferior import Inferior, Start
            inferior = Inferior(Start(Source(data="xor"), None, True))
            inferior.start()
            inferior.ready()
            print(inferior.process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    root = str(Path(module.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text():
            return  # ended, and nobody has asked for its exit code yet
        time.sleep(0.05)
    raise AssertionError("the training goes on without its screen")
