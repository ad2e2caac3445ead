"""A recorded history for other programs: CSV, JSON, Parquet, TensorBoard."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..records import EpochRecord, Histogram, LayerRecord
from .branches import Branch

LAYER = [f.name for f in fields(LayerRecord) if f.type != "Histogram"]
HISTOGRAMS = [f.name for f in fields(LayerRecord) if f.type == "Histogram"]
EPOCH = [f.name for f in fields(EpochRecord) if f.name != "layers"]


def rows(branches: Sequence[Branch]) -> Iterator[dict[str, Any]]:
    """The table that CSV and Parquet hold: a row for each layer in each epoch, the epoch's own figures repeated."""
    for branch in branches:
        for record in branch.history:
            own = {"branch": branch.name, **{name: getattr(record, name) for name in EPOCH}}
            for layer in record.layers:
                yield own | {f"layer_{name}": getattr(layer, name) for name in LAYER}


def to_csv(branches: Sequence[Branch], path: Path) -> None:
    """A row for each layer in each epoch; NaN is an empty field."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows(branches):
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            writer.writerow({name: "" if value != value else value for name, value in row.items()})


def to_json(branches: Sequence[Branch], path: Path) -> None:
    """Branches with their epochs, layers, histograms and changes; NaN and infinities are null, as JSON has none."""
    whole = [
        {
            "name": branch.name,
            "parent": branch.parent and branch.parent.name,
            "step": branch.step,
            "hyperparameters": vars(branch.hyperparameters),
            "changes": [{name: getattr(change, name) for name in change.__slots__} for change in branch.changes],
            "epochs": [_epoch(record) for record in branch.history],
        }
        for branch in branches
    ]
    path.write_text(dumps(whole) + "\n", encoding="utf-8")


def to_parquet(branches: Sequence[Branch], path: Path) -> None:
    """The table of the CSV file, typed.

    Raises:
        ImportError: it needs the extra `parquet`.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError("Parquet needs pyarrow: pip install 'tinygrad-nn[parquet]'") from error
    parquet.write_table(pyarrow.Table.from_pylist(list(rows(branches))), path)


def to_tensorboard(branches: Sequence[Branch], path: Path) -> None:
    """A folder of event files, a run for each branch: scalars and histograms by epoch.

    Raises:
        ImportError: it needs the extra `tensorboard`.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError("event files need tensorboardX: pip install 'tinygrad-nn[tensorboard]'") from error
    for branch in branches:
        with SummaryWriter(str(path / branch.name.replace("/", "_"))) as writer:
            for record in branch.history:
                for name in EPOCH[2:]:
                    writer.add_scalar(name.replace("_", "/", 1), getattr(record, name), record.epoch)
                for layer in record.layers:
                    tag = f"{layer.index} {layer.label}"
                    for name in LAYER[4:]:
                        writer.add_scalar(f"{tag}/{name}", getattr(layer, name), record.epoch)
                    for name in HISTOGRAMS:
                        _add_histogram(writer, f"{tag}/{name}", getattr(layer, name), record.epoch)


FORMATS: dict[str, Callable[[Sequence[Branch], Path], None]] = {
    "csv": to_csv,
    "json": to_json,
    "parquet": to_parquet,
    "tensorboard": to_tensorboard,
}


def export(branches: Sequence[Branch], path: Path, kind: str, force: bool = False) -> None:
    """Write branches to `path` (a folder for TensorBoard), whole or not at all.

    Raises:
        FileExistsError: something is there already, and `force` is not set.
        OSError: it cannot be written.
        ImportError: the kind needs a package that is not installed.
    """
    if path.exists() and not force:
        raise FileExistsError(f"{path} is there already")
    folder = Path(tempfile.mkdtemp(prefix=".nn-debug-", dir=path.resolve().parent))
    try:
        made = folder / "export"
        FORMATS[kind](branches, made)
        if not force:
            _claim(path, made.is_dir())
        elif made.is_dir() and path.is_dir():
            path.rename(folder / "before")
        os.replace(made, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _claim(path: Path, folder: bool) -> None:
    """Make `path`, empty, in one step that fails where somebody else has made it meanwhile."""
    if folder:
        path.mkdir()
    else:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _epoch(record: EpochRecord) -> dict[str, Any]:
    layers = [
        {name: getattr(layer, name) for name in LAYER}
        | {
            name: {"low": h.low, "high": h.high, "outside": h.outside, "counts": h.counts.tolist()}
            for name in HISTOGRAMS
            for h in [getattr(layer, name)]
        }
        for layer in record.layers
    ]
    return {name: getattr(record, name) for name in EPOCH} | {"layers": layers}


def dumps(value: Any) -> str:
    """JSON in ASCII; NaN and infinities are null, as JSON has none."""
    return json.dumps(_plain(value), indent=1, allow_nan=False).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _add_histogram(writer: Any, tag: str, histogram: Histogram, epoch: int) -> None:
    counts = histogram.counts
    total = int(counts.sum())
    if not total:
        return
    edges = np.linspace(histogram.low, histogram.high, len(counts) + 1)
    middles = (edges[1:] + edges[:-1]) / 2  # the values themselves are gone: each bin stands for its middle
    writer.add_histogram_raw(
        tag,
        min=histogram.low,
        max=histogram.high,
        num=total,
        sum=float(middles @ counts),
        sum_squares=float(np.square(middles) @ counts),
        bucket_limits=edges[1:].tolist(),
        bucket_counts=counts.tolist(),
        global_step=epoch,
    )
