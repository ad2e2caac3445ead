from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tinygrad_nn.training import KNOBS
from tinygrad_nn.training.reference import markdown

ROOT = Path(__file__).parents[2]


def test_the_page_in_the_repository_is_what_the_table_gives():
    page = (ROOT / "docs" / "hyperparameters.md").read_text(encoding="utf-8")
    assert page == markdown(), "write it anew: python -m tinygrad_nn.training.reference > docs/hyperparameters.md"


def test_the_page_has_all_that_is_known_of_each_hyperparameter():
    rows = {row.split("`")[1]: row for row in markdown().splitlines() if row.startswith("| `")}
    assert tuple(rows) == tuple(KNOBS)
    for name, knob in KNOBS.items():
        row = rows[name].replace(r"\|", "¦")
        assert row.count("|") == 6
        for part in (knob.show(knob.default), knob.allowed, knob.help):
            assert part.replace("|", "¦") in row
        assert ("| in flight |" in row) == knob.in_flight


def test_the_command_that_the_page_names_writes_it():
    (command,) = [part for part in markdown().split("`") if part.startswith("python -m")]
    module = command.split()[2]
    done = subprocess.run([sys.executable, "-m", module], capture_output=True, cwd=ROOT, timeout=60)
    assert (done.stdout.decode(), done.stderr) == (markdown(), b"")
