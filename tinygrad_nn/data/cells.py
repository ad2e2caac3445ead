"""The cells of a CSV or TSV file, and what a column of them holds. Reading is pandas' work; it is asked for here only.

A frame of cells has the names of the header as columns and each row's line in the file as index, so that an error can
say where to look. A cell is a text without the spaces around it; `NaN` where the file says that a value is missing.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Array

MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}
# A number as people write it: perhaps a currency before, a comma for the point, a unit after.
QUANTITY = re.compile(r"[$€£¥]?\s*[-+]?[\d.,]*\d\s*((?:[^\W\d_]|[%°])\D*)?")
DECIMAL_COMMA = re.compile(r"[-+]?[\d.]*,\d+")
MANY = 20  # distinct texts, from which on a column may be an identifier


def read_cells(file: Path) -> tuple[Any, str]:
    """The cells of a file as a pandas frame of texts, and its separator, by the file's ending or the header.

    ValueError: not UTF-8, empty, a header alone, a row with more or fewer fields than the header, a name that is
    missing or there twice, a header of numbers, a quotation mark that is not closed. ImportError: no pandas.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"reading {file.name} needs pandas: pip install 'tinygrad-nn[data]'") from error
    text = _text(file)
    first = next((line for line in text.split("\n") if line.strip()), "")
    if not first:
        raise ValueError(f"{file.name} is empty: it must have a header and rows")
    unquoted = re.sub(r'"[^"]*"', "", first)
    separator = "\t" if file.suffix.lower() in (".tsv", ".tab") else max(SEPARATORS, key=unquoted.count)
    width = 1 + unquoted.count(separator)
    # One column more than the header has takes what a row has too much; without it the row would pass or vanish.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pandas.errors.ParserWarning)  # of a row too long: an error below
        frame = pandas.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=range(width + 1),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            engine="python",
            on_bad_lines=lambda fields: fields[: width + 1],
        )
    frame.index, following = _line_numbers(frame)
    fields = frame.notna().sum(axis=1).to_numpy()
    frame, fields = frame[fields > 0], fields[fields > 0]
    if (fields != width).any():
        row = int(np.argmax(fields != width))
        count = f"more than {width}" if fields[row] > width else f"only {fields[row]}"
        raise ValueError(f"{file.name}, line {frame.index[row]}: the header has {width} fields, this row {count}")
    if following <= text.rstrip("\n").count("\n") + 1:
        raise ValueError(f"{file.name}, line {following}: a quotation mark is opened and not closed")
    frame = frame.drop(columns=width).apply(lambda column: column.str.strip())
    names = frame.iloc[0].tolist()
    if _all_numbers(names):
        raise ValueError(
            f"{file.name}, line {frame.index[0]}: numbers alone ({', '.join(names[:3])}{', ...' if width > 3 else ''}) "
            "where the names of the columns must be: write a header above them"
        )
    for place, name in enumerate(names):
        if not name:
            raise ValueError(f"{file.name}: column {place + 1} has no name in the header: give it one")
        if name in names[:place]:
            raise ValueError(f"{file.name}: columns {names.index(name) + 1} and {place + 1} are both called {name!r}")
    if len(frame) < 2:
        raise ValueError(f"{file.name} has a header and no rows")
    frame = frame.iloc[1:].set_axis(names, axis=1)
    return frame.mask(frame.apply(lambda column: column.str.lower().isin(MISSING))), separator


def numbers_or_texts(file: Path, column: Any) -> Array:
    """A column's values: float64 with NaN for what is missing, or texts (of dtype object) with NaN likewise.

    It is numbers if half or more of its cells are, or are with a unit or a decimal comma: then every cell must be one.

    ValueError, with line and column: a cell that is no finite number among numbers, or one beyond float32.
    """
    import pandas

    present = column.dropna()
    if not len(present):
        raise ValueError(f"{file.name}, column {column.name!r} has no values at all: leave it out by ignore")
    numbers = pandas.to_numeric(present, errors="coerce").astype(float)
    wrong = ~np.isfinite(numbers.to_numpy())
    if wrong.any():
        quantities = [QUANTITY.fullmatch(cell) for cell in present]
        units = {found[1] for found in quantities if found and found[1]}
        # Several units are rather names, such as 1st and 2nd.
        meant = [found is not None for found in quantities] if len(units) < 2 else ~wrong
        if np.mean(meant | ~wrong) < 0.5:
            return np.asarray(column.to_numpy(dtype=object))
        cell = present[wrong].iloc[0]
        hint = (
            "write a point before the decimals, and nothing between thousands"
            if DECIMAL_COMMA.fullmatch(cell)
            else "write a number alone, or nothing where it is missing"
        )
        raise ValueError(
            f"{file.name}, line {present.index[wrong][0]}, column {column.name!r}: {cell!r} is not a finite number, "
            f"as the others of the column are meant to be: {hint}"
        )
    too_large = np.abs(numbers.to_numpy()) > np.finfo(np.float32).max
    if too_large.any():
        raise ValueError(
            f"{file.name}, line {present.index[too_large][0]}, column {column.name!r}: "
            f"{present[too_large].iloc[0]} is beyond float32: change its unit"
        )
    return np.asarray(numbers.reindex(column.index).to_numpy())


def _all_numbers(names: list[str]) -> bool:
    """Whether a header is rather a row: numbers alone, unless they count the columns, from 0 or 1 on."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return False
    return numbers not in ([*range(len(names))], [*range(1, len(names) + 1)])


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = error.object[error.start]
        raise ValueError(f"{file.name}, line {line}: byte 0x{wrong:02x} is not UTF-8: save the file as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{file.name}, line {line}: a zero byte, so it is no text in UTF-8")
    return text


def _line_numbers(frame: Any) -> tuple[Array, int]:
    """The line in the file that each row begins on, and the line after the last row: a cell may go over several."""
    inside = sum(frame[name].fillna("").str.count("\n").to_numpy(dtype=int) for name in frame)
    ends = np.cumsum(1 + inside) + 1
    return ends - 1 - inside, int(ends[-1])
