"""Told to go, or without its terminal, every process goes: by each way, in each phase, whatever hangs in it.

The limits are wide, since a busy machine may take its time; `tests/benchmarks/leaving.py` prints the seconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from tinygrad_nn.training.runlog import RunLog
from tinygrad_nn.training.runs import Summary, summaries

from .terminals import (
    COMMAND,
    WAYS,
    Terminal,
    Tmux,
    environment,
    keep_reading,
    living,
    seconds_until_gone,
    until,
)

pytestmark = [
    pytest.mark.program,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says which processes are there"),
]

DIGITS = ("--data", "digits", "--fast", "--set", "epochs=1000000")
LEFT_THE_SCREEN = b"\x1b[?1049l"
CODES = {
    "q": 0,
    "ctrl+c twice": 0,
    "hang-up": 129,
    "interrupt": 130,
    "termination": 143,
    "kill": -9,
    "terminal closed": 129,
    "stopped, terminal closed": 129,
}
SIGNALS = {"hang-up": signal.SIGHUP, "interrupt": signal.SIGINT, "termination": signal.SIGTERM, "kill": signal.SIGKILL}
TERMINAL_GOES = ("terminal closed", "stopped, terminal closed")

# An experiment that does `hang()` in one of its phases, and says so by a file.
HANGING = """
import collections, itertools, os, subprocess, sys, threading, time
from tinygrad_nn import nn
from tinygrad_nn.training import Experiment

def hang(phase):
    if phase != {phase!r}:
        return
    open("ready", "w").close()
    {how}

hang("import")

class Hanging(Experiment):
    dataset = "xor"

    def data(self, hp, rng):
        hang("data")
        return super().data(hp, rng)

    def model(self, hp, train, rng):
        hang("model")
        return super().model(hp, train, rng)

    def loss(self, hp, train):
        criterion, seen = super().loss(hp, train), []
        def loss(output, target):
            seen.append(1)
            if len(seen) > 40:
                hang("training")
            return criterion(output, target)
        if {phase!r} == "shutting down":  # Python waits at its end for threads like this one
            threading.Thread(target=time.sleep, args=(1000,)).start()
        return loss
"""
HOW = {
    "sleep": "time.sleep(1000)",
    "loop": "while True: pass",
    "loop that catches all": """while True:
        try:
            while True: pass
        except BaseException: pass""",
    "loop in C": "collections.deque(itertools.count(), maxlen=0)",
    "child": "subprocess.run(['sleep', '1000'])",
}
PHASES = ("import", "data", "model", "training")


@pytest.fixture
def terminal(tmp_path):
    opened: list[Terminal] = []

    def start(*arguments: str, **options) -> Terminal:
        opened.append(Terminal(*arguments, cwd=tmp_path, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Where the runs of a test are recorded."""
    monkeypatch.setenv("NN_DEBUG_HOME", str(tmp_path / "runs"))
    return tmp_path / "runs"


def hanging(folder: Path, phase: str, how: str) -> str:
    (folder / "hanging.py").write_text(HANGING.format(phase=phase, how=HOW[how]))
    return "hanging.py"


def assert_whole(folder: Path, count: int = 1) -> None:
    """There are `count` runs, each with all its epochs, one after the other."""
    files = sorted(folder.glob("*.nndb"))
    assert len(files) == count
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with closing(RunLog.open(file, read_only=True)) as log:
            (branch,) = log.branches()
            assert [r.epoch for r in branch.history] == list(range(len(branch.history)))
            assert log.info().state != "running"


def lose(app: Terminal, way: str) -> None:
    """End the app that way, its terminal read meanwhile unless it is the terminal that goes."""
    stop = keep_reading(app) if way not in TERMINAL_GOES else None
    try:
        WAYS[way](app)
        seconds_until_gone(app.mark)
    finally:
        if stop is not None:
            stop()


# --- the app


@pytest.mark.parametrize("way", WAYS)
def test_the_app_goes_with_the_process_that_trains_and_its_recording_is_whole(way, terminal, runs):
    app = terminal(*DIGITS)
    app.read_until(b"running")
    until(lambda: any(runs.glob("*.nndb")), "the run is recorded")
    assert len(living(app.mark)) >= 2
    lose(app, way)
    assert app.process.wait() == CODES[way]
    assert_whole(runs)
    if way not in (*TERMINAL_GOES, "kill"):
        assert app.settings == app.before
        assert app.written.rindex(LEFT_THE_SCREEN) > app.written.rindex(b"running")
        assert b"Traceback" not in app.written


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("ctrl+c twice", "stopped, terminal closed")])
def test_the_app_goes_though_nobody_reads_its_terminal(way, terminal, runs):
    app = terminal(*DIGITS)
    app.read_until(b"running")
    app.stall()
    WAYS[way](app)
    seconds_until_gone(app.mark)
    assert app.process.wait() == CODES[way]
    assert_whole(runs)
    if way not in (*TERMINAL_GOES, "kill"):
        assert app.settings == app.before
        app.read_until(LEFT_THE_SCREEN)  # who comes back to it finds it as it was
        app.read_until(b"recorded in")


def test_a_terminal_that_is_not_the_processs_own_is_missed_too(terminal, runs):
    """Nothing tells a process of such a terminal's end: no signal comes."""
    app = terminal(*DIGITS, own=False)
    app.read_until(b"running")
    lose(app, "terminal closed")
    assert app.process.wait() == 129
    assert_whole(runs)


@pytest.mark.parametrize("way", ["hang-up", "interrupt", "termination", "terminal closed"])
def test_a_replay_goes_too(way, terminal, runs):
    run = [*COMMAND, "run", "--data", "xor", "--epochs", "2"]
    subprocess.run(run, env=environment(), check=True, capture_output=True, timeout=120)
    app = terminal("replay", "last")
    app.read_until(b"finished")
    lose(app, way)
    assert app.process.wait() == CODES[way]


def test_a_run_goes_on_without_a_terminal_that_is_not_its_own(terminal, runs):
    """As one that was started by setsid or disowned: there is nobody to tell, and the recording is what it is for."""
    run = terminal("run", "--data", "xor", "--epochs", "60", own=False)
    run.read_until(b"epochs")
    run.drop()
    seconds_until_gone(run.mark)
    (entry,) = summaries(runs)
    assert isinstance(entry, Summary)
    assert (entry.info.state, entry.epochs) == ("ended", 60)


def test_a_hang_up_that_is_ignored_stays_so_but_the_app_goes_with_its_terminal(terminal, runs):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        app = terminal(*DIGITS)
    finally:
        signal.signal(signal.SIGHUP, before)
    app.read_until(b"running")
    app.process.send_signal(signal.SIGHUP)
    app.written = b""
    os.write(app.master, b" ")
    app.read_until(b"paused")
    lose(app, "terminal closed")
    assert app.process.wait() == 129


@pytest.mark.parametrize(
    ("way", "phase", "how"),
    [
        ("q", "training", "loop in C"),
        ("hang-up", "import", "sleep"),
        ("termination", "data", "loop"),
        ("interrupt", "model", "loop that catches all"),
        ("terminal closed", "training", "loop in C"),
        ("kill", "import", "sleep"),
        ("kill", "training", "loop in C"),
        ("terminal closed", "shutting down", "sleep"),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in product(WAYS, PHASES, ("sleep", "loop that catches all", "loop in C"))
            # It pauses between batches only, and before the experiment is loaded there is no screen.
            if not (one[0] == "ctrl+c twice" or (one[0] == "q" and one[1] == "import"))
        ),
    ],
)
def test_an_experiment_that_hangs_keeps_no_process(way, phase, how, terminal, tmp_path):
    app = terminal(hanging(tmp_path, phase, how))
    if phase == "shutting down":
        app.read_until(b"running")
    else:
        until(lambda: app.read() is None or (tmp_path / "ready").exists(), "the experiment hangs")
    if way == "q":
        app.read_until(b"running" if phase == "training" else b"starting")
    lose(app, way)
    assert app.process.wait() == CODES[way]


@pytest.mark.parametrize(
    ("apps", "command"),
    [
        (2, "kill-server"),
        *(pytest.param(8, how, marks=pytest.mark.slow) for how in ("kill-server", "kill-session", "kill-window")),
    ],
)
@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")
def test_apps_in_tmux_go_with_it(apps, command, tmp_path, runs):
    server = Tmux(tmp_path)
    try:
        for i in range(apps):
            server.open(f"w{i}", *DIGITS)
        for i in range(apps):
            until(lambda i=i: "running" in server.screen(f"w{i}"), f"app {i} runs", 300)
        if command == "kill-window":
            for i in range(apps):
                server.run("kill-window", "-t", f"nn:w{i}")
        else:
            server.run(command)
        seconds_until_gone(server.mark)
        assert_whole(runs, apps)
    finally:
        server.close()


@pytest.mark.slow
def test_thirty_terminals_are_closed_in_every_way(tmp_path, runs):
    """At once: the machine is busy, and each way comes up read and unread, training and hanging."""
    hanging(tmp_path, "model", "loop that catches all")
    ways = [way for way in WAYS if way != "ctrl+c twice"]
    kinds = list(product(ways, (True, False), ((*DIGITS,), ("hanging.py",))))[:28] + [("kill", False, DIGITS)] * 2
    apps, stops = [], []
    try:
        for group in range(0, 30, 6):
            part = [
                (Terminal(*arguments, cwd=tmp_path), way, read) for way, read, arguments in kinds[group : group + 6]
            ]
            apps += part
            for app, way, read in part:
                app.read_until(b"running" if app.process.args[-1] != "hanging.py" else b"starting", 300)
                if read and way not in TERMINAL_GOES:
                    stops.append(keep_reading(app))
                elif not read and app.process.args[-1] != "hanging.py":
                    app.stall()
            for app, way, _ in part:
                WAYS[way](app)
            for app, _, _ in part:
                seconds_until_gone(app.mark, 300)
        assert [app.process.wait() for app, _, _ in apps] == [CODES[way] for _, way, _ in apps]
    finally:
        for stop in stops:
            stop()
        for app, _, _ in apps:
            app.close()


# --- what the user's code has started

STARTING = """
import multiprocessing, os, subprocess, sys, threading, time
from tinygrad_nn.training import Experiment

class Starting(Experiment):
    dataset = "xor"

    def model(self, hp, train, rng):
        if not os.path.exists("ready"):
            subprocess.Popen(["sleep", "1001"])
            subprocess.Popen(["/bin/sh", "-c", "sleep 1002 & sleep 1003; true"])
            for how in ("fork", "spawn"):
                multiprocessing.get_context(how).Process(target=time.sleep, args=(1000,)).start()
            open("ready", "w").close()
        return super().model(hp, train, rng)

    def loss(self, hp, train):
        criterion, seen = super().loss(hp, train), []
        def loss(output, target):
            seen.append(1)
            if len(seen) > 300 and os.path.exists("fail"):
                raise ValueError("now")
            return criterion(output, target)
        return loss
"""


def all_started(mark: str) -> bool:
    """Whether all of them are there: programs, what a shell has started, a copy of the process, a new Python."""
    commands = Counter(living(mark).values())
    sleeping = sum(count for command, count in commands.items() if command.startswith("sleep 100"))
    return sleeping == 3 and max(commands.values()) == 2 and any("spawn_main" in command for command in commands)


def inferior_of(app: Terminal) -> int:
    """The process that trains."""
    (child,) = Path(f"/proc/{app.process.pid}/task/{app.process.pid}/children").read_text().split()
    return int(child)


@pytest.mark.parametrize("way", ["q", "hang-up", "kill", "terminal closed"])
def test_what_the_users_code_has_started_ends_with_the_app(way, terminal, tmp_path):
    (tmp_path / "starting.py").write_text(STARTING)
    app = terminal("starting.py", "--set", "epochs=1000000")
    app.read_until(b"running")
    until(lambda: all_started(app.mark), "all have been started")
    lose(app, way)
    assert app.process.wait() == CODES[way]


def test_what_the_users_code_has_started_ends_with_the_process_that_trains(terminal, tmp_path):
    (tmp_path / "starting.py").write_text(STARTING)
    app = terminal("starting.py", "--set", "epochs=1000000")
    app.read_until(b"running")
    until(lambda: all_started(app.mark), "all have been started")
    os.kill(inferior_of(app), signal.SIGKILL)
    until(lambda: list(living(app.mark)) == [app.process.pid], "only the app is left")
    app.read_until(b"failed")
    lose(app, "q")
    assert app.process.wait() == 0


def test_it_ends_too_when_both_processes_are_killed_at_once(terminal, tmp_path):
    """Nothing of ours is left that could end it, but what was set up for that."""
    (tmp_path / "starting.py").write_text(STARTING)
    app = terminal("starting.py", "--set", "epochs=1000000")
    app.read_until(b"running")
    until(lambda: all_started(app.mark), "all have been started")
    inferior = inferior_of(app)
    for pid in (app.process.pid, inferior):
        os.kill(pid, signal.SIGKILL)
    app.process.wait()
    seconds_until_gone(app.mark)


@pytest.mark.parametrize("ending", ["its last epoch", "an error", *(name for name in SIGNALS if name != "kill")])
def test_what_the_users_code_has_started_ends_with_a_run_without_the_screen(ending, tmp_path):
    (tmp_path / "starting.py").write_text(STARTING)
    if ending == "an error":
        (tmp_path / "fail").touch()
    epochs = 3 if ending == "its last epoch" else 1_000_000
    run = Headless("run", tmp_path, "starting.py", "--epochs", str(epochs))
    if ending in SIGNALS:
        until(lambda: all_started(run.mark), "all have been started")
        run.process.send_signal(SIGNALS[ending])
    seconds_until_gone(run.mark)
    assert run.process.wait() in {"its last epoch": (0, 1), "an error": (2,)}.get(ending, (CODES.get(ending),))


# --- the commands


class Headless:
    """A command without a screen, its output in files; no signal is ignored, as it may be in a shell's background."""

    def __init__(self, command: str, folder: Path, *arguments: str, ignoring: tuple[signal.Signals, ...] = ()) -> None:
        self.mark = os.urandom(8).hex()
        self.folder = folder
        before = {n: signal.signal(n, signal.SIG_DFL) for n in SIGNALS.values() if n != signal.SIGKILL}
        for number in ignoring:
            signal.signal(number, signal.SIG_IGN)
        try:
            with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
                self.process = subprocess.Popen(
                    [*COMMAND, command, *arguments], stdout=out, stderr=err, cwd=folder, env=environment(self.mark)
                )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def errors(self) -> str:
        return (self.folder / "err").read_text()


@pytest.mark.parametrize(
    ("command", "phase", "way", "how"),
    [
        ("run", "import", "termination", "sleep"),
        ("run", "data", "hang-up", "loop that catches all"),
        ("run", "model", "interrupt", "loop"),
        ("run", "training", "termination", "loop that catches all"),
        ("run", "shutting down", "hang-up", "sleep"),
        ("graph", "model", "termination", "child"),
        ("lr-find", "training", "interrupt", "sleep"),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in product(("run", "graph", "lr-find"), (*PHASES, "shutting down"), SIGNALS, ("sleep", "child"))
        ),
    ],
)
def test_every_command_goes_when_it_is_told_in_whatever_phase(command, phase, way, how, tmp_path, runs):
    if (command, phase) == ("graph", "training"):
        phase = "model"  # it trains no batch
    options = ("--epochs", "100000" if phase == "training" else "3") if command == "run" else ()
    run = Headless(command, tmp_path, hanging(tmp_path, phase, how), *options)
    if phase == "shutting down":
        said = {"run": "recorded in", "graph": "loss", "lr-find": "batches"}[command]
        until(lambda: said in (tmp_path / "out").read_text() + run.errors or run.process.poll() is not None, said)
    else:
        until((tmp_path / "ready").exists, "it hangs")
    run.process.send_signal(SIGNALS[way])
    seconds_until_gone(run.mark) if way != "kill" or how != "child" else run.process.wait()
    # Once all is done, the system's own way to end a process by a signal is as good.
    assert run.process.wait() in (CODES[way], -SIGNALS[way])
    assert "Traceback" not in run.errors or phase == "shutting down"
    if phase in ("training", "shutting down") and command == "run":
        assert_whole(runs)
    for pid in living(run.mark):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("way", ["hang-up", "interrupt", "termination"])
def test_a_run_that_is_told_to_end_reports_and_is_recorded(way, tmp_path, runs):
    run = Headless("run", tmp_path, "--data", "digits", "--epochs", "1000000")
    until(lambda: any(s.epochs for s in summaries(runs) if isinstance(s, Summary)), "an epoch is recorded")
    run.process.send_signal(SIGNALS[way])
    seconds_until_gone(run.mark)
    assert run.process.wait() == CODES[way]
    said = {"hang-up": "the terminal has gone", "interrupt": "interrupted", "termination": "terminated"}[way]
    assert f"nn-debug: {said} after " in run.errors
    assert "recorded in" in run.errors
    assert "digits: " in (tmp_path / "out").read_text()
    assert_whole(runs)


def test_a_second_interrupt_ends_a_run_at_once(tmp_path, runs):
    run = Headless("run", tmp_path, hanging(tmp_path, "training", "loop that catches all"), "--epochs", "1000000")
    until((tmp_path / "ready").exists, "it hangs")
    run.process.send_signal(signal.SIGINT)
    until(lambda: "ctrl+c again ends it at once" in run.errors, "it says what it waits for")
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGINT)
    seconds_until_gone(run.mark)
    assert run.process.wait() == 130
    assert "recorded in" in run.errors
    assert_whole(runs)


def test_a_run_is_not_told_to_end_by_what_is_ignored(tmp_path):
    ignored = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # nohup, a shell's background, a script's trap
    run = Headless("run", tmp_path, "--data", "xor", "--epochs", "150", ignoring=ignored)
    until(lambda: "xor" in (tmp_path / "out").read_text() or run.process.poll() is None, "it has begun")
    while run.process.poll() is None:
        for number in ignored:
            run.process.send_signal(number)
        time.sleep(0.02)
    assert run.process.wait() in (0, 1)
    assert "150 epochs" in (tmp_path / "out").read_text()


# A signal that comes while this callback runs: what a handler raises there is swallowed.
WEAK = """
import weakref
from tinygrad_nn.training import Experiment

class Thing: pass

class Weak(Experiment):
    dataset = "xor"

    def loss(self, hp, train):
        criterion = super().loss(hp, train)
        def gone(reference):
            open("ready", "w").close()
            for _ in range(200_000): pass
        def loss(output, target):
            thing = Thing()
            reference = weakref.ref(thing, gone)
            del thing
            return criterion(output, target)
        return loss
"""


@pytest.mark.parametrize("way", ["hang-up", "interrupt", "termination"])
def test_a_signal_is_heard_in_the_callback_of_a_weak_reference_too(way, tmp_path):
    (tmp_path / "weak.py").write_text(WEAK)
    run = Headless("run", tmp_path, "weak.py", "--epochs", "1000000")
    until((tmp_path / "ready").exists, "it trains")
    run.process.send_signal(SIGNALS[way])
    seconds_until_gone(run.mark)
    assert run.process.wait() == CODES[way]
    assert "Exception ignored" not in run.errors


# --- the pieces, in a process of their own


def script(code: str, tmp_path: Path, code_wanted: int, seconds: float = 60.0) -> str:
    head = "import os, signal, subprocess, sys, time\nfrom tui import leaving\nfrom tui.exits import Exit\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=seconds,
        preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in (1, 2, 15)],
    )
    assert done.returncode == code_wanted, done.stderr
    return done.stdout + done.stderr


def test_it_is_heard_though_somebody_has_taken_the_pipe(tmp_path):
    out = script(
        """
        with leaving.hearing():
            read, write = os.pipe()
            os.set_blocking(write, False)
            signal.set_wakeup_fd(write)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        """,
        tmp_path,
        143,
    )
    assert out == "nn-debug: terminated\n"


def test_what_is_to_be_saved_is_saved_and_its_words_are_the_last(tmp_path):
    out = script(
        """
        def save():
            open("saved", "w").close()
            return "kept\\n"
        with leaving.hearing(), leaving.tidily(save, grace=0.1):
            print("first")
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(60)
        """,
        tmp_path,
        129,
    )
    assert out == "first\nkept\nnn-debug: the terminal has gone\n"
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize("save", ["time.sleep(60)", "1 / 0", "sys.exit()"])
def test_what_cannot_be_saved_keeps_no_process(save, tmp_path):
    script(
        f"""
        leaving.SAVING = 0.3
        with leaving.hearing(), leaving.tidily(lambda: {save}):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        """,
        tmp_path,
        143,
    )


def test_words_that_nobody_reads_keep_no_process():
    code = """
    import os, signal, sys, threading
    from tui import leaving
    leaving.SAVING = 1000
    with leaving.hearing(), leaving.tidily(str):
        threading.Timer(1, os.kill, [os.getpid(), signal.SIGTERM]).start()
        print("x" * 10_000_000, flush=True)
    """
    code = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        try:
            assert process.wait(60) == 143
        finally:
            process.kill()


def test_an_interrupt_while_it_saves_ends_it(tmp_path):
    script(
        """
        def save():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        leaving.SAVING = 50
        with leaving.hearing(), leaving.tidily(save):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        """,
        tmp_path,
        130,
        seconds=40,
    )


def test_a_process_that_has_decided_to_end_is_ended_if_it_does_not(tmp_path):
    script(
        """
        import threading
        threading.Thread(target=time.sleep, args=(1000,)).start()
        with leaving.hearing():
            leaving.tell(Exit.FINE, 0.2)
        """,
        tmp_path,
        0,
    )


def test_work_that_reads_the_flag_ends_by_itself(tmp_path):
    out = script(
        """
        with leaving.hearing(), leaving.tidily(str, grace=50):
            os.kill(os.getpid(), signal.SIGTERM)
            while leaving.told() is None:
                time.sleep(0.01)
            print("came to its end", leaving.told())
        sys.exit(leaving.told())
        """,
        tmp_path,
        143,
    )
    assert out == "came to its end 143\n"


def test_children_from_before_are_left_alone_and_those_since_are_not(tmp_path):
    script(
        """
        before = subprocess.Popen(["sleep", "1004"])
        with leaving.hearing():
            since = subprocess.Popen(["/bin/sh", "-c", "sleep 1005 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
            grandchild = int(since.stdout.readline())
        assert since.wait(30) == -9
        while os.path.exists(f"/proc/{grandchild}") and " Z " not in open(f"/proc/{grandchild}/stat").read():
            time.sleep(0.01)
        assert before.poll() is None
        before.kill()
        """,
        tmp_path,
        0,
    )


def test_what_a_copy_of_the_process_is_told_is_its_own_business(tmp_path):
    """The copy shares the pipe: were it written to there, the original would go in its place."""
    out = script(
        """
        import multiprocessing
        with leaving.hearing(), leaving.tidily(str, grace=50):
            for way in ("terminate", "kill"):
                copy = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
                copy.start()
                getattr(copy, way)()
                copy.join(30)
                print(copy.exitcode, leaving.told())
        """,
        tmp_path,
        0,
    )
    assert out == "-15 None\n-9 None\n"


def test_afterwards_signals_are_as_they_were(tmp_path):
    script(
        """
        before = [signal.getsignal(n) for n in (1, 2, 15)]
        for _ in range(3):
            with leaving.hearing(), leaving.hearing():
                assert [signal.getsignal(n) for n in (1, 2, 15)] != before
            assert [signal.getsignal(n) for n in (1, 2, 15)] == before
            assert leaving.told() is None
        assert len(os.listdir("/proc/self/fd")) < 20
        """,
        tmp_path,
        0,
    )
