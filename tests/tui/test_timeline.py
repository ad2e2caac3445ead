"""The timeline as it is drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import examples
from tests.tui.test_charts import drawn, rows
from tinygrad_nn.records import Change, EpochRecord, Finding
from tinygrad_nn.training import Hyperparameters
from tui.drawing import FAULT, MUTED, NONE, WARNING
from tui.protocol import BranchInfo, Snapshot
from tui.widgets.timeline import Timeline


def known(epochs: int) -> tuple[EpochRecord, ...]:
    return tuple(EpochRecord(e, 10 * e, 1.0, 0.5, 1.0, 0.5, 0.01, 0.0, ()) for e in range(epochs + 1))


def finding(severity: str, epoch: int) -> Finding:
    return Finding("r", severity, "t", (), epoch, {}, "", (), "")  # type: ignore[arg-type]


def snapshot(seen: int = 20, epoch: int = 20, planned: int = 30, **fields: object) -> Snapshot:
    branches = (BranchInfo(0, "main", "main", None, 0, seen),)
    records = known(seen)
    made = Snapshot(
        "paused",
        "x",
        Hyperparameters(epochs=planned),
        epoch=epoch,
        batches=10,
        history=records[: epoch + 1],
        known=records,
        branches=branches,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def timeline(shown: Snapshot | None) -> Timeline:
    widget = Timeline()
    widget.snapshot = shown
    return widget


def text(shown: Snapshot | None, width: int = 34, height: int = 1, colour: bool = True) -> list[str]:
    return rows(drawn(timeline(shown), width, height, colour))


# 31 columns for epochs 0 to 30: an epoch is a column


def test_a_run_on_its_way() -> None:
    assert text(snapshot()) == ["┣━━━━━━━━━━━━━━━━━━━●┄┄┄┄┄┄┄┄┄┤ 30"]
    assert text(snapshot(epoch=12, batch=5)) == ["┣━━━━━━━━━━━●───────╴┄┄┄┄┄┄┄┄┄┤ 30"]
    assert text(snapshot(seen=30, epoch=30)) == ["┣━━━━━━━━━━━━━━━━━━━━━━━━━━━━━● 30"]
    assert text(snapshot(seen=0, epoch=0)) == ["●┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤ 30"]
    assert text(snapshot(seen=0, epoch=0, batch=9)) == ["┣●┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤ 30"]


def test_what_happened_on_the_way() -> None:
    shown = snapshot(
        seen=20,
        changes=(Change(50, 5.0, "lr", 1.0, 2.0),),
        findings=(finding("fault", 8), finding("warning", 3), finding("information", 12)),
        stops=(14.2,),
        branches=(BranchInfo(0, "main", "main", None, 0, 20), BranchInfo(1, "fork 1", "fork 1: lr 2", 0, 17, 18)),
    )
    canvas = drawn(timeline(shown), 39, 1)
    assert rows(canvas) == ["main ┣━━▲━◆━━✖━━━━━■━━⑂━━●┄┄┄┄┄┄┄┄┄┤ 30"]
    assert [canvas.foreground[0, 5 + x] for x in (3, 5, 8, 14)] == [WARNING, NONE, FAULT, NONE]
    assert canvas.bold[0, :4].all()


@pytest.mark.parametrize(
    ("epoch", "sign", "colour"), [(3, "◉", WARNING), (5, "◉", NONE), (8, "◉", FAULT), (9, "●", NONE)]
)
def test_the_cursor_tells_what_is_under_it(epoch: int, sign: str, colour: int) -> None:
    shown = snapshot(
        changes=(Change(50, 5.0, "lr", 1.0, 2.0), Change(80, 8.0, "lr", 2.0, 3.0)),
        findings=(finding("fault", 8), finding("warning", 3)),
    )
    canvas = drawn(timeline(replace(shown, epoch=epoch)), 34, 1)
    assert (chr(canvas.codes[0, epoch]), canvas.foreground[0, epoch]) == (sign, colour)


@pytest.mark.parametrize("seen", [0, 5, 24, 25, 100, 79_000])
def test_a_long_plan_leaves_room_for_what_was_seen(seen: int) -> None:
    line = text(snapshot(seen=seen, epoch=seen, planned=100_000), 40)[0]
    if seen < 40_000:
        assert line.endswith("┄› 100k")
        assert line.index("●") >= min(seen, 13)
    else:
        assert line.endswith("┄┤ 100k")


def test_more_than_was_planned() -> None:
    assert text(snapshot(seen=40, epoch=40, planned=30), 44) == ["┣" + "━" * 39 + "● 30"]


BRANCHES = (
    BranchInfo(0, "main", "main", None, 0, 25),
    BranchInfo(1, "fork 1", "fork 1: lr 0.1", 0, 5, 15),
    BranchInfo(2, "fork 2", "fork 2", 0, 20, 22),
    BranchInfo(3, "fork 3", "fork 3: lr 1", 1, 10, 20),
)


def test_the_tree_of_branches() -> None:
    shown = snapshot(20, 20, branches=BRANCHES, branch=3)
    canvas = drawn(timeline(shown), 46, 5)
    assert rows(canvas) == [
        "main           ╺━━━━┱──────────────┬────╴",
        "fork 2              ┃              ╰─╴",
        "fork 1: lr 0.1      ┗━━━━┱────╴",
        "fork 3: lr 1             ┗━━━━━━━━━●┄┄┄┄┄┄┄┄┄┤",
        "               0        10        20        30",
    ]
    assert canvas.bold[3, :6].all()
    assert canvas.foreground[0, :4].tolist() == [MUTED] * 4
    assert canvas.foreground[2, 22] == NONE
    assert canvas.foreground[2, 28] == MUTED


def test_the_way_to_a_moment_before_the_branch_began() -> None:
    shown = snapshot(20, 7, branches=BRANCHES, branch=3)
    assert text(shown, 46, 5)[:4] == [
        "main           ╺━━━━┱──────────────┬────╴",
        "fork 2              ┃              ╰─╴",
        "fork 1: lr 0.1      ┗━●──┬────╴",
        "fork 3: lr 1             ╰─────────╴┄┄┄┄┄┄┄┄┄┤",
    ]


def test_branches_that_leave_at_the_same_epoch() -> None:
    branches = (BRANCHES[0], *(BranchInfo(n, f"fork {n}", f"fork {n}", 0, 0, 9) for n in (1, 2, 3)))
    shown = snapshot(9, 9, branches=branches, branch=2)
    assert text(shown, 38, 5)[:4] == [
        "main   ┎────────────────────────╴",
        "fork 3 ┠────────╴",
        "fork 2 ┡━━━━━━━━●┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┤",
        "fork 1 ╰────────╴",
    ]


def test_branches_without_room_are_counted_the_way_to_the_current_one_last() -> None:
    shown = snapshot(20, 20, branches=BRANCHES, branch=3)
    three = text(shown, 46, 4)
    assert [row[:14].strip() for row in three] == ["main", "fork 1: lr 0.1", "fork 3: lr 1", "and 1 more"]
    assert [row[:12].strip() for row in text(shown, 46, 2)] == ["fork 3: lr 1", "and 3 more"]
    first = replace(shown, branch=0, known=known(25), history=known(25), epoch=25)
    assert [row[:12].strip() for row in text(first, 46, 4)] == ["main", "fork 2", "fork 3: lr 1", "and 1 more"]


def test_it_reads_without_colour() -> None:
    assert text(snapshot(epoch=12), colour=False) == ["┣━━━━━━━━━━━●───────╴┄┄┄┄┄┄┄┄┄┤ 30"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert text(None) == [""]
    assert text(Snapshot("starting", "x", Hyperparameters())) == [""]


# --- nothing raises

EPOCH = st.integers(0, 60)
MOMENT = st.floats(0, 60)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    seen = draw(EPOCH)
    branches = [BranchInfo(0, "main", "main", None, 0, draw(EPOCH))]
    for n in range(1, draw(st.integers(1, 9))):
        title = draw(st.text(max_size=40))
        branches.append(BranchInfo(n, title[:6], title, draw(st.integers(0, n - 1)), draw(MOMENT), draw(EPOCH)))
    return snapshot(
        seen,
        draw(st.integers(0, seen)),
        draw(st.integers(1, 1_000_000)),
        batch=draw(st.integers(0, 10)),
        branches=tuple(branches),
        branch=draw(st.integers(0, len(branches) - 1)),
        changes=tuple(Change(0, at, "lr", 1.0, 2.0) for at in draw(st.lists(MOMENT, max_size=3))),
        findings=tuple(finding("fault", at) for at in draw(st.lists(EPOCH, max_size=3))),
        stops=tuple(draw(st.lists(MOMENT, max_size=3))),
    )


@examples(400)
@given(
    snapshots(),
    st.tuples(st.integers(0, 140), st.integers(0, 12)) | st.tuples(st.integers(0, 20), st.integers(0, 3)),
    st.booleans(),
)
def test_it_never_raises_and_the_cursor_is_seen(shown: Snapshot, size: tuple[int, int], colour: bool) -> None:
    widget = timeline(shown)
    canvas = drawn(widget, *size, colour)
    strips = canvas.strips()
    assert len(strips) == size[1]
    assert all(sum(segment.cell_length for segment in strip) == size[0] for strip in strips)
    if size[0] >= 8 and size[1] >= 1:
        assert any(sign in str(canvas) for sign in "●◉")


@given(st.integers(0, 200), st.integers(1, 2000), st.integers(8, 150))
def test_a_column_is_clicked_where_it_is_drawn(seen: int, planned: int, width: int) -> None:
    widget = timeline(snapshot(seen, seen, planned))
    drawn(widget, width, 1)
    scale = widget._scale
    assert scale is not None
    for column in range(scale.left, scale.left + scale.columns):
        assert scale.column(scale.epoch(column)) == column
