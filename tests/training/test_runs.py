"""Where runs are kept: those that begin together each get a file; none is made by a name that was only looked for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

import tinygrad_nn
import tui
from tinygrad_nn.training.export import export
from tinygrad_nn.training.runlog import RunExists, RunFileError, RunInfo, RunLog
from tinygrad_nn.training.runs import Summary, create, remove, summaries, summary

ROOT = Path(__file__).parents[2]
TOGETHER = 8
INFO = RunInfo("together", {}, "accuracy", "", 1.5e9)

# Each waits until all are ready, and says what it got.
RACER = """
import os, sys, time
from pathlib import Path
from tinygrad_nn.training.export import export
from tinygrad_nn.training.runlog import RunFileError, RunInfo, RunLog
from tinygrad_nn.training.runs import create

info = RunInfo("together", {}, "accuracy", "", 1.5e9)
for name in sys.argv[2:]:
    folder = Path(name)
    (folder / f"ready-{os.getpid()}").touch()
    while len(list(folder.glob("ready-*"))) < int(sys.argv[1]):
        pass
    try:
        WORK
    except (RunFileError, FileExistsError) as error:
        print(name, "refused", error)
"""
NEW_NAME = "print(name, create(info, folder / 'runs').path, flush=True)"
ONE_NAME = "print(name, RunLog.create(folder / 'mine.nndb', info).path, flush=True)"
EXPORTED = "(export([], folder / 'out.csv', 'csv'), print(name, 'written', flush=True))"


def raced(work: str, tmp_path: Path, rounds: int) -> list[list[str]]:
    """What each process got, for each round."""
    folders = [tmp_path / str(i) for i in range(rounds)]
    for folder in folders:
        folder.mkdir()
    command = [sys.executable, "-c", RACER.replace("WORK", work), str(TOGETHER), *map(str, folders)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    racers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(TOGETHER)
    ]
    said = [racer.communicate(timeout=300) for racer in racers]
    assert not any(errors for _, errors in said), said[0][1]
    lines = [line.split(" ", 1) for out, _ in said for line in out.splitlines()]
    return [[what for name, what in lines if name == str(folder)] for folder in folders]


@pytest.mark.program
@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_runs_that_begin_together_each_get_a_file(rounds, tmp_path):
    for i, got in enumerate(raced(NEW_NAME, tmp_path, rounds)):
        assert len(got) == len(set(got)) == TOGETHER
        found = list(summaries(tmp_path / str(i) / "runs"))
        assert len(found) == TOGETHER
        assert all(isinstance(entry, Summary) for entry in found), found


@pytest.mark.program
@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_of_those_that_ask_for_one_name_one_gets_it_and_the_others_are_told(rounds, tmp_path):
    for i, got in enumerate(raced(ONE_NAME, tmp_path, rounds)):
        path = tmp_path / str(i) / "mine.nndb"
        assert sorted(got) == sorted(
            [str(path), *[f"refused {path} is there already: nothing was written over it"] * (TOGETHER - 1)]
        )
        assert summary(path).info.name == "together"


@pytest.mark.program
def test_of_exports_to_one_name_one_is_written_and_the_others_are_told(tmp_path):
    for got in raced(EXPORTED, tmp_path, 5):
        assert sorted(word.split()[0] for word in got) == ["refused"] * (TOGETHER - 1) + ["written"]


@pytest.mark.program
@pytest.mark.parametrize("together", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_commands_that_are_started_together_each_record_their_run(together, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NN_DEBUG_HOME": str(tmp_path / "runs")}
    command = [sys.executable, "-m", "tui.cli", "run", "--data", "xor", "--epochs", "2"]
    started = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(together)
    ]
    said = [one.communicate(timeout=300)[1] for one in started]
    assert all("recorded in" in text for text in said), said
    found = list(summaries(tmp_path / "runs"))
    assert [(entry.info.state, entry.epochs) for entry in found] == [("ended", 2)] * together


def test_whoever_looks_meanwhile_sees_an_empty_file_or_a_whole_one(tmp_path, monkeypatch):
    """Each step of making a run's file, with a look after it."""
    path = tmp_path / "a.nndb"
    seen = []

    def looked(self, *arguments, made=RunLog._migrate):
        look()
        made(self, *arguments)
        look()

    def look() -> None:
        (entry,) = summaries(tmp_path)
        seen.append(entry)

    monkeypatch.setattr(RunLog, "_migrate", looked)
    with closing(RunLog.create(path, INFO)):
        look()
        entry = seen[-1]
        assert isinstance(entry, Summary)
        assert (entry.info.state, entry.epochs) == ("running", 0)
    assert len(seen) == 3
    for entry in seen[:-1]:
        assert entry.why == f"{path} is empty: its run begins just now, or was cut off before it began"


def test_where_no_file_can_be_made_none_is_left(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(RunFileError, match="no run can be recorded here"):
        create(INFO, tmp_path / "file")
    monkeypatch.setattr("tinygrad_nn.training.runlog.MIGRATIONS", ("CREATE TABLE nonsense",))
    with pytest.raises(RunFileError, match="no run can be recorded here"):
        create(INFO, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_empty_file_is_somebodys_too(tmp_path):
    (tmp_path / "a.nndb").touch()
    with pytest.raises(RunExists):
        RunLog.create(tmp_path / "a.nndb", INFO)


def test_a_process_is_known_by_its_beginning_and_not_by_its_number_alone(tmp_path):
    path = tmp_path / "a.nndb"
    with closing(RunLog.create(path, INFO)) as log:
        assert summary(path).info.state == "running"
        with pytest.raises(RunFileError, match="is being recorded"):
            remove(path)
        if not log.info().writer_began:
            pytest.skip("this system does not tell when a process began")
        with log._db:
            log._db.execute("UPDATE run SET writer_began = writer_began || '0', seal = NULL")
        assert summary(path).info.state == "cut off"
        with log._db:
            log._db.execute("UPDATE run SET writer_began = NULL, seal = NULL")  # as an older version has left it
        assert summary(path).info.state == "running"
    remove_when_ended = subprocess.run(
        [sys.executable, "-c", "import os, time; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    with closing(RunLog.open(path)) as log, log._db:
        log._db.execute("UPDATE run SET writer = ?, seal = NULL", (int(remove_when_ended.stdout),))
    assert summary(path).info.state == "cut off"
    remove(path)


def test_a_process_that_has_ended_but_was_not_asked_for_its_code_writes_no_more(tmp_path):
    path = tmp_path / "a.nndb"
    code = f"from tests.training.test_runs import *; create(INFO, Path({str(tmp_path)!r}))"
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        (path,) = tmp_path.iterdir()
        assert summary(path).info.state == "cut off"


def test_the_newest_run_comes_first_though_what_is_new_lies_beside_its_file(tmp_path):
    for name in ("a", "b"):
        RunLog.create(tmp_path / f"{name}.nndb", INFO).close()
    now = time.time()
    for name, age in (("a.nndb", 100), ("b.nndb", 50)):
        os.utime(tmp_path / name, (now - age, now - age))
    assert [entry.path.stem for entry in summaries(tmp_path)] == ["b", "a"]
    (tmp_path / "a.nndb-wal").touch()
    assert [entry.path.stem for entry in summaries(tmp_path)] == ["a", "b"]


# --- all places that look whether a file is there

LOOKING = {"exists", "is_file", "is_dir", "lexists", "isfile", "isdir", "access"}
# What a name that was looked for is used for. That it is free is never among it: somebody else may take it meanwhile,
# so a new file is asked for in one step, which fails where there is one (O_EXCL, mode "x", mkdir).
USES = {
    ("tinygrad_nn/memory.py", "refuse_other_than_a_file"): "read",
    (
        "tinygrad_nn/nn/serialization.py",
        "replace_file",
    ): "it is meant to be replaced, and keeps its mode",
    ("tinygrad_nn/training/export.py", "export"): "to refuse before the work; what is free is claimed after it",
    ("tinygrad_nn/training/files.py", "experiment_on"): "read",
    ("tinygrad_nn/training/files.py", "load_experiment"): "read",
    ("tinygrad_nn/training/runlog.py", "_connected"): "read",
    ("tinygrad_nn/training/runlog.py", "open"): "read",
    ("tinygrad_nn/training/runs.py", "remove"): "a folder is left",
    ("tinygrad_nn/training/runs.py", "summaries"): "read",
    ("tinygrad_nn/training/source.py", "absolute"): "read",
    ("tui/cli.py", "_check_file"): "read",
    ("tui/recorded.py", "_found"): "read",
}


def calls(function: ast.AST) -> set[str]:
    called = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in called}


def test_no_name_is_taken_for_free_because_nothing_was_found_there():
    found = set()
    for package in (tinygrad_nn, tui):
        folder = Path(package.__file__).parent
        for file in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and calls(node) & LOOKING:
                    found.add((file.relative_to(folder.parent).as_posix(), node.name))
    assert found - set(USES) == set(), "say in USES what the name is used for"


def test_an_export_refuses_what_has_come_meanwhile(tmp_path, monkeypatch):
    """Between its look at the start and the end of its work another may have written there."""
    for name, kind in (("out.csv", "csv"), ("out", "tensorboard")):
        target = tmp_path / name

        def making(branches, path, target=target, kind=kind):
            path.mkdir() if kind == "tensorboard" else path.touch()
            target.write_text("another's")

        monkeypatch.setitem(__import__("tinygrad_nn.training.export", fromlist=["x"]).FORMATS, kind, making)
        with pytest.raises(FileExistsError):
            export([], target, kind)
        assert target.read_text() == "another's"
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted({"out.csv", name})
