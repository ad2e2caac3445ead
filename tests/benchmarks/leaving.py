"""How many seconds the app's processes take to go, by each way to lose them: `python -m tests.benchmarks.leaving [N]`.

The aim: 2 s. The tests' limits are wide, since a busy machine may take its time; these are the figures.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.tui.terminals import WAYS, Terminal, Tmux, keep_reading, seconds_until_gone, until

LIMIT = 20.0
ENDLESS = """
from tinygrad_nn.training import Experiment
class Endless(Experiment):
    dataset = "xor"
    def model(self, hp, train, rng):
        while True:
            pass
"""


def app(way: str, folder: Path, stalled: bool = False, endless: bool = False) -> float:
    """One app that trains, or whose experiment never comes back; read or not read; how long it stays."""
    (folder / "endless.py").write_text(ENDLESS)
    arguments = ["endless.py"] if endless else ["--data", "digits", "--fast", "--set", "epochs=1000000"]
    terminal = Terminal(*arguments, cwd=folder)
    try:
        terminal.read_until(b"starting" if endless else b"running")
        stop: Callable[[], None] | None = None
        if stalled:
            terminal.stall()
        elif way not in ("terminal closed", "stopped, terminal closed"):
            stop = keep_reading(terminal)
        WAYS[way](terminal)
        try:
            return seconds_until_gone(terminal.mark, LIMIT)
        finally:
            if stop is not None:
                stop()
    finally:
        terminal.close()


def headless(way: str, folder: Path) -> float:
    terminal = Terminal("run", "--data", "digits", "--set", "epochs=1000000", cwd=folder)
    try:
        terminal.read_until(b"epochs")
        WAYS[way](terminal)
        return seconds_until_gone(terminal.mark, LIMIT)
    finally:
        terminal.close()


def tmux(folder: Path, apps: int = 8) -> float:
    """Several apps in tmux, the server killed."""
    server = Tmux(folder)
    try:
        names = [f"w{i}" for i in range(apps)]
        for name in names:
            server.open(name, "--data", "digits", "--set", "epochs=1000000")
        for name in names:
            until(lambda name=name: "running" in server.screen(name), f"{name} runs", LIMIT * 2)
        server.run("kill-server")
        return seconds_until_gone(server.mark, LIMIT)
    finally:
        server.close()


def measured(name: str, one: Callable[[], float], tries: int) -> None:
    seconds, stayed = [], 0
    for _ in range(tries):
        try:
            seconds.append(one())
        except AssertionError as error:
            if "still there" not in str(error):
                raise
            stayed += 1
    seconds.sort()
    told = f"median {seconds[len(seconds) // 2]:5.2f}  worst {seconds[-1]:5.2f}" if seconds else ""
    print(f"{name:<45} {told}" + f"  {stayed} of {tries} stayed for {LIMIT:g} s" * bool(stayed), flush=True)


def main() -> None:
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["NN_DEBUG_HOME"] = str(folder / "runs")
        for way in WAYS:
            measured(f"app, {way}", lambda way=way: app(way, folder), tries)
        for way in ("q", "hang-up", "termination", "terminal closed", "kill"):
            measured(f"app that nobody reads, {way}", lambda way=way: app(way, folder, stalled=True), tries)
        for way in ("q", "hang-up", "terminal closed", "kill"):
            measured(f"endless experiment, {way}", lambda way=way: app(way, folder, endless=True), tries)
        for way in ("hang-up", "interrupt", "termination", "terminal closed"):
            measured(f"run, {way}", lambda way=way: headless(way, folder), tries)
        measured("8 apps in tmux, server killed", lambda: tmux(folder), max(tries // 5, 1))


if __name__ == "__main__":
    main()
