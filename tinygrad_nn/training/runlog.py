"""RunLog: a run in one SQLite file, from the experiment to the last snapshot.

A transaction for each epoch, in write-ahead mode: a process that is killed loses the epoch under way and nothing
else, and others may read meanwhile. (A power cut may also take the last few transactions; it leaves the file whole.)
NaN is stored as NULL, which is what SQLite makes of it, and a zero loses its sign; every other number comes back bit
for bit. The run, each branch, epoch and snapshot has a seal, a checksum over its rows: what has been changed since by
a damaged disk is refused, and never read as another number.
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
from struct import error as StructError
from struct import pack
from typing import Any, Literal
from zlib import crc32

import numpy as np

from ..records import Change, EpochRecord, Finding, Histogram, LayerRecord, Remedy
from .branches import Branch, Snapshot
from .hyperparameters import KNOBS, Hyperparameters
from .schema import APPLICATION, BRANCH, CHANGE, EPOCH, FINDING, HISTOGRAMS, LAYER, MIGRATIONS, PARTS, RUN


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
        self._written: float | None = None  # when the newest epoch was

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
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
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
    def open(cls, path: str | Path, read_only: bool = False, take_over: bool = True) -> RunLog:
        """A file that is there, to look at it (`read_only`), or to go on with it: now, or when `take_over` is called.

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
                raise RunFileError(f"{path} is an SQLite file, but not a recorded run")
            if version > len(MIGRATIONS):
                raise RunFileError(f"{path} was recorded by a newer version of nn-debug (format {version})")
            log.info()
            if take_over and not read_only:
                log.take_over()
        except (OSError, sqlite3.Error, TypeError, ValueError) as error:
            raise RunFileError(f"{path} is damaged, or not a recorded run: {error}") from None
        return log

    def take_over(self) -> None:
        """Go on with the run: bring its file up to date, and note that this process writes it.

        Raises:
            RunFileError: another process goes on with it, or it cannot be written.
        """
        self.refuse_if_written()
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version < len(MIGRATIONS):
                with self._db:
                    self._migrate(version)
            _write_ahead(self._db)
            with self._db:
                self._write_writer()
        except sqlite3.Error as error:
            raise RunFileError(f"{self.path} cannot be gone on with: {error}") from None

    def refuse_if_written(self) -> None:
        """Refuse to go on with a run that another process goes on with.

        Raises:
            RunFileError: one does.
        """
        info = self.info()
        if info.state == "running" and info.writer != os.getpid():
            raise RunFileError(f"{self.path} is being recorded by process {info.writer}: end that run first")

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
        self._seal_run()

    def _seal_run(self) -> None:
        self._db.execute("UPDATE run SET seal = ?", (_seal(self._rows("run", RUN)),))

    def _seal_branch(self, branch: int) -> None:
        self._db.execute("UPDATE branch SET seal = ? WHERE id = ?", (_seal(self._branch_rows(branch)), branch))

    def _branch_rows(self, branch: int) -> list[Any]:
        changes = self._rows("change", CHANGE, "WHERE branch = ? ORDER BY number", branch)
        return [*self._rows("branch", BRANCH, "WHERE id = ?", branch), *changes]

    def _rows(self, table: str, columns: Sequence[str], where: str = "", *values: Any) -> Iterable[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' for name in columns)
        return self._db.execute(f"SELECT {names} FROM {table} {where}", values)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], how: str = "") -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        places = ", ".join("?" * len(columns))
        self._db.executemany(f"INSERT {how} INTO {table} ({names}) VALUES ({places})", rows)

    # --- writing

    def add_branch(self, branch: Branch) -> None:
        """A new branch, with what it has of its own: an epoch 0, changes, its first snapshot."""
        parent = branch.parent
        shared = 0
        if parent is not None:
            pairs = zip(branch.history, parent.history, strict=False)
            shared = sum(1 for own, theirs in pairs if own is theirs)
        with self._db:
            place = (branch.id, branch.name, None if parent is None else parent.id, branch.step, branch.epoch)
            began = (json.dumps(dict(branch.edge)), json.dumps(asdict(branch.hyperparameters)), shared)
            self._insert("branch", BRANCH, [(*place, *began)])
            for record in branch.history[shared:]:
                self._add_epoch(branch.id, record, ())
            self._add_changes(branch.id, branch.changes)
            self._seal_branch(branch.id)
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
            if self._add_changes(branch, changes):
                self._seal_branch(branch)
            if snapshot is not None:
                self._add_snapshot(branch, snapshot)
            self._db.executemany("DELETE FROM snapshot WHERE branch = ? AND step = ?", dropped)

    def end(self) -> None:
        """The run has come to an end, and was not cut off."""
        with self._db:
            self._db.execute("UPDATE run SET ended = ?", (time.time(),))
            self._seal_run()

    def _add_epoch(self, branch: int, record: EpochRecord, findings: Sequence[Finding]) -> None:
        values = [getattr(record, name) for name in EPOCH]
        self._insert("epoch", ("branch", *EPOCH, "written"), [(branch, *values, self._now())])
        rows = []
        for layer in record.layers:
            histograms = b"".join(_packed(getattr(layer, name)) for name in HISTOGRAMS)
            rows.append((branch, record.epoch, *(getattr(layer, name) for name in LAYER), histograms))
        self._insert("layer", ("branch", "epoch", *LAYER, "histograms"), rows)
        found = [(branch, record.epoch, i, f.rule, f.severity, json.dumps(asdict(f))) for i, f in enumerate(findings)]
        self._insert("finding", FINDING, found)
        own = self._rows("epoch", (*EPOCH, "written"), "WHERE branch = ? AND epoch = ?", branch, record.epoch)
        seals = (_seal(own), self._parts_seal(branch, record.epoch))
        where = "WHERE branch = ? AND epoch = ?"
        self._db.execute(f"UPDATE epoch SET seal = ?, parts_seal = ? {where}", (*seals, branch, record.epoch))

    def _now(self) -> float:
        """The time, and later than that of every epoch in the file, though the machine's clock may have gone back."""
        if self._written is None:
            self._written = self._db.execute("SELECT max(written) FROM epoch").fetchone()[0] or 0.0
        self._written = max(time.time(), math.nextafter(self._written, math.inf))
        return self._written

    def _parts_seal(self, branch: int, epoch: int) -> int:
        seal = 0
        for table, columns, order in PARTS:
            seal = _seal(
                self._rows(table, columns, f"WHERE branch = ? AND epoch = ? ORDER BY {order}", branch, epoch), seal
            )
        return seal

    def _add_changes(self, branch: int, changes: Sequence[Change]) -> bool:
        """Add the changes that the file does not have yet; whether there were any."""
        before = self._db.total_changes
        rows = [
            (branch, i, c.step, c.epoch, c.name, json.dumps(c.before), json.dumps(c.after))
            for i, c in enumerate(changes)
        ]
        self._insert("change", CHANGE, rows, "OR IGNORE")
        return self._db.total_changes > before

    def _add_snapshot(self, branch: int, snapshot: Snapshot) -> None:
        row = (branch, snapshot.step, snapshot.pack())
        self._insert("snapshot", ("branch", "step", "packed", "seal"), [(*row, _seal([row]))], "OR REPLACE")

    # --- reading

    def info(self) -> RunInfo:
        with self._one_moment():
            there = {row[1] for row in self._db.execute("PRAGMA table_info(run)")}  # an older file lacks some
            names = [name for name in RUN if name in there]
            (row,) = self._rows("run", names)
            if self._sealed:
                self._check(_seal([row]), self._rows("run", ("seal",)), "its description")
            values = dict(zip(names, row, strict=True))
            return RunInfo(
                **{f.name: values[f.name] for f in fields(RunInfo) if f.name in values}
                | {"source": json.loads(values["source"])}
            )

    def branches(self, snapshots: bool = False) -> list[Branch]:
        """All branches with their histories and changes, and with `snapshots` those too, the root first."""
        with self._one_moment():
            return self._all_branches(snapshots)

    def _all_branches(self, snapshots: bool) -> list[Branch]:
        found: dict[int, Branch] = {}
        for number, name, parent, step, epoch, edge, hyperparameters, inherited in list(
            self._rows("branch", BRANCH, "ORDER BY id")
        ):
            self._check_branch(number)
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
        """All that is read within is as it was at one moment, though others write meanwhile.

        Raises:
            RunFileError: what is read is not what was written.
        """
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.rollback()
        except (sqlite3.Error, LookupError, TypeError, ValueError, OverflowError, RecursionError, StructError) as error:
            raise RunFileError(f"{self.path} is damaged: {error}") from None

    @property
    def _sealed(self) -> bool:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0]) >= 4

    def _check(self, seal: int, noted: Iterable[tuple[Any, ...]], what: str) -> None:
        """Whether the seal of rows is the one noted when they were written, if any was."""
        for (there,) in noted:
            if there is not None and there != seal:
                raise RunFileError(f"{self.path} is damaged: {what} is not as it was written")

    def _check_branch(self, branch: int) -> None:
        if self._sealed:
            noted = self._rows("branch", ("seal",), "WHERE id = ?", branch)
            self._check(_seal(self._branch_rows(branch)), noted, f"branch {branch}")

    def newest(self) -> int:
        """The branch that the newest epoch belongs to."""
        with self._one_moment():
            row = self._db.execute("SELECT branch FROM epoch ORDER BY written DESC, branch DESC LIMIT 1").fetchone()
            return int(row[0]) if row else 0

    def outcome(self) -> dict[str, Any]:
        """How the branch that was written last did, without reading its layers."""
        with self._one_moment():
            return self._outcome()

    def _outcome(self) -> dict[str, Any]:
        if self._sealed:
            for *row, number, seal in self._rows("epoch", (*EPOCH, "written", "branch", "seal")):
                self._check(_seal([row]), [(seal,)], f"epoch {row[0]} of branch {number}")
        branch = self.newest()
        lineage, start = [], self._db.execute("SELECT hyperparameters FROM branch WHERE id = ?", (branch,)).fetchone()
        at: int | None = branch
        limit = math.inf
        while at is not None:  # what is inherited lies with the ancestors
            self._check_branch(at)
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
        seals: dict[int, int] = {}
        for table, columns, order in PARTS:
            for row in self._rows(table, columns, f"{where}, {order}", branch, since):
                seals[row[0]] = _seal([row], seals.get(row[0], 0))
                if table == "layer":
                    epoch, histograms, *figures = row
                    record = LayerRecord(*map(_number, figures), *_unpacked(histograms))
                    layers.setdefault(epoch, []).append(record)
        if self._sealed:
            noted = self._rows("epoch", (*EPOCH, "written", "seal", "parts_seal"), where, branch, since)
            for *head, seal, parts_seal in noted:
                what = f"epoch {head[0]} of branch {branch}"
                self._check(_seal([head]), [(seal,)], what)
                self._check(seals.get(head[0], 0), [(parts_seal,)], what)
        found: list[EpochRecord] = []
        for row in self._rows("epoch", EPOCH, where, branch, since):
            if found and row[0] != found[-1].epoch + 1:
                raise RunFileError(
                    f"{self.path} is damaged: epoch {found[-1].epoch + 1} of branch {branch} is not there"
                )
            values = dict(zip(EPOCH, map(_number, row), strict=True))
            found.append(EpochRecord(**values, layers=tuple(layers.get(row[0], ()))))
        return found

    def findings(self, branch: int, epoch: int) -> tuple[Finding, ...]:
        """What was found at the end of an epoch."""
        where = "WHERE branch = ? AND epoch = ?"
        with self._one_moment():
            if self._sealed:
                noted = self._rows("epoch", ("parts_seal",), where, branch, epoch)
                self._check(self._parts_seal(branch, epoch), noted, f"epoch {epoch} of branch {branch}")
            rows = self._rows("finding", ("finding",), f"{where} ORDER BY number", branch, epoch)
            return tuple(_finding(json.loads(text)) for (text,) in rows)

    def _changes(self, branch: int) -> list[Change]:
        rows = self._rows("change", CHANGE[2:], "WHERE branch = ? ORDER BY number", branch)
        return [Change(s, e, n, _value(json.loads(b)), _value(json.loads(a))) for s, e, n, b, a in rows]

    def _snapshots(self, branch: int) -> list[Snapshot]:
        where = "WHERE branch = ? ORDER BY step"
        columns = ("branch", "step", "packed", *(["seal"] if self._sealed else []))
        found = []
        for *row, seal in ((*r, None)[:4] for r in self._rows("snapshot", columns, where, branch)):
            self._check(_seal([row]), [(seal,)], f"the snapshot of step {row[1]} of branch {branch}")
            found.append(Snapshot.unpack(row[2]))
        return found


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


def _seal(rows: Iterable[Sequence[Any]], seal: int = 0) -> int:
    """The CRC-32 of rows as they are in the file, as numbers of 8 bytes, going on from the seal of the rows before."""
    for row in rows:
        figures = [x if x.__class__ is float else _figure(x) for x in row]
        seal = crc32(pack(f"<{len(figures)}d", *figures), seal)
    return seal


def _figure(value: Any) -> float:
    """A value as a number: a text and a BLOB by its CRC-32."""
    if value is None:
        return math.nan
    return crc32(value if isinstance(value, bytes) else value.encode()) if isinstance(value, bytes | str) else value


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
