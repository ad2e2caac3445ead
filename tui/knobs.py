"""`nn-debug knobs`: the hyperparameters, a line each, or all there is to say of some."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from textwrap import fill, shorten

from tinygrad_nn.training import KNOBS
from tinygrad_nn.training.hyperparameters import GROUPS, named

from .parsing import Refused


def listing(names: Sequence[str] = ()) -> str:
    """All of them in groups, each with its default and what it is; of `names`, everything."""
    try:
        chosen = [named(name) for name in names]
    except ValueError as error:
        raise Refused(str(error)) from None
    width = min(shutil.get_terminal_size().columns, 100)
    if chosen:
        return "\n\n".join(
            f"{knob.name} ({knob.label}): {knob.allowed}; default {knob.show(knob.default)}; "
            f"{'changes in flight' if knob.in_flight else 'takes a new run'}\n"
            + fill(knob.help, width, initial_indent="  ", subsequent_indent="  ")
            for knob in chosen
        )
    lines = []
    for group, members in GROUPS.items():
        lines += [group, *(_line(name, width) for name in members), ""]
    return "\n".join([*lines, "nn-debug knobs NAME says what one takes and does; --set NAME=VALUE sets it"])


def _line(name: str, width: int) -> str:
    knob = KNOBS[name]
    start = f"  {knob.name:<17} {knob.show(knob.default):<10} "
    return start + shorten(knob.brief, max(width - len(start), 20), placeholder=" …")
