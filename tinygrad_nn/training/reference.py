"""The reference of hyperparameters, written from their table: `python -m tinygrad_nn.training.reference`."""

from __future__ import annotations

from .hyperparameters import KNOBS

INTRODUCTION = """# Hyperparameters

Written by `python -m tinygrad_nn.training.reference > docs/hyperparameters.md` from the table in
`tinygrad_nn/training/hyperparameters.py`, which the command line (`--set name=value`), experiment files and the app's
panel read too. "in flight" says that a change applies from the next batch; "restart" that it needs a new network.

| name | default | allowed | changes | what it does |
|---|---|---|---|---|
"""


def markdown() -> str:
    """The page `docs/hyperparameters.md`."""
    rows = [
        (
            f"`{knob.name}`",
            f"`{knob.show(knob.default)}`",
            knob.allowed,
            "in flight" if knob.in_flight else "restart",
            knob.help,
        )
        for knob in KNOBS.values()
    ]
    return INTRODUCTION + "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


if __name__ == "__main__":
    print(markdown(), end="")
