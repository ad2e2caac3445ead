"""Tables of one's own: a CSV, TSV or NPZ file as a `Dataset`, with a report of all that was decided on the way."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from ..memory import refuse_above, refuse_other_than_a_file
from .cells import MANY, SEPARATORS, numbers_or_texts, read_cells
from .dataset import Array, Dataset, Task
from .names import unknown
from .remarks import near_equal, of_numbers

Missing: TypeAlias = Literal["error", "mean", "drop", "category"]
SHOWN = 12  # columns or lines that a report names one by one
WIDEST = 20_000  # features
NO_VALUE = "missing"  # the category of texts that are missing


@dataclass(frozen=True)
class TableReport:
    """What was done to make a data set of a table, a decision a line, in plain words."""

    lines: tuple[str, ...]


def read_table(
    path: str | PathLike[str],
    target: str | None = None,
    *,
    task: Task | None = None,
    ignore: Collection[str] = (),
    missing: Missing = "error",
    text: Collection[str] = (),
    number: Collection[str] = (),
    encoding: str | None = None,
) -> tuple[Dataset, TableReport]:
    """The table in a file, and a report of what was made of it.

        data, report = read_table("wine.csv", target="quality")

    CSV and TSV (`.csv`, `.tsv`, `.tab`, `.txt`): parted by commas, tabs, semicolons or spaces, in UTF-8, in UTF-16 with
    its mark, or in `encoding`. Comments (`#`) and Excel's `sep=` line at the top are passed over. A table without a
    header has its columns called by their place, "column 1", and so is a column without a name. A first column that
    only counts or names the rows, as pandas and R write it, is left out.
    Columns of numbers stay as they are; booleans and texts become one-hot, a feature `column=value` for each value.
    `text` and `number` name columns that are to be taken so.
    `target` is the column to predict, the last one unless named. `ignore` names columns to leave out. Wherever a column
    is named, "column 3" means the third. A missing value
    is an empty cell or one of NA, N/A, NaN, null and ?; `missing="drop"` leaves its row out, `missing="mean"` gives it
    the mean of its column over all rows (not for texts, and not for the target), and `missing="category"` does so too,
    while a missing text is a category of its own.

    NPZ: an array `x` or `X` (n_samples, ...), flattened to (n_samples, n_features), and an array `y` (or as `target`
    says) of shape (n_samples,), or (n_samples, n_targets) for a regression. An archive without `x` may hold the columns
    of a table instead, each of shape (n_samples,): all but the target are features, under their names.

    The target is classes if it is text or boolean, or whole numbers of which there are 2, or at most 20 that are at
    most 5 % of the rows; otherwise it is a regression. `task` says it instead. Classes are numbered in sorted order.

    Raises:
        ValueError: what cannot be read in one way only, with the line and the column where there is one; among it a
            text column of more than 20 distinct values that are more than half of its rows: an identifier; and what
            would take more than half of the memory available.
        OSError: no such file.
    """
    file = Path(path)
    ignore, text, number = ((names,) if isinstance(names, str) else tuple(names) for names in (ignore, text, number))
    if task not in (None, "classification", "regression"):
        raise ValueError(f"task must be 'classification' or 'regression', not {task!r}")
    if missing not in get_args(Missing):
        raise ValueError(f"missing must be 'error', 'mean', 'drop' or 'category', not {missing!r}")
    match file.suffix.lower():
        case ".npz":
            if ignore or missing != "error" or text or number or encoding:
                raise ValueError("ignore, missing, text, number and encoding are for CSV and TSV files, not for NPZ")
            return _from_npz(file, target, task)
        case ".csv" | ".tsv" | ".tab" | ".txt":
            kinds = {**dict.fromkeys(text, "text"), **dict.fromkeys(number, "number")}
            if len(kinds) < len(text) + len(number):
                raise ValueError(f"{next(n for n in text if n in number)!r} is in text= and in number=")
            return _from_cells(file, target, task, ignore, missing, kinds, encoding)
    raise ValueError(f"{file.name} is not a CSV, TSV or NPZ file by its ending")


def _from_cells(
    file: Path,
    target: str | None,
    task: Task | None,
    ignore: tuple[str, ...],
    missing: Missing,
    kinds: dict[str, str],
    encoding: str | None,
) -> tuple[Dataset, TableReport]:
    frame, separator, notes = read_cells(file, encoding, [name for name, kind in kinds.items() if kind == "text"])
    parted = SEPARATORS.get(separator, repr(separator))
    lines = [f"{file.name}: {len(frame)} rows, {len(frame.columns)} columns parted by {parted}", *notes]
    ignore = tuple(_column(file, frame, name) for name in ignore)
    kinds = {_column(file, frame, name): kind for name, kind in kinds.items()}
    target = None if target is None else _column(file, frame, target)
    if target in ignore:
        raise ValueError(f"{target!r} is the target and in ignore=: it cannot be both")
    lines += [f"{name}: ignored" for name in dict.fromkeys(ignore)]
    frame = frame.drop(columns=list(ignore))
    if len(frame.columns) < 2:
        raise ValueError(
            f"{file.name} has {_counted(len(frame.columns), 'column')} to use: it takes a feature and a target, "
            "parted by commas, tabs or semicolons"
        )
    by_default = "" if target is not None else " (the last column)"
    target = frame.columns[-1] if target is None else target
    frame = _settle_missing(file, frame, target, missing, kinds, lines)

    if len(frame) < 2:
        raise ValueError(f"{file.name} has a single row to use: one to learn from and one to judge by are needed")

    y, target_names, task = _target(
        f"{file.name}, column {target!r}",
        target,
        numbers_or_texts(file, frame[target], kinds.get(target, "")),
        task,
    )
    lines.append(f"{target}: target{by_default}, {_task_in_words(task, target_names)}")
    lines += near_equal(target, target_names) if task == "classification" else []
    columns: dict[str, Array] = {}
    features: dict[str, tuple[str, str]] = {}  # by name: the column, and the text that it is 1 for
    numbers: list[str] = []
    said: list[str] = []
    for name in (n for n in frame.columns if n != target):
        column = numbers_or_texts(file, frame[name], kinds.get(name, ""))
        if column.dtype == object:
            made = [(f"{name}={value}", value) for value in _distinct(file, name, column, missing, said)]
        else:
            numbers.append(name)
            said += of_numbers(name, column)
            column = _filled(name, column, said).astype(np.float32)
            made = [(name, "")]
        columns[name] = column
        for feature, value in made:
            if feature in features:
                raise ValueError(f"{file.name}: two features would be called {feature!r}: rename column {name!r}")
            features[feature] = name, value
    if numbers:
        lines.append(f"numbers: {_listed(numbers)}")
    lines += said
    refuse_above(
        3 * 4 * len(y) * len(features), f"{file.name} with {len(features)} features", "leave columns out by ignore"
    )
    if len(features) > WIDEST:
        raise ValueError(f"{file.name} would have {len(features)} features: leave columns out by ignore")
    x = np.empty((len(y), len(features)), np.float32)
    for place, (name, value) in enumerate(features.values()):
        x[:, place] = columns[name] == value if columns[name].dtype == object else columns[name]
    return _dataset(file, x, y, tuple(features), target_names, task), TableReport(tuple(lines))


def _column(file: Path, frame: Any, name: str) -> str:
    """The name of a column that is named, or called by its place: "column 3"."""
    if name in frame.columns:
        return name
    place = re.fullmatch(r"column (\d+)", name)
    if place and 1 <= int(place[1]) <= len(frame.columns):
        return str(frame.columns[int(place[1]) - 1])
    raise unknown("column", name, frame.columns, f"in {file.name}")


def _settle_missing(
    file: Path, frame: Any, target: str, missing: Missing, kinds: dict[str, str], lines: list[str]
) -> Any:
    """The frame without the rows that cannot stay. What is left missing is a number to be filled with a mean."""
    absent = frame.isna().to_numpy()
    if not absent.any():
        return frame
    for column in np.flatnonzero(absent.all(axis=0)):
        numbers_or_texts(file, frame.iloc[:, column])  # says that it has no values
    if missing == "drop":
        gone = absent.any(axis=1)
        if gone.all():
            raise ValueError(f"{file.name}: every row has a missing value: with missing='drop' none is left")
        lines.append(
            f"dropped {_counted(gone.sum(), 'row')} with missing values: in the file, line {_listed(frame.index[gone])}"
        )
        return frame[~gone]
    row, column = np.argwhere(absent)[0]
    why = ""
    for place in np.flatnonzero(absent.any(axis=0)):
        if frame.columns[place] == target:
            why = "the target is missing, and a mean would be made up"
        elif (
            missing != "category"
            and numbers_or_texts(file, frame.iloc[:, place], kinds.get(frame.columns[place], "")).dtype == object
        ):
            why = "the value is missing, and texts have no mean"
        if why:
            row, column = int(np.argmax(absent[:, place])), place
            break
    if missing in ("mean", "category") and not why:
        return frame
    where = f"{file.name}, line {frame.index[row]}, column {frame.columns[column]!r}"
    more = f" (one of {absent.sum()} in the table)" if absent.sum() > 1 else ""
    raise ValueError(
        f"{where}: {why or 'the value is missing'}{more}: set missing to "
        f"{('drop' if 'target' in why else 'drop or category') if why else 'mean or drop'}"
    )


def _filled(name: str, column: Array, lines: list[str]) -> Array:
    absent = np.isnan(column)
    if not absent.any():
        return column
    mean = column[~absent].mean()
    lines.append(f"{name}: {_counted(absent.sum(), 'missing value')} filled with the mean, {mean:.6g}")
    return np.where(absent, mean, column)


def _distinct(file: Path, name: str, column: Array, missing: Missing, lines: list[str]) -> list[str]:
    """The texts of a column, of which each is a feature; in the column, what is missing is a text, too, if so asked."""
    if missing == "category":
        absent = np.fromiter((value != value for value in column), bool, len(column))
        if absent.any():
            column[absent] = NO_VALUE
            lines.append(f"{name}: {_counted(absent.sum(), 'missing value')} as a category of its own")
    distinct = sorted(set(column))
    if _too_many(len(distinct), len(column)):
        raise ValueError(
            f"{file.name}, column {name!r} is text with {len(distinct)} distinct values in {len(column)} rows, "
            "as an identifier or a date has: leave it out by ignore, or write it as numbers"
        )
    lines.append(f"{name}: one-hot, {_counted(len(distinct), 'value')}")
    if len(distinct) == 1:
        lines.append(f"{name}: {distinct[0]!r} in every row, so that it tells nothing")
    lines += near_equal(name, distinct)
    return distinct


def _from_npz(file: Path, target: str | None, task: Task | None) -> tuple[Dataset, TableReport]:
    refuse_other_than_a_file(file)
    with file.open("rb") as opened:
        if not zipfile.is_zipfile(opened):
            raise ValueError(f"{file.name} is not an NPZ archive: write it with numpy.savez(path, x=..., y=...)")
        opened.seek(0)
        with np.load(opened, allow_pickle=False) as archive:
            y_name = "y" if target is None else target
            x_name = "X" if "X" in archive.files and "x" not in archive.files else "x"
            if y_name not in archive.files:
                raise unknown("array", y_name, archive.files, f"in {file.name}")
            wanted = (x_name,) if x_name in archive.files else tuple(n for n in archive.files if n != y_name)
            y, *arrays = (_plain(file, archive, name) for name in (y_name, *wanted))
    is_table = x_name not in wanted
    if is_table:
        if not wanted or any(column.shape != y.shape or y.ndim != 1 for column in arrays):
            raise unknown("array", x_name, (*wanted, y_name), f"in {file.name}")
        x_name, arrays = "columns", [np.stack(arrays, axis=1)]
    x = arrays[0]
    for name, array, least in ((x_name, x, 2), (y_name, y, 1)):
        if array.ndim < least or not array.size:
            raise ValueError(
                f"{file.name}, array {name!r} must have {least} or more axes and values, not {array.shape}"
            )
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{file.name}, array {x_name!r} must hold numbers, not {x.dtype}")
    rows = x.reshape(len(x), -1)
    lines = [f"{file.name}: {len(rows)} rows, {_counted(rows.shape[1], 'feature')} in {x_name} of shape {x.shape}"]
    y, target_names, task = _target(f"{file.name}, array {y_name!r}", y_name, y, task)
    lines.append(f"{y_name}: target, {_task_in_words(task, target_names)}")
    names = wanted if is_table else tuple(f"x{column + 1}" for column in range(rows.shape[1]))
    data = _dataset(file, rows, y, names, target_names, task, x.shape[1:] if x.ndim > 2 else None)
    return data, TableReport(tuple(lines))


def _plain(file: Path, archive: Any, name: str) -> Array:
    try:
        with archive.zip.open(f"{name}.npy") as member:  # what the array says that it takes, before it is taken
            version = np.lib.format.read_magic(member)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(member)
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        shape, dtype = (), np.dtype(float)  # the reading itself says what is wrong
    refuse_above(2 * math.prod(shape) * dtype.itemsize, f"{file.name}, array {name!r} of shape {shape}", "write less")
    try:
        return np.asarray(archive[name])
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{file.name}, array {name!r} cannot be read: {error}") from error


def _target(where: str, name: str, values: Array, task: Task | None) -> tuple[Array, tuple[str, ...], Task]:
    """`y`, its names and the task, from the values of a target: numbers, booleans or texts."""
    if values.dtype.kind not in "biufUO":
        raise ValueError(f"{where} must hold numbers, booleans or texts, not {values.dtype}")
    is_number = values.dtype.kind in "iuf"
    if is_number and not np.isfinite(values).all():
        place = np.argwhere(~np.isfinite(values))[0]
        raise ValueError(f"{where}: row {place[0]} is {values[tuple(place)]}, not a finite number")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        if values.ndim > 2 or not is_number or task == "classification":
            raise ValueError(f"{where} has shape {values.shape}: classes must be (n_samples,), one for each example")
        names = tuple(f"{name}{column + 1}" for column in range(values.shape[1]))
        return _float32(where, values), names, "regression"

    distinct, classes = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError(f"{where} is {distinct[0]!s} in every row: there is nothing to learn")
    whole = is_number and bool((distinct == np.floor(distinct)).all())
    if task is None:
        few = len(distinct) == 2 or len(distinct) <= min(20, 0.05 * len(values))
        task = "classification" if not is_number or (whole and few) else "regression"
    if task == "regression":
        if values.dtype.kind in "UO":
            raise ValueError(f"{where} is text ({distinct[0]!r}, ...): a regression needs numbers")
        return _float32(where, values), (name,), "regression"
    if _too_many(len(distinct), len(values)):
        raise ValueError(f"{where} has {len(distinct)} distinct values in {len(values)} rows: too many for classes")
    return classes.astype(np.int64), tuple(str(int(v)) if whole else str(v) for v in distinct), "classification"


def _float32(where: str, values: Array) -> Array:
    if values.dtype.kind == "f" and np.abs(values).max() > np.finfo(np.float32).max:
        place = np.unravel_index(np.abs(values).argmax(), values.shape)
        raise ValueError(f"{where}, row {place[0]}: {values[place]} is beyond float32: change its unit")
    return values.astype(np.float32)


def _dataset(
    file: Path,
    x: Array,
    y: Array,
    feature_names: tuple[str, ...],
    target_names: tuple[str, ...],
    task: Task,
    image_shape: tuple[int, ...] | None = None,
) -> Dataset:
    return Dataset(
        name=file.stem,
        x=_float32(f"{file.name}, a feature", x),
        y=y,
        feature_names=feature_names,
        target_names=target_names,
        task=task,
        description=f"{len(x)} rows, {_counted(len(feature_names), 'feature')}, {_task_in_words(task, target_names)}",
        source=file.name,
        image_shape=image_shape,
    )


def _too_many(distinct: int, rows: int) -> bool:
    return distinct > MANY and distinct > rows / 2


def _task_in_words(task: Task, target_names: tuple[str, ...]) -> str:
    if task == "classification":
        return f"classification with {len(target_names)} classes"
    return "regression" if len(target_names) == 1 else f"regression with {len(target_names)} targets"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _listed(things: Collection[Any]) -> str:
    shown = [str(thing) for thing in things][:SHOWN]
    return ", ".join(shown) + (f" and {len(things) - SHOWN} more" if len(things) > SHOWN else "")
