"""RunLog: a run in one SQLite file, from the experiment to the last snapshot.

A transaction for each epoch, in write-ahead mode: a process that is killed loses the epoch under way and nothing
else, and others may read meanwhile. (A power cut may also take the last few transactions; it leaves the file whole.)
NaN is stored as NULL, which is what SQLite makes of it, and a zero loses its sign; every other number comes back bit
for bit.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..records import Change, EpochRecord, Finding, Histogram, LayerRecord, Remedy
from .branches import Branch, Snapshot
from .hyperparameters import KNOBS, Hyperparameters

APPLICATION = 0x6E6E6462  # "nndb": tells a run from any other SQLite file

EPOCH = tuple(f.name for f in fields(EpochRecord) if f.name != "layers")
LAYER = tuple(f.name for f in fields(LayerRecord) if f.type != "Histogram")
HISTOGRAMS = tuple(f.name for f in fields(LayerRecord) if f.type == "Histogram")
WHOLE = {"epoch", "step", "index", "parameters"}
TEXT = {"name", "label"}


def _columns(names: Iterable[str]) -> str:
    kinds = {**dict.fromkeys(WHOLE, "INTEGER NOT NULL"), **dict.fromkeys(TEXT, "TEXT NOT NULL")}
    return ", ".join(f'"{name}" {kinds.get(name, "REAL")}' for name in names)


# Each brings a file from the version before it, the first from an empty one. What has been released is never edited.
MIGRATIONS = (
    f"""
    CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, source TEXT NOT NULL, metric TEXT NOT NULL,
        data TEXT NOT NULL, started REAL NOT NULL, ended REAL, writer INTEGER
    );
    CREATE TABLE branch (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES branch, step INTEGER NOT NULL,
        epoch REAL NOT NULL, edge TEXT NOT NULL, hyperparameters TEXT NOT NULL, inherited INTEGER NOT NULL
    );
    CREATE TABLE epoch (
        branch INTEGER NOT NULL REFERENCES branch, {_columns(EPOCH)}, written REAL NOT NULL,
        PRIMARY KEY (branch, epoch)
    ) WITHOUT ROWID;
    CREATE TABLE layer (
        branch INTEGER NOT NULL, epoch INTEGER NOT NULL, {_columns(LAYER)}, histograms BLOB NOT NULL,
        PRIMARY KEY (branch, epoch, "index"), FOREIGN KEY (branch, epoch) REFERENCES epoch
    );
    CREATE TABLE change (
        branch INTEGER NOT NULL REFERENCES branch, number INTEGER NOT NULL, step INTEGER NOT NULL, epoch REAL NOT NULL,
        name TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, PRIMARY KEY (branch, number)
    ) WITHOUT ROWID;
    CREATE TABLE finding (
        branch INTEGER NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL,
        severity TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (branch, epoch, number),
        FOREIGN KEY (branch, epoch) REFERENCES epoch
    );
    CREATE TABLE snapshot (
        branch INTEGER NOT NULL REFERENCES branch, step INTEGER NOT NULL, packed BLOB NOT NULL,
        PRIMARY KEY (branch, step)
    );
    """,
    "ALTER TABLE run ADD COLUMN writer_began TEXT;",
    "ALTER TABLE run ADD COLUMN constant_loss REAL;",
)


class RunFileError(Exception):
    """A file that is not a run, or cannot be used as one; the message is for the user as it stands."""


class RunExists(RunFileError):
    """There is a file of that name already."""


@dataclass(frozen=True)
class RunInfo:
    """What a run is: its name, where the experiment comes from (`Source` as a mapping), when it began and ended."""

    name: str
    source: Mapping[str, Any]
    metric: str
    data: str
    started: float  # seconds since 1970
    ended: float | None = None  # None: still going, or cut off
    writer: int | None = None  # the process that writes or wrote it
    writer_began: str | None = None  # when that process began, which tells it from a later one of the same number
    constant_loss: float | None = None  # of the best guess that is the same for every example, if it is known

    def __post_init__(self) -> None:
        for name in ("name", "metric", "data"):  # a file's name may hold what SQLite cannot
            text = getattr(self, name).encode("utf-8", "backslashreplace").decode("utf-8")
            object.__setattr__(self, name, text)

    @property
    def state(self) -> Literal["ended", "running", "cut off"]:
        """Whether it has ended, is being written at this moment on this machine, or was killed."""
        if self.ended is not None:
            return "ended"
        return "running" if self.writer is not None and _alive(self.writer, self.writer_began) else "cut off"


class RunLog:
    """A run's file. `create` a new one, `open` one that is there; use it in one thread, and `close` it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def create(cls, path: str | Path, info: RunInfo) -> RunLog:
        """A new file.

        Of several processes that ask for one name at the same time, one gets it. Whoever looks sees an empty file or a
        whole one.

        Raises:
            RunExists: there is one already.
            RunFileError: none can be made.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFileError(f"{path}: no run can be recorded here ({error})") from None
        made = False
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            made = True
            log = cls(path, _connected(path))
            log._fill(info)
        except FileExistsError:
            raise RunExists(f"{path} is there already: nothing was written over it") from None
        except (OSError, sqlite3.Error) as error:
            if made:
                path.unlink(missing_ok=True)
            raise RunFileError(f"{path}: no run can be recorded here ({error})") from None
        return log

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False) -> RunLog:
        """A file that is there, to go on with it or to look at it.

        Raises:
            RunFileError: it is not a run.
        """
        path = Path(path)
        if not path.is_file():
            raise RunFileError(f"{path}: no such file")
        try:
            with path.open("rb") as file:
                head = file.read(16)
            if not head:
                raise RunFileError(f"{path} is empty: its run begins just now, or was cut off before it began")
            if head != b"SQLite format 3\0":
                raise RunFileError(f"{path} is not a recorded run")
            log = cls(path, _connected(path, read_only))
            application = log._db.execute("PRAGMA application_id").fetchone()[0]
            version = log._db.execute("PRAGMA user_version").fetchone()[0]
            if application != APPLICATION:
                raise RunFileError(f"{path} is an SQLite file, but no recorded run")
            if version > len(MIGRATIONS):
                raise RunFileError(f"{path} was recorded by a newer version of nn-debug (format {version})")
            if version < len(MIGRATIONS) and not read_only:
                with log._db:
                    log._migrate(version)
            info = log.info()
            if not read_only:
                if info.state == "running" and info.writer != os.getpid():
                    raise RunFileError(f"{path} is being recorded by process {info.writer}: end that run first")
                _write_ahead(log._db)
                with log._db:
                    log._write_writer()
        except (OSError, sqlite3.Error, TypeError, ValueError) as error:
            raise RunFileError(f"{path} is damaged, or no recorded run: {error}") from None
        return log

    def close(self) -> None:
        self._db.close()

    def _fill(self, info: RunInfo) -> None:
        """Make an empty file a run's."""
        try:
            self._db.execute("PRAGMA synchronous = OFF")  # nothing can be lost yet
            self._migrate(0)
            with self._db:
                self._db.execute(
                    "INSERT INTO run (id, name, source, metric, data, started, constant_loss) "
                    "VALUES (1, ?, ?, ?, ?, ?, ?)",
                    (
                        *(info.name, json.dumps(dict(info.source)), info.metric, info.data, info.started),
                        info.constant_loss,
                    ),
                )
                self._write_writer()
            _write_ahead(self._db)
        except BaseException:
            self._db.close()
            raise

    def _migrate(self, version: int) -> None:
        """Begin a transaction and bring the file from `version` to the newest: half a migration is worse than none."""
        mark = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {len(MIGRATIONS)};"
        self._db.executescript(f"BEGIN IMMEDIATE; {' '.join(MIGRATIONS[version:])} {mark}")

    def _write_writer(self) -> None:
        """Note that this process writes the file."""
        process = os.getpid()
        self._db.execute("UPDATE run SET ended = NULL, writer = ?, writer_began = ?", (process, _began(process)))

    # --- writing

    def add_branch(self, branch: Branch) -> None:
        """A new branch, with what it has of its own: an epoch 0, changes, its first snapshot."""
        parent = branch.parent
        shared = 0
        if parent is not None:
            pairs = zip(branch.history, parent.history, strict=False)
            shared = sum(1 for own, theirs in pairs if own is theirs)
        with self._db:
            self._db.execute(
                "INSERT INTO branch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    branch.id, branch.name, None if parent is None else parent.id, branch.step, branch.epoch,
                    json.dumps(dict(branch.edge)), json.dumps(asdict(branch.hyperparameters)), shared,
                ),
            )  # fmt: skip
            for record in branch.history[shared:]:
                self._add_epoch(branch.id, record, ())
            self._add_changes(branch.id, branch.changes)
            for snapshot in branch.snapshots:
                self._add_snapshot(branch.id, snapshot)

    def add_epoch(
        self,
        branch: int,
        record: EpochRecord,
        findings: Sequence[Finding] = (),
        changes: Sequence[Change] = (),
        snapshot: Snapshot | None = None,
        dropped: Sequence[tuple[int, int]] = (),
    ) -> None:
        """An epoch that has ended, in one transaction.

        `changes` are all changes of the branch so far; `dropped` names snapshots that need not be kept, as
        (branch, step).
        """
        with self._db:
            self._add_epoch(branch, record, findings)
            self._add_changes(branch, changes)
            if snapshot is not None:
                self._add_snapshot(branch, snapshot)
            self._db.executemany("DELETE FROM snapshot WHERE branch = ? AND step = ?", dropped)

    def end(self) -> None:
        """The run has come to an end, and was not cut off."""
        with self._db:
            self._db.execute("UPDATE run SET ended = ?", (time.time(),))

    def _add_epoch(self, branch: int, record: EpochRecord, findings: Sequence[Finding]) -> None:
        values = [getattr(record, name) for name in EPOCH]
        self._db.execute(_insert("epoch", len(EPOCH) + 2), (branch, *values, time.time()))
        rows = []
        for layer in record.layers:
            histograms = b"".join(_packed(getattr(layer, name)) for name in HISTOGRAMS)
            rows.append((branch, record.epoch, *(getattr(layer, name) for name in LAYER), histograms))
        self._db.executemany(_insert("layer", len(LAYER) + 3), rows)
        found = [(branch, record.epoch, i, f.rule, f.severity, json.dumps(asdict(f))) for i, f in enumerate(findings)]
        self._db.executemany(_insert("finding", 6), found)

    def _add_changes(self, branch: int, changes: Sequence[Change]) -> None:
        rows = [
            (branch, i, c.step, c.epoch, c.name, json.dumps(c.before), json.dumps(c.after))
            for i, c in enumerate(changes)
        ]
        self._db.executemany(_insert("change", 7, "OR IGNORE"), rows)

    def _add_snapshot(self, branch: int, snapshot: Snapshot) -> None:
        self._db.execute(_insert("snapshot", 3, "OR REPLACE"), (branch, snapshot.step, snapshot.pack()))

    # --- reading

    def info(self) -> RunInfo:
        there = {row[1] for row in self._db.execute("PRAGMA table_info(run)")}  # an older file lacks some
        names = [f.name for f in fields(RunInfo) if f.name in there]
        values = dict(zip(names, self._db.execute(f"SELECT {', '.join(names)} FROM run").fetchone(), strict=True))
        return RunInfo(**{**values, "source": json.loads(values["source"])})

    def branches(self, snapshots: bool = False) -> list[Branch]:
        """All branches with their histories and changes, and with `snapshots` those too, the root first."""
        with self._one_moment():
            return self._all_branches(snapshots)

    def _all_branches(self, snapshots: bool) -> list[Branch]:
        found: dict[int, Branch] = {}
        rows = self._db.execute("SELECT * FROM branch ORDER BY id").fetchall()
        for number, name, parent, step, epoch, edge, hyperparameters, inherited in rows:
            above = None if parent is None else found[parent]
            history = [] if above is None else above.history[:inherited]
            history += self.epochs(number)
            found[number] = Branch(
                id=number,
                name=name,
                parent=above,
                step=step,
                epoch=epoch,
                edge={k: (_value(before), _value(after)) for k, (before, after) in json.loads(edge).items()},
                hyperparameters=_hyperparameters(json.loads(hyperparameters)),
                history=history,
                changes=self._changes(number),
                snapshots=self._snapshots(number) if snapshots else [],
                frontier=max(history[-1].step, step) if history else step,
            )
        if not found:
            why = "begins just now" if self.info().state == "running" else "was cut off before its first step"
            raise RunFileError(f"{self.path} holds no branch: the run {why}")
        return list(found.values())

    def version(self) -> int:
        """A number that is another one once another process has written something."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def grow(self, branches: list[Branch]) -> None:
        """Add to `branches`, as they were read before, what has been written since."""
        with self._one_moment():
            if self._db.execute("SELECT count(*) FROM branch").fetchone()[0] != len(branches):
                branches[:] = self._all_branches(snapshots=False)
                return
            for branch in branches:
                new = self.epochs(branch.id, since=branch.history[-1].epoch if branch.history else -1)
                if new:
                    branch.history += new
                    branch.frontier = max(branch.frontier, new[-1].step)
                branch.changes[:] = self._changes(branch.id)

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All that is read within is as it was at one moment, though others write meanwhile."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.rollback()

    def newest(self) -> int:
        """The branch that the newest epoch belongs to."""
        row = self._db.execute("SELECT branch FROM epoch ORDER BY written DESC, branch DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def outcome(self) -> dict[str, Any]:
        """How the branch that was written last did, without reading its layers."""
        with self._one_moment():
            return self._outcome()

    def _outcome(self) -> dict[str, Any]:
        branch = self.newest()
        lineage, start = [], self._db.execute("SELECT hyperparameters FROM branch WHERE id = ?", (branch,)).fetchone()
        at: int | None = branch
        limit = math.inf
        while at is not None:  # what is inherited lies with the ancestors
            rows = self._db.execute(
                "SELECT epoch, val_loss, val_metric, seconds FROM epoch WHERE branch = ? AND epoch < ?", (at, limit)
            )
            lineage += [tuple(map(_number, row)) for row in rows]
            above = self._db.execute("SELECT parent, inherited FROM branch WHERE id = ?", (at,)).fetchone()
            at, limit = above or (None, 0)  # a run that begins just now has none
        trained = [row for row in lineage if row[0]] or lineage
        best = min(trained, key=lambda row: (math.isnan(row[1]), row[1]), default=(0, math.nan, math.nan, 0.0))
        values = json.loads(start[0]) if start else {}
        values |= {c.name: c.after for c in self._changes(branch)}
        return {
            "branches": self._db.execute("SELECT count(*) FROM branch").fetchone()[0],
            "epochs": max((int(row[0]) for row in lineage), default=0),
            "best_val_loss": best[1],
            "best_val_metric": best[2],
            "seconds": sum(row[3] for row in lineage),
            "hyperparameters": {name: _value(value) for name, value in values.items()},
        }

    def epochs(self, branch: int, since: int = -1) -> list[EpochRecord]:
        """The epochs that a branch has of its own, after number `since`."""
        with self._one_moment():
            return self._epochs(branch, since)

    def _epochs(self, branch: int, since: int) -> list[EpochRecord]:
        where = "WHERE branch = ? AND epoch > ? ORDER BY epoch"
        layers: dict[int, list[LayerRecord]] = {}
        columns = ", ".join(f'"{name}"' for name in LAYER)
        rows = self._db.execute(f'SELECT epoch, histograms, {columns} FROM layer {where}, "index"', (branch, since))
        for epoch, histograms, *values in rows:
            unpacked = _unpacked(histograms)
            layers.setdefault(epoch, []).append(LayerRecord(*map(_number, values), *unpacked))
        rows = self._db.execute(f"SELECT {', '.join(EPOCH)} FROM epoch {where}", (branch, since))
        found = ((map(_number, values), tuple(layers.get(values[0], ()))) for values in rows)
        return [EpochRecord(**dict(zip(EPOCH, numbers, strict=True)), layers=own) for numbers, own in found]

    def findings(self, branch: int, epoch: int) -> tuple[Finding, ...]:
        """What was found at the end of an epoch."""
        rows = self._db.execute(
            "SELECT finding FROM finding WHERE branch = ? AND epoch = ? ORDER BY number", (branch, epoch)
        )
        return tuple(_finding(json.loads(text)) for (text,) in rows)

    def _changes(self, branch: int) -> list[Change]:
        rows = self._db.execute(
            "SELECT step, epoch, name, before, after FROM change WHERE branch = ? ORDER BY number", (branch,)
        )
        return [Change(s, e, n, _value(json.loads(b)), _value(json.loads(a))) for s, e, n, b, a in rows]

    def _snapshots(self, branch: int) -> list[Snapshot]:
        rows = self._db.execute("SELECT packed FROM snapshot WHERE branch = ? ORDER BY step", (branch,))
        return [Snapshot.unpack(packed) for (packed,) in rows]


def _began(process: int) -> str | None:
    """When a process began, told by the machine's own start; "" for one that has ended, None where nothing tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "" if state in "XZ" else f"{boot} {numbers[18]}"


def _alive(process: int, began: str | None) -> bool:
    now = _began(process) if began else None
    if now is not None:
        return now == began
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # there is one, of somebody else
        return True
    return True


def _connected(path: Path, read_only: bool = False) -> sqlite3.Connection:
    uri = path.resolve().as_uri() + ("?mode=ro" if read_only else "")
    if read_only and not os.access(path.resolve().parent, os.W_OK) and not Path(f"{path}-wal").exists():
        uri += "&immutable=1"  # in a folder where SQLite cannot put its index of the write-ahead log, and needs none
    connection = sqlite3.connect(uri, uri=True, timeout=10, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let others read while this one writes."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _insert(table: str, columns: int, how: str = "") -> str:
    return f"INSERT {how} INTO {table} VALUES ({', '.join('?' * columns)})"


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _value(value: Any) -> Any:
    """A hyperparameter's value out of JSON, which has no tuples."""
    return tuple(value) if isinstance(value, list) else value


def _hyperparameters(values: Mapping[str, Any]) -> Hyperparameters:
    """From a file: what a newer or older version does not know is left out."""
    return Hyperparameters(**{name: _value(value) for name, value in values.items() if name in KNOBS})


def _finding(values: dict[str, Any]) -> Finding:
    remedies = tuple(Remedy(r["text"], {k: _value(v) for k, v in r["changes"].items()}) for r in values["remedies"])
    return Finding(**{**values, "layers": tuple(values["layers"]), "remedies": remedies})


def _packed(histogram: Histogram) -> bytes:
    counts = histogram.counts
    head = np.array([histogram.low, histogram.high], "<f8").tobytes()
    return head + np.array([histogram.outside, len(counts)], "<i8").tobytes() + counts.astype("<u4").tobytes()


def _unpacked(packed: bytes) -> list[Histogram]:
    found, at = [], 0
    while at < len(packed):
        low, high = np.frombuffer(packed, "<f8", 2, at).tolist()
        outside, bins = np.frombuffer(packed, "<i8", 2, at + 16).tolist()
        counts = np.frombuffer(packed, "<u4", bins, at + 32).astype(np.int64)
        found.append(Histogram(low, high, counts, outside))
        at += 32 + 4 * bins
    return found
