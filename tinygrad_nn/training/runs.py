"""The runs on this machine: where they are kept, what each was, and how to go on with one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from .runlog import RunExists, RunFileError, RunInfo, RunLog
from .session import Session
from .source import Source

SUFFIX = ".nndb"
HOME = "NN_DEBUG_HOME"  # the environment variable that names another place


def directory() -> Path:
    """Where runs are kept if nothing else is said: the user's data directory of this platform."""
    if os.environ.get(HOME):
        return Path(os.environ[HOME])
    import platformdirs

    return Path(platformdirs.user_data_dir("nn-debug", appauthor=False)) / "runs"


def create(info: RunInfo, folder: Path | None = None) -> RunLog:
    """A new file where runs are kept, named by the day, the time and the experiment; no two runs get the same.

    Raises:
        RunFileError: none can be made.
    """
    plain = re.sub(r"[^\w.-]+", "-", info.name).strip("-.")[:40] or "run"
    stem = time.strftime("%Y-%m-%d-%H%M%S-", time.localtime(info.started)) + plain
    folder = folder or directory()
    for n in count(1):  # another run may take a name between a look and the making: that is one step
        with suppress(RunExists):
            return RunLog.create(folder / f"{stem}{f'-{n}' * (n > 1)}{SUFFIX}", info)
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Summary:
    """A run in a line: what it was, how far it got, and how well its best branch did."""

    path: Path
    info: RunInfo
    branches: int
    epochs: int  # completed, on the branch that was written last
    best_val_loss: float
    best_val_metric: float  # in the epoch of the lowest validation loss
    seconds: float  # of training
    hyperparameters: Mapping[str, Any]  # those at the end of that branch


def summary(path: Path) -> Summary:
    """What the file at `path` holds, without its layers and snapshots.

    Raises:
        RunFileError: it is not a run.
    """
    with closing(RunLog.open(path, read_only=True)) as log:
        return Summary(path, log.info(), **log.outcome())


@dataclass(frozen=True)
class Unreadable:
    """A file among the runs that is not a run, or damaged, or a link to nothing."""

    path: Path
    why: str


def summaries(folder: Path) -> Iterator[Summary | Unreadable]:
    """The runs of a folder, the newest first, and what there cannot be read."""
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_written, reverse=True) if folder.is_dir() else []:
        try:
            yield summary(path)
        except RunFileError as error:
            yield Unreadable(path, str(error))


def _written(path: Path) -> float:
    """When a run's file was written last: what is new lies in a second file for a while."""
    times = [0.0]
    for part in ("", "-wal"):
        with suppress(OSError):
            times.append(Path(f"{path}{part}").stat().st_mtime)
    return max(times)


def remove(path: Path) -> None:
    """Delete a run's file, with the files that SQLite keeps for it; a damaged one as well.

    Raises:
        RunFileError: it is still written, may be a run that begins just now, or is a folder.
    """
    try:
        running = summary(path).info.state == "running"
    except RunFileError:
        with suppress(FileNotFoundError):  # a link to nothing
            if time.time() - path.stat().st_mtime < 60:
                raise RunFileError(
                    f"{path} was left: it is of the last minute, and may be a run that begins just now"
                ) from None
        running = False
    if running:
        raise RunFileError(f"{path} is being recorded: end that run first")
    if path.is_dir() and not path.is_symlink():
        raise RunFileError(f"{path} is a folder, not a run: it was left")
    for part in ("", "-wal", "-shm"):
        Path(f"{path}{part}").unlink(missing_ok=True)


def resume(path: str | Path, **options: Any) -> tuple[Session, RunLog]:
    """The session that was recorded, where it ended, and its file, open to go on with.

    `options` are passed to `Session.resumed`.

    Raises:
        RunFileError: the file is not a run, or damaged.
        ExperimentError: its experiment cannot be loaded.
    """
    log = RunLog.open(path, take_over=False)
    try:
        log.refuse_if_written()
        experiment, _ = Source.from_mapping(log.info().source).load()
        session = Session.resumed(experiment, log.branches(snapshots=True), log.newest(), **options)
        log.take_over()  # nothing in the file has changed until now
    except BaseException:
        log.close()
        raise
    return session, log
