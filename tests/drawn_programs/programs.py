"""Whole programs, one for a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.drawn_programs.face import Drawing, drawing, public
from tests.drawn_programs.lines import GENERAL
from tests.drawn_programs.networks import training
from tests.drawn_programs.running import Excuse, Excused, Fault, Line, RefusedHere, Run, shrunk, source
from tests.drawn_programs.values import Draw

LINES = 14


@cache
def drawings() -> dict[str, Drawing]:
    """How each public name is drawn, for those where it is known."""
    return {name: how for name, value in public().items() if (how := drawing(name, value)) is not None}


@dataclass
class Tally:
    """What came of the lines of many programs, by the name that each tried."""

    agreed: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # here, where PyTorch does it
    wider: Counter[tuple[str, str]] = field(default_factory=Counter)  # PyTorch refuses it
    excused: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)  # the first seed of each, and the program


def program(seed: int, excuse: Excuse, tally: Tally) -> str | None:
    """Draw and run a program. If something is wrong in it, the program as a file that shows it."""
    run = Run(excuse)
    d = Draw(seed, run)
    ways, weights = list(GENERAL), list(GENERAL.values())
    named = drawings()

    def one_line() -> Line | None:
        if d.chance(0.6):
            return named[d.one(*named)](d)
        return d.random.choices(ways, weights)[0](d)

    def lines() -> Iterator[Line | None]:
        if seed % 5 == 0:
            yield from training(d)
        else:
            yield from (one_line() for _ in range(d.between(3, LINES)))

    try:
        for line in lines():
            if line is None:
                continue
            name = line.name
            outcome = run.do(line)
            if outcome == "agrees":
                tally.agreed[name] += 1
            elif outcome == "refused here":
                tally.refused[name, run.refusal] += 1
            elif outcome == "refused there":
                tally.wider[name, run.refusal] += 1
            if outcome != "agrees" and seed % 5 == 0:
                break
    except Excused as reason:
        tally.excused[str(reason)] += 1
    except RefusedHere as refusal:
        tally.refused[name, str(refusal)] += 1
    except Fault as fault:
        lines = [*run.lines, *([fault.line] if fault.line not in run.lines else [])]
        lines = shrunk(lines, fault, excuse)
        return f"# {fault}\n{source(lines, seed)}"
    return None
