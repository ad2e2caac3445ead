"""Whole programs, one for each seed, and what comes of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.drawn_programs.differences import excuse
from tests.drawn_programs.face import drawing, public
from tests.drawn_programs.functions import Drawing
from tests.drawn_programs.lines import GENERAL
from tests.drawn_programs.networks import training
from tests.drawn_programs.running import Excused, Fault, Line, RefusedHere, Run, shrunk, source
from tests.drawn_programs.values import Draw

LINES = 14
TRAININGS = 5  # one program in so many trains a network


@cache
def drawings() -> dict[str, Drawing]:
    """How each public name is drawn, for those where it is known."""
    return {name: how for name, value in public().items() if (how := drawing(name, value)) is not None}


@dataclass
class Tally:
    """What came of the lines of many programs, by the name that each tried."""

    programs: int = 0
    agreed: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # here, where PyTorch does it
    wider: Counter[tuple[str, str]] = field(default_factory=Counter)  # PyTorch refuses it
    excused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)  # each a program that shows one


def lines_of(d: Draw, seed: int) -> Iterator[Line | None]:
    """The lines of the program of a seed, each drawn when those before it have run."""
    if seed % TRAININGS == 0:
        yield from training(d)
        return
    ways, weights = list(GENERAL), list(GENERAL.values())
    for _ in range(d.between(3, LINES)):
        if d.chance(0.6):
            yield drawings()[d.one(*drawings())](d)
        else:
            yield d.random.choices(ways, weights)[0](d)


def program(seed: int, tally: Tally) -> Run:
    """Draw and run the program of a seed, and note what came of it."""
    run = Run(excuse)
    name = ""
    tally.programs += 1
    try:
        for line in lines_of(Draw(seed, run), seed):
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
            if outcome != "agrees" and seed % TRAININGS == 0:
                break  # the lines of a training stand on each other
    except Excused as reason:
        tally.excused[str(reason)] += 1
    except RefusedHere as refusal:
        tally.refused[name, str(refusal)] += 1
    except Fault as fault:
        lines = [*run.lines, *([] if fault.line in run.lines else [fault.line])]
        shown = "\n".join(f"# {text}" for text in str(fault).splitlines())
        tally.faults.append(f"{shown}\n{source(shrunk(lines, fault, excuse), seed)}")
    run.forget()
    return run


def programs(seeds: Iterable[int]) -> Tally:
    tally = Tally()
    for seed in seeds:
        program(seed, tally)
    return tally
