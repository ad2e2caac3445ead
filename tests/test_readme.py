"""README and CONTRIBUTING are true: their examples run as they stand, and their commands are those that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_nn import Tensor
from tinygrad_nn.graph.pictures import engines
from tinygrad_nn.training.conditions import Condition
from tinygrad_nn.training.files import load_experiment

pytestmark = pytest.mark.program

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TIME = (ROOT / "docs" / "time-travel.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
SEQUENCES = (ROOT / "docs" / "sequences.md").read_text(encoding="utf-8")
GRAPHS = (ROOT / "docs" / "graphs.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def python(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
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


def test_the_experiment_in_toml_is_read(tmp_path):
    (example,) = blocks("toml")
    (tmp_path / "my.toml").write_text(example)
    experiment = load_experiment(tmp_path / "my.toml")
    assert (experiment.hyperparameters.hidden, experiment.hyperparameters.noise) == ((8, 8), 0.2)


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
        (tmp_path / "my.csv").write_text("size,price\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(60)))
    arguments = command[1:]
    if arguments[0] == "graph" and not engines():
        pytest.skip("pictures need dot or graphviz-pure")
    if arguments[0] == "resume":
        home = {"NN_DEBUG_HOME": str(tmp_path)}
        assert python("-m", "tui.cli", "run", "--data", "xor", "--epochs", "1", cwd=tmp_path, **home).returncode == 0
        done = python("-m", "tui.cli", *arguments, "--no-screen", cwd=tmp_path, **home)
        assert done.returncode == 0, done.stderr
        return
    if arguments[0] not in ("run", "graph", "lr-find", "--help"):
        arguments = ["run", *arguments, "--epochs", "1"]  # the same without the screen, which a test has not
    done = python("-m", "tui.cli", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not engines(), reason="pictures need dot or graphviz-pure")
def test_the_pages_examples_draw_graphs(tmp_path):
    example, _ = blocks("python", GRAPHS)  # the other one is about a model of the reader
    (tmp_path / "example.py").write_text(example)
    done = python("example.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "linear" in done.stdout
    assert (tmp_path / "net.svg").is_file()
    (commands,) = blocks("sh", GRAPHS)
    (tmp_path / "demos").symlink_to(ROOT / "demos")
    (tmp_path / "docs").mkdir()
    for line in commands.splitlines():
        done = python("-m", "tui.cli", *line.partition("#")[0].split()[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for picture in (tmp_path / "docs").iterdir():
        assert f"]({picture.name})" in GRAPHS


def test_the_page_on_the_library_is_true(tmp_path):
    (tmp_path / "page.py").write_text("\n".join(blocks("python", LIBRARY)))
    done = python("-W", "ignore:divide by zero", "page.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "log gave infinity from finite inputs" in done.stdout
    assert "Tensor([0.0], requires_grad=True).log()" in done.stdout  # the line of the caller
    for here in re.findall(r"`x\.(\w+)", LIBRARY):
        assert hasattr(Tensor([1.0]), here), here


def test_the_page_on_sequences_is_true(tmp_path):
    (tmp_path / "page.py").write_text("\n".join(blocks("python", SEQUENCES)))
    done = python("-W", "error", "page.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(remembered|read backwards) (?:0.99|1.0)", done.stdout) == ["remembered", "read backwards"]


def test_the_page_on_time_travel_is_true(tmp_path):
    (example,) = blocks("python", TIME)
    (tmp_path / "example.py").write_text(example)
    done = python("example.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "fork 1: lr 0.1" in done.stdout
    for text in next(block for block in blocks("", TIME) if "best_loss" in block).splitlines():
        Condition(text)
    home = {"NN_DEBUG_HOME": str(tmp_path)}
    for name in ("a.nndb", "b.nndb"):
        run = ("run", "--data", "xor", "--epochs", "1", "--record", name)
        assert python("-m", "tui.cli", *run, cwd=tmp_path, **home).returncode == 0
    (commands,) = blocks("sh", TIME)
    for line in commands.splitlines():
        arguments = line.partition("#")[0].split()[1:]
        if arguments[0] == "resume":
            arguments.append("--no-screen")
        if arguments[0] != "replay":  # it has nothing but the screen
            done = python("-m", "tui.cli", *arguments, cwd=tmp_path, **home)
            assert done.returncode == 0, done.stderr


def test_what_it_points_to_is_there():
    for page in (README, CONTRIBUTING):
        for path in re.findall(r"\]\((?!http)([^)#]+)\)", page) + re.findall(
            r"`((?:tinygrad_nn|tests|demos|docs|\.ci)/[\w./]*)`", page
        ):
            assert (ROOT / path).exists(), path


def commands(page: str) -> list[str]:
    return [line.partition("  #")[0].strip() for block in blocks("sh", page) for line in block.splitlines()]


def test_the_checks_are_those_of_ci():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace('"', "").replace("'", "").splitlines()
    checks = [command for command in commands(CONTRIBUTING) if "&&" not in command and "pytest" not in command]
    assert checks == [line.replace("$developer", ".venv/bin") for line in ci if re.match(r"\$developer/(?!pip)", line)]


@pytest.mark.parametrize("lane", ["-m quick", "", "-m slow"])
def test_a_lane_takes_what_it_says(lane):
    (command,) = [c for c in commands(CONTRIBUTING) if c.endswith(f"-m pytest -n 2 {lane}".strip())]
    arguments = command.split()[1:]
    arguments[arguments.index("-n") + 1] = "0"
    done = python(
        *arguments, "--collect-only", "-q", "tests/training/test_runlog.py", "tests/tui/test_open.py", cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    taken = set(re.findall(r"::(\w+)", done.stdout))
    drawn, plain = "test_a_record_comes_back_bit_for_bit", "test_others_may_read_while_it_is_written"
    many = re.search(r"test_killed\w+\[40\]", done.stdout)
    assert drawn in taken
    assert (plain in taken) == (lane != "-m slow")
    assert bool(many) == (lane == "-m slow")
    assert any(name.startswith("test_killed") for name in taken) == (lane != "-m quick")
    assert ("test_a_recorded_run_goes_on" in taken) == (lane == "")
