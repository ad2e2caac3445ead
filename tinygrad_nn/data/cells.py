"""The cells of a CSV or TSV file, and what a column of them holds. Reading is pandas' work; it is asked for here only.

A frame of cells has the names of the header as columns and each row's line in the file as index, so that an error can
say where to look. A column is of numbers, float64, or of texts without the spaces around them; `NaN` where the file
says that a value is missing.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..memory import refuse_above, refuse_other_than_a_file
from .dataset import Array
from .records import Records, records

MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "spaces"}
# A number as people write it: perhaps a currency before, a comma for the point, a unit after.
QUANTITY = re.compile(r"[$€£¥]?\s*[-+]?[\d.,]*\d\s*((?:[^\W\d_]|[%°])\D*)?")
DECIMAL_COMMA = re.compile(r"[-+]?[\d.]*,\d+")
MANY = 20  # distinct texts, from which on a column may be an identifier
HEAD = 1 << 16  # bytes that tell how a file is written
LOOKED_AT = 200  # rows
LONGEST = 60  # characters of a cell in a message
BYTES = 4  # of memory for one of a file, while it is read
INDEX_NAMES = ("", "unnamed: 0", "index", "rowname", "rownames", "row.names", "row")


@dataclass(frozen=True)
class Way:
    """How a file is written, and what was decided about that, a line each."""

    separator: str
    quote: str
    begin: int  # of the first byte that counts
    line: int  # which that is on
    header: bool
    notes: tuple[str, ...]


def read_cells(
    file: Path, encoding: str | None = None, texts: Collection[str] = ()
) -> tuple[Any, str, tuple[str, ...]]:
    """The cells of a file as a pandas frame, its separator, and what was decided, a line each.

    `texts` are columns, by name or place, that are texts whatever they hold.

    Raises:
        ValueError: another encoding, empty, a header alone, a row with more or fewer fields than the header, a name
            that is there twice, a quotation mark that is not closed, more than fits into memory.
        OSError: no such file.
    """
    refuse_other_than_a_file(file)
    refuse_above(BYTES * file.stat().st_size, f"reading {file.name}", "take a part of the table")
    data = _utf8(file, encoding)
    way = _way(file, data)
    part = data[way.begin :]
    if way.separator == " ":
        part = _parted_by_commas(part, way.quote)
    found = records(part, (way.separator if way.separator != " " else ",").encode(), way.quote.encode(), way.line)
    width = _width(file, found, part, way)
    names, shift = _names(file, part, found, way, width)
    forced = {i for i, name in enumerate(names) if name in texts or f"column {i + 1}" in texts}
    frame = _frame(part, way, width, names, len(found.lines) - way.header, forced)
    frame.index = found.lines[way.header :]
    if not len(frame):
        raise ValueError(f"{file.name} has a header and no rows")
    notes = list(way.notes)
    frame = _without_index(frame, notes, shift)
    return frame, way.separator, tuple(notes)


def numbers_or_texts(file: Path, column: Any, kind: str = "") -> Array:
    """A column's values: float64 with NaN for what is missing, or texts (of dtype object) with NaN likewise.

    It is numbers if half or more of its cells are, or are with a unit or a decimal comma: then every cell must be one.
    `kind` says it instead, "text" or "number".

    ValueError, with line and column: a cell that is not a finite number among numbers, or one beyond float32.
    """
    import pandas

    if column.dtype == float and kind != "text":
        numbers = column.to_numpy()
        if np.isnan(numbers).all():
            raise ValueError(f"{file.name}, column {column.name!r} has no values at all: leave it out by ignore")
        _within_float32(file, column, numbers)
        return np.asarray(numbers)
    codes, texts = pandas.factorize(column)
    texts = [str(text) for text in texts]
    if not texts:
        raise ValueError(f"{file.name}, column {column.name!r} has no values at all: leave it out by ignore")
    values = np.array([*texts, np.nan], dtype=object)
    if kind == "text":
        return np.asarray(values[codes])
    parsed = pandas.to_numeric(pandas.Series(texts), errors="coerce").astype(float).to_numpy()
    wrong = ~np.isfinite(parsed)
    if wrong.any():
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        quantities = [QUANTITY.fullmatch(text) for text in texts]
        units = {found[1] for found in quantities if found and found[1]}
        # Several units are rather names, such as 1st and 2nd.
        meant = np.array([found is not None for found in quantities]) if len(units) < 2 else ~wrong
        if kind != "number" and counts[meant | ~wrong].sum() < 0.5 * counts.sum():
            return np.asarray(values[codes])
        place = int(np.argmax(np.isin(codes, np.flatnonzero(wrong))))
        cell = texts[codes[place]]
        hint = (
            "write a point before the decimals, and nothing between thousands"
            if DECIMAL_COMMA.fullmatch(cell)
            else "write a number alone, or nothing where it is missing"
        )
        raise ValueError(
            f"{file.name}, line {column.index[place]}, column {column.name!r}: {_short(cell)} is not a finite number, "
            f"as the others of the column are meant to be: {hint}"
        )
    numbers = np.append(parsed, np.nan)[codes]
    _within_float32(file, column, numbers)
    return np.asarray(numbers)


def _within_float32(file: Path, column: Any, numbers: Array) -> None:
    with np.errstate(invalid="ignore"):
        outside = np.isinf(numbers) | (np.abs(numbers) > np.finfo(np.float32).max)
    if outside.any():
        place = int(np.argmax(outside))
        cell = numbers[place]
        why = "is beyond float32: change its unit" if np.isfinite(cell) else "is not a finite number"
        raise ValueError(f"{file.name}, line {column.index[place]}, column {column.name!r}: {cell} {why}")


# --- how a file is written


def _utf8(file: Path, encoding: str | None) -> Array:
    """The file's bytes in UTF-8: looked at where they lie, if they are in it already."""
    with file.open("rb") as opened:
        start = opened.read(4)
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if encoding is None and start.startswith(mark):
            encoding = name
    if encoding is not None:
        try:
            text = file.read_bytes().decode(encoding)
        except LookupError:
            raise ValueError(
                f"there is no encoding {encoding!r}: utf-8, latin-1, cp1252 and utf-16 are usual"
            ) from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{file.name} is not in {encoding}: byte {error.start}: {error.reason}") from None
        return np.frombuffer(text.lstrip("\ufeff").encode(), np.uint8)
    if not file.stat().st_size:
        raise ValueError(f"{file.name} is empty: it must have a header and rows")
    data = np.memmap(file, np.uint8, "r")
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    for begin in range(0, len(data), 1 << 22):
        chunk = data[begin : begin + (1 << 22)].tobytes()
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line += chunk.count(b"\n", 0, error.start)
            raise ValueError(
                f"{file.name}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8: save the file as "
                "UTF-8, or say what it is in: encoding latin-1, say"
            ) from None
        if b"\0" in chunk:
            line += chunk.count(b"\n", 0, chunk.index(b"\0"))
            raise ValueError(f"{file.name}, line {line}: a zero byte, so it is not text in UTF-8")
        line += chunk.count(b"\n")
    return data[3:] if start.startswith(codecs.BOM_UTF8) else data


def _way(file: Path, data: Array) -> Way:
    """How the first lines are written."""
    head = data[:HEAD].tobytes().decode("utf-8", "ignore")
    if len(data) <= HEAD and not head.strip():
        raise ValueError(f"{file.name} is empty: it must have a header and rows")
    begin, line, notes, separator = 0, 1, [], ""
    for text in head.splitlines(keepends=True):
        if text.lower().startswith("sep=") and len(text.strip()) == 5:
            separator = text[4]
            notes.append(f"line {line} says by what the fields are parted")
        elif text.startswith("#") and not _is_header(text, head):
            notes.append(f"line {line} is a comment")
        elif text.strip():
            break
        begin, line = begin + len(text.encode()), line + 1
    rest = head[len(data[:begin].tobytes().decode("utf-8", "ignore")) :]
    first = next((text for text in rest.split("\n") if text.strip()), "")
    quote = "'" if re.fullmatch(r"\s*'[^']*'(\s*[,;\t]\s*'[^']*')+\s*[,;\t]?\s*", first) else '"'
    unquoted = re.sub(f"{quote}[^{quote}]*{quote}", "", first)
    if not separator:
        usual = {s: unquoted.count(s) for s in SEPARATORS if s != " "}
        separator = "\t" if file.suffix.lower() in (".tsv", ".tab") else max(usual, key=lambda s: usual[s])
        lines = [text for text in rest.splitlines()[:LOOKED_AT] if text.strip()]
        widths = [len(_words(text, quote)) for text in lines[:-1] or lines]
        alike = set(widths[1:]) == {widths[0]} or set(widths[1:]) == {widths[0] + 1}  # R names the rows
        if not any(usual.values()) and alike and widths[0] > 1:
            separator = " "
    header = True
    rows = _rows(rest, separator, quote)
    if _no_header(rows):
        header = False
        notes.append("no header: the first row is one of the table, and the columns are called by their place")
    if len(notes) > 3:
        notes = [f"{len(notes)} lines at the top are comments", *[n for n in notes if "comment" not in n]]
    return Way(separator, quote, begin, line, header, tuple(notes))


def _is_header(line: str, head: str) -> bool:
    """Whether a line that begins with # is the header: it has as many fields as the next one that has none."""
    below = next((text for text in head.splitlines() if text.strip() and not text.startswith("#")), "")
    return any(line.count(s) == below.count(s) > 0 for s in ",;\t") and _number(re.split("[,;\t]", below)[0])


def _rows(text: str, separator: str, quote: str) -> list[list[str]]:
    """The fields of the first rows."""
    import csv

    lines = text.splitlines()[: LOOKED_AT + 1]
    if separator == " ":
        return [[word.strip(quote) for word in _words(line, quote)] for line in lines if line.strip()]
    found = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, quotechar=quote, skipinitialspace=True)
    try:
        return [[cell.strip() for cell in row] for row in found if any(cell.strip() for cell in row)]
    except csv.Error:
        return []


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _no_header(rows: list[list[str]]) -> bool:
    """Whether the first row is one of the table: it has numbers where numbers are, and texts that come again.

    Whole numbers alone are a header if they count the columns, or are years, say, above a column of other numbers.
    """
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows[:-1]):
        return False
    first, below = rows[0], list(zip(*rows[1 : -1 if len(rows) > 2 else None], strict=True))
    numbers = [_number(cell) for cell in first]
    if not any(numbers) or not all(
        all(_number(c) or c.lower() in MISSING for c in column) for column, n in zip(below, numbers, strict=True) if n
    ):
        return False
    if all(numbers) and [float(c) for c in first] in ([*range(len(first))], [*range(1, len(first) + 1)]):
        return False
    if not all(cell in column for cell, column, n in zip(first, below, numbers, strict=True) if not n):
        return False
    for cell, column, number in zip(first, below, numbers, strict=True):
        if number and float(cell).is_integer() and float(cell) > max(float(c) for c in column if _number(c)):
            return False  # a year, say
    return True


def _parted_by_commas(data: Array, quote: str) -> Array:
    """A table parted by runs of spaces, parted by commas."""
    lines = (
        ",".join(_quoted(word, quote) for word in _words(line, quote)) for line in data.tobytes().decode().split("\n")
    )
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _words(line: str, quote: str) -> list[str]:
    """What stands between runs of spaces, where a quotation mark does not hide them."""
    return re.findall(rf"{quote}[^{quote}]*{quote}|\S+", line)


def _quoted(word: str, quote: str) -> str:
    return f"{quote}{word}{quote}" if "," in word and not word.startswith(quote) else word


# --- the rows


def _width(file: Path, found: Records, data: Array, way: Way) -> int:
    """How many fields the rows have. R writes a header that is shorter by one than the rows, which begin by a name."""
    if found.open_quote:
        raise ValueError(f"{file.name}, line {found.open_quote}: a quotation mark is opened and not closed")
    if not len(found.lines):
        raise ValueError(f"{file.name} is empty: it must have a header and rows")
    width, rows = int(found.fields[0]), found.fields[1:]
    if way.header and len(rows) and (rows == width + 1).all():  # or each row, not the header, ends by a separator
        return width + 1
    if (rows != width).any():
        row = 1 + int(np.argmax(rows != width))
        count = f"more than {width}" if found.fields[row] > width else f"only {found.fields[row]}"
        of = "header" if way.header else "first row"
        raise ValueError(f"{file.name}, line {found.lines[row]}: the {of} has {width} fields, this row {count}")
    return width


def _names(file: Path, data: Array, found: Records, way: Way, width: int) -> tuple[list[str], int]:
    """The names of the columns, "column 3" for one without, and how many the header lacks."""
    if not way.header:
        return [f"column {i + 1}" for i in range(width)], 0
    import pandas

    frame = pandas.read_csv(
        io.BytesIO(_first_record(data, way.quote)),
        sep=way.separator if way.separator != " " else ",",
        header=None,
        dtype=str,
        keep_default_na=False,
        quotechar=way.quote,
        skipinitialspace=True,
        engine="python",
    )
    names = [str(name).strip() for name in frame.iloc[0].tolist()]
    if names[0].startswith("#"):
        names[0] = names[0].lstrip("# ")
    shift = width - len(names)
    ended = shift and _ended_by_a_separator(data, found, way)
    names = [*names, ""] if ended else [""] * shift + names
    twice = [name for name, count in Counter(name for name in names if name).items() if count > 1]
    if twice:
        places = [i + 1 for i, name in enumerate(names) if name == twice[0]]
        raise ValueError(f"{file.name}: columns {places[0]} and {places[1]} are both called {_short(twice[0])}")
    return [name or f"column {i + 1}" for i, name in enumerate(names)], sum(not name for name in names[:1])


def _ended_by_a_separator(data: Array, found: Records, way: Way) -> bool:
    """Whether the first row ends by a separator."""
    text = data[: 1 << 20].tobytes().decode("utf-8", "ignore").splitlines()
    row = int(found.lines[1]) - way.line
    return row < len(text) and text[row].rstrip(" \r").endswith(way.separator)


def _first_record(data: Array, quote: str) -> bytes:
    """The bytes of the header."""
    size = 1 << 16
    while True:
        text = re.sub(rb"\A(?:[ \t\r]*\n)+", b"", data[:size].tobytes())  # a tab may part what is empty
        for place in (m.start() for m in re.finditer(b"\n", text)):
            if text[:place].count(quote.encode()) % 2 == 0:
                return text[:place].rstrip(b"\r")
        if size >= len(data):
            return text.rstrip(b"\r\n")
        size *= 4


def _frame(data: Array, way: Way, width: int, names: list[str], count: int, forced: set[int]) -> Any:
    """The rows as a frame: columns of numbers in float64, others as texts."""
    import pandas

    options: dict[str, Any] = {
        "sep": way.separator if way.separator != " " else ",",
        "header": None,
        "names": list(range(width)),
        "index_col": False,
        "skiprows": 1 if way.header else 0,
        "quotechar": way.quote,
        "skipinitialspace": True,
        "keep_default_na": False,
        "engine": "c",
        "low_memory": True,
    }
    head = pandas.read_csv(_Bytes(data), dtype=str, nrows=LOOKED_AT, **options)
    plain = {
        i: i not in forced and all(_number(c) or c.strip().lower() in MISSING for c in head[i].fillna("")) for i in head
    }
    kinds = {i: "float64" if ok and head[i].fillna("").map(_number).any() else "str" for i, ok in plain.items()}
    spellings = sorted({"".join(s) for m in MISSING for s in product(*((c.lower(), c.upper()) for c in m))})
    try:
        frame = pandas.read_csv(
            _Bytes(data),
            dtype=kinds,
            na_values=dict.fromkeys((i for i, kind in kinds.items() if kind == "float64"), spellings),
            **options,
        )
    except (ValueError, OverflowError):  # a text further down: it is looked for in the texts
        frame = pandas.read_csv(_Bytes(data), dtype=str, **options)
    if len(frame) != count:  # it counts its lines differently, by a lone carriage return
        raise ValueError(f"its {count} rows are read as {len(frame)}: write one row a line, each ended alike")
    frame.columns = names
    for i in range(width):
        if frame.dtypes.iloc[i].kind != "f":
            frame.isetitem(i, _texts(frame.iloc[:, i]))
    return frame


def _texts(column: Any) -> Any:
    """A column of texts without spaces around them, NaN where they are missing."""
    import pandas

    codes, distinct = pandas.factorize(column)
    texts = [str(text).strip() for text in distinct]
    kept = np.array([np.nan if text.lower() in MISSING else text for text in texts] + [np.nan], dtype=object)
    return kept[codes]


class _Bytes(io.RawIOBase):
    """Bytes that lie in an array, as a file to read: no copy of them all is made."""

    def __init__(self, data: Array) -> None:
        self._data, self._at = data, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size is None or size < 0 else self._at + size
        part = self._data[self._at : end].tobytes()
        self._at += len(part)
        return part

    def __iter__(self) -> Any:
        return io.BufferedReader(self)

    def readinto(self, buffer: Any) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _without_index(frame: Any, notes: list[str], unnamed: int) -> Any:
    """Without a last column of nothing, and without a first one that only counts or names the rows."""
    last = frame.columns[-1]
    if len(frame.columns) > 1 and last == f"column {len(frame.columns)}" and frame[last].isna().all():
        notes.append(f"{last}: without a name and empty, left out")
        frame = frame.drop(columns=last)
    name = frame.columns[0]
    if len(frame.columns) < 2 or not (unnamed or str(name).lower() in INDEX_NAMES):
        return frame
    first = frame.iloc[:, 0]
    if first.dtype == float:
        counts = np.arange(len(first))
        is_index = any(np.array_equal(first.to_numpy(), counts + start) for start in (0, 1))
    else:
        is_index = bool(unnamed) and first.is_unique and not first.isna().any()
        if not is_index:
            is_index = list(first) in ([str(i) for i in range(len(first))], [str(i + 1) for i in range(len(first))])
    if is_index:
        notes.append(f"{name}: a row index, left out" if not unnamed else f"{name} has no name: a row index, left out")
        frame = frame.iloc[:, 1:]
    return frame


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= LONGEST else f"{cell[:LONGEST]}…")
