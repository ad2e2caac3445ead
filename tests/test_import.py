"""What `import tinygrad_nn` takes along, and what it leaves until somebody asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_nn

LATE = ("nn", "optim", "autograd", "func", "anomaly", "data", "graph", "diagnosis", "training", "metrics", "testing")


@pytest.mark.program
def test_what_stands_on_tensors_is_imported_when_it_is_asked_for():
    show = (
        "import sys, tinygrad_nn as t; before = set(sys.modules); t.nn.Linear; t.optim.SGD; t.detect_anomaly; t.hvp;"
        "print(*before); print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[1]
    )
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
