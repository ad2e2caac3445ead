"""Where the records of a table's file are: on which line each begins, and how many fields it has.

pandas reads the values, quickly, but fills up a record that is too short and does not say on which line one is. Here
the bytes are counted, some millions at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .dataset import Array

CHUNK = 1 << 22
SPACES = b" \t\r\x0b\x0c"


@dataclass(frozen=True)
class Records:
    """`lines` (n,) says on which line a record begins, counted from 1; `fields` (n,) how many it has.

    `open_quote` is the line of a quotation mark that is not closed, 0 if there is none.
    """

    lines: Array
    fields: Array
    open_quote: int


def records(data: Array, separator: bytes, quote: bytes, first_line: int = 1) -> Records:
    """The records in bytes (n,), uint8. Lines without anything are none. A quotation mark hides what is in it."""
    lines: list[Array] = []
    fields: list[Array] = []
    line, inside, opened = first_line, False, 0
    begun = first_line  # the line of the record under way
    count, filled = 1, False  # its fields so far, and whether it has more than spaces
    blank = np.zeros(256, bool)
    blank[np.frombuffer(SPACES.replace(separator, b"") + b"\n", np.uint8)] = True
    for start in range(0, len(data), CHUNK):
        part = np.asarray(data[start : start + CHUNK])
        marks = part == quote[0]
        breaks, parting = part == 10, part == separator[0]
        quoted = inside or bool(marks.any())
        newlines = np.flatnonzero(breaks)
        if quoted:
            hidden = np.logical_xor.accumulate(np.concatenate(([inside], marks)))[1:]
            if hidden[-1] and not inside:
                opened = line + int(np.count_nonzero(breaks[: int(np.flatnonzero(marks)[-1])]))
            inside = bool(hidden[-1])
            breaks, parting = breaks & ~hidden, parting & ~hidden
        ends = np.flatnonzero(breaks) if quoted else newlines
        edges = np.concatenate(([0], ends + 1, [len(part)]))  # of the records, the last perhaps not whole
        parts = np.diff(np.searchsorted(np.flatnonzero(parting), edges))
        solid = parts > 0
        if not solid[:-1].all() or not solid[-1]:  # a line without a separator may be blank
            filled_bytes = np.concatenate((~blank[part], [False])).astype(np.intp)
            solid = np.add.reduceat(filled_bytes, edges[:-1]) > 0
        passed = np.cumsum(np.diff(np.searchsorted(newlines, edges)))
        starts = np.concatenate(([begun], line + passed[:-1]))
        counts = parts + 1
        counts[0] += count - 1
        solid[0] |= filled
        lines.append(starts[:-1][solid[:-1]])
        fields.append(counts[:-1][solid[:-1]])
        line += int(passed[-1])
        begun, count, filled = int(starts[-1]), int(counts[-1]), bool(solid[-1])
    if filled:
        lines.append(np.array([begun]))
        fields.append(np.array([count]))
    empty = np.zeros(0, np.intp)
    return Records(np.concatenate([empty, *lines]), np.concatenate([empty, *fields]), opened if inside else 0)
