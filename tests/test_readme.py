"""README is true: its examples run as they stand, and its commands are those that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, cwd=cwd, env=environment
    )


def test_the_example_with_the_library_alone_learns_in_under_20_lines(tmp_path):
    (example,) = [b for b in blocks("python") if "optimizer.step()" in b]
    assert len(example.strip().splitlines()) < 20
    (tmp_path / "example.py").write_text(example)
    done = python("example.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy = float(done.stdout.removeprefix("validation accuracy "))
    assert accuracy > 0.95


def test_the_experiment_file_runs(tmp_path):
    (example,) = [b for b in blocks("python") if "Experiment)" in b]
    (tmp_path / "my_experiment.py").write_text(example)
    done = python("-m", "tui.cli", "run", "my_experiment.py", "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Linear 32→2" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        line.partition("#")[0].split()
        for block in blocks("sh")
        for line in block.splitlines()
        if line[:9] == "nn-debug "
    ],
    ids=" ".join,
)
def test_the_other_commands_are_understood(command, tmp_path):
    (tmp_path / "my_experiment.py").write_text(blocks("python")[1])
    if "my.csv" in command:
        pytest.importorskip("pandas", reason="pandas reads the table")
        (tmp_path / "my.csv").write_text("size,price\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(60)))
    arguments = command[1:]
    if not {"run", "lr-find", "--help"} & set(arguments):
        arguments = ["run", *arguments, "--epochs", "1"]  # the same without the screen, which a test has not
    done = python("-m", "tui.cli", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_it_points_to_is_there():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(
        r"`((?:tinygrad_nn|demos|docs)/[\w./]*)`", README
    ):
        assert (ROOT / path).exists(), path
