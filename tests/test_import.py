"""What `import tinygrad_nn` takes along, and what it leaves until somebody asks."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tinygrad_nn

ROOT = Path(__file__).parents[1]
PACKAGES = ("tinygrad_nn", "tui")
LATE = ("nn", "optim", "autograd", "func", "anomaly", "data", "graph", "diagnosis", "training", "metrics", "testing")


@pytest.mark.program
def test_what_stands_on_tensors_is_imported_when_it_is_asked_for():
    show = (
        "import sys, tinygrad_nn as t; before = set(sys.modules); t.nn.Linear; t.optim.SGD; t.detect_anomaly; t.hvp;"
        "print(*before); print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    assert "tinygrad_nn.tensors" in before
    assert not before & {f"tinygrad_nn.{name}" for name in LATE}
    assert not before & {"pandas", "textual", "rich", "graphviz", "sqlite3", "tui", "importlib.metadata"}
    assert {"tinygrad_nn.nn", "tinygrad_nn.optim", "tinygrad_nn.anomaly", "tinygrad_nn.func"} <= after


def test_every_name_is_there_and_is_listed():
    assert set(tinygrad_nn.__all__) <= set(dir(tinygrad_nn))
    for name in tinygrad_nn.__all__:
        assert getattr(tinygrad_nn, name) is getattr(tinygrad_nn, name)
    for name in ("nn", "optim", "autograd", "func", "anomaly"):
        assert getattr(tinygrad_nn, name) is sys.modules[f"tinygrad_nn.{name}"]


# --- which way imports go


def test_the_import_contracts_hold():
    """All of them, those for types and those within functions among them, in a process of its own."""
    pytest.importorskip("importlinter", reason="the contracts are checked by import-linter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-logo'])"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert not any("ignore_imports" in contract for contract in settings["contracts"])


@pytest.mark.parametrize("package", ["tinygrad_nn", "tui"])
def test_no_module_takes_a_private_name_of_another(package):
    taken = set()
    for path in (ROOT / package).rglob("*.py"):
        for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(item, ast.ImportFrom) and (item.level or str(item.module).partition(".")[0] in PACKAGES):
                private = [a.name for a in item.names if a.name.startswith("_") and not a.name.startswith("__")]
                taken |= {f"{path.relative_to(ROOT)}: {item.module}.{name}" for name in private}
    assert taken == set()


def test_no_module_is_hidden_by_a_function_of_its_name():
    for path in (ROOT / "tinygrad_nn").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            continue
        inside = importlib.import_module(".".join(parts[:-1]))
        name = ".".join(parts)
        importlib.import_module(name)
        assert getattr(inside, parts[-1]) is sys.modules[name], f"{name} cannot be reached"
