"""The timeline: the branch from epoch 0 on, what happened on the way, and the other branches as a tree."""

from __future__ import annotations

import math

from textual import events
from textual.message import Message

from tui import drawing, moment
from tui.drawing import FAULT, MUTED, NONE, WARNING, Canvas, format_number
from tui.protocol import BranchInfo, Snapshot

from .charts import Chart, draw_labels, shorten

# Signs of what happened; of several in one place the last is seen.
SIGNS = {
    "fork": ("⑂", MUTED),
    "change": ("◆", NONE),
    "stop": ("■", NONE),
    "warning": ("▲", WARNING),
    "fault": ("✖", FAULT),
}

# Line characters by the weights (0 none, 1 light, 2 heavy) of their arms up, right, down, left.
_LINES = {
    "0101": "─", "0202": "━", "0102": "╾", "0201": "╼", "0100": "╶", "0200": "╺", "0001": "╴", "0002": "╸",
    "1010": "│", "2020": "┃", "1020": "╽", "2010": "╿", "1000": "╵", "2000": "╹", "0010": "╷", "0020": "╻",
    "1100": "╰", "2200": "┗", "2100": "┖", "1200": "┕", "0011": "╮", "0022": "┓", "0012": "┑", "0021": "┒",
    "0110": "╭", "0210": "┍", "0120": "┎", "0220": "┏", "0111": "┬", "0211": "┮", "0112": "┭", "0212": "┯",
    "0121": "┰", "0221": "┲", "0122": "┱", "0222": "┳", "1110": "├", "2110": "┞", "1210": "┝", "1120": "┟",
    "2210": "┡", "2120": "┠", "1220": "┢", "2220": "┣",
}  # fmt: skip
_UP, _RIGHT, _DOWN, _LEFT = range(4)


class _Scale:
    """Epochs 0 to `end` on so many columns.

    A plan much longer than what was seen is not shown to its end, so that an epoch has some room.
    """

    def __init__(self, left: int, columns: int, seen: float, planned: int) -> None:
        self.left, self.columns = left, max(columns, 1)
        self.end = float(max(self.columns - 1, 1))
        while self.end < seen * 1.25:
            self.end *= 2
        self.end = max(min(self.end, planned), seen, 1.0)
        self.whole = planned <= self.end

    def column(self, epoch: float) -> int:
        return self.left + round(min(max(epoch / self.end, 0.0), 1.0) * (self.columns - 1))

    def epoch(self, column: int) -> float:
        return (column - self.left) / max(self.columns - 1, 1) * self.end


class Timeline(Chart):
    """One line with the current branch, or a line a branch over an axis, as there is room; a click goes there."""

    class Clicked(Message):
        """The user asks for a moment of a branch."""

        def __init__(self, branch: int, epoch: float) -> None:
            super().__init__()
            self.branch = branch
            self.epoch = epoch

    snapshot: Snapshot | None = None
    _rows: list[BranchInfo] | None = None  # the branches that are drawn, a line each
    _scale: _Scale | None = None

    def show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.fit()
        self.redraw()

    def fit(self) -> None:
        """Take the lines that it needs and can have."""
        width, height = self.app.size
        branches = len(self.snapshot.branches) if self.snapshot else 1
        lines = 1 if width < 110 or height < 30 else 1 + max(min(branches, height // 8), 1)
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    # --- where things are

    def _chosen(self, snapshot: Snapshot, room: int) -> list[BranchInfo]:
        """The branches there is room for: the current one, those it comes from, the newest of the others."""
        line = moment.lineage(snapshot)
        others = sorted((b for b in snapshot.branches if b not in line), key=lambda b: b.id, reverse=True)
        chosen = [*line[::-1], *others][: max(room, 1)]
        return [branch for branch in moment.tree(snapshot.branches) if branch in chosen]

    def _place(self, path: list[tuple[int, float]], epoch: float, scale: _Scale) -> tuple[int, int]:
        """Column and row of a moment of the current branch."""
        row = path[0][0]
        for y, start in path:
            if epoch >= start:
                row = y
        return scale.column(epoch), row

    # --- drawing

    def draw(self, canvas: Canvas) -> None:
        s = self.snapshot
        width, height = canvas.region.size
        self._rows = self._scale = None
        if s is None or not s.known or not s.branches or width < 8 or height < 1:
            return
        single = height == 1
        rows = [b for b in s.branches if b.id == s.branch] if single else self._chosen(s, height - 1)
        seen = max(moment.last(s), moment.present(s), *(b.epochs for b in rows))
        planned = s.hyperparameters.epochs
        titles = [b.name if single else b.title for b in rows] if len(s.branches) > 1 else []
        gutter = min(max(map(len, titles), default=-1), max(width // (4 if single else 3), 1)) + 1
        end = "" if not single else f" {format_number(planned)}"
        scale = _Scale(gutter, width - gutter - len(end), seen, planned)
        self._rows, self._scale = rows, scale

        for y, (title, branch) in enumerate(zip(titles, rows, strict=False)):
            current = branch.id == s.branch
            canvas.text(0, y, shorten(title, gutter - 1), NONE if current else MUTED, bold=current)
        canvas.text(scale.left + scale.columns, 0, end, MUTED)
        path = self._draw_lines(canvas, s, rows, scale, single)
        now = moment.present(s)
        kinds = list(SIGNS)
        x, y = self._place(path, now, scale)
        cursor, colour = "●", NONE
        for mark in sorted(moment.marks(s), key=lambda mark: kinds.index(mark.kind)):
            if single or mark.kind != "fork":  # a tree shows them as lines
                sign, tone = SIGNS[mark.kind]
                place = self._place(path, mark.epoch, scale)
                canvas.text(*place, sign, tone, bold=True)
                if place == (x, y):
                    cursor, colour = "◉", tone  # something is under it
        canvas.text(x, y, cursor, colour, bold=True)
        if not single:
            self._draw_axis(canvas, scale, x, format_number(s.epoch), len(s.branches) - len(rows))

    def _draw_lines(
        self, canvas: Canvas, s: Snapshot, rows: list[BranchInfo], scale: _Scale, single: bool
    ) -> list[tuple[int, float]]:
        """The tree, the way to the moment heavy. Returns the rows of the current branch, each with its first epoch."""
        at = {branch.id: y for y, branch in enumerate(rows)}
        line = moment.lineage(s)
        path = [(at[b.id], 0.0 if single or b.parent is None else b.epoch) for b in line if b.id in at]
        arms: dict[tuple[int, int], list[int]] = {}
        now = moment.present(s)

        def draw(x0: int, y0: int, x1: int, y1: int, weight: int) -> None:
            """A line from a cell to another, to the right or down."""
            there, back = (_RIGHT, _LEFT) if y0 == y1 else (_DOWN, _UP)
            cells = [(x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1)]
            for cell, direction in [*((c, there) for c in cells[:-1]), *((c, back) for c in cells[1:])]:
                weights = arms.setdefault(cell, [0, 0, 0, 0])
                weights[direction] = max(weights[direction], weight)

        parents = {b.id: b.parent for b in s.branches}
        for y, branch in enumerate(rows):
            start = 0.0 if single else branch.epoch
            x = scale.column(start)
            draw(x, y, scale.column(max(branch.epochs, start)), y, 1)
            if branch.id == s.branch:
                draw(x, y, scale.column(max(moment.last(s), now, start)), y, 1)
            parent = branch.parent
            while parent is not None and parent not in at:
                parent = parents[parent]
            if parent is not None:
                draw(x, at[parent], x, y, 1)
        for number, (y, start) in enumerate(path):
            if now < start:
                break
            until = min(path[number + 1][1], now) if number + 1 < len(path) else now
            draw(scale.column(start), y, scale.column(until), y, 2)
            if number:
                draw(scale.column(start), path[number - 1][0], scale.column(start), y, 2)
        if len(rows) == 1 and (scale.left, 0) in arms:  # a line alone begins with a stop
            first = arms[scale.left, 0]
            first[_UP] = first[_DOWN] = first[_RIGHT]
        for (x, y), weights in arms.items():
            sign = _LINES.get("".join(map(str, weights)), "┼")
            canvas.text(x, y, sign, NONE if 2 in weights else MUTED)
        self._draw_plan(canvas, s, scale, path[-1][0] if path else 0)
        return path or [(0, 0.0)]

    def _draw_plan(self, canvas: Canvas, s: Snapshot, scale: _Scale, y: int) -> None:
        """What is still to come of the current branch."""
        x = scale.column(max(moment.last(s), moment.present(s))) + 1
        right = scale.column(min(s.hyperparameters.epochs, scale.end))
        if x <= right:
            canvas.text(x, y, "┄" * (right - x) + ("┤" if scale.whole else "›"), MUTED)

    def _draw_axis(self, canvas: Canvas, scale: _Scale, x: int, label: str, hidden: int) -> None:
        """The epochs under the tree, and how many branches had no room."""
        y = canvas.region.height - 1
        if hidden:
            canvas.text(0, y, shorten(f"and {hidden} more", scale.left - 1), MUTED)
        ticks = [t for t in drawing.nice_ticks(0, scale.end, max(scale.columns // 10, 2)) if t % 1 == 0]
        labels = [(scale.column(tick), label) for tick, label in zip(ticks, drawing.tick_labels(ticks), strict=True)]
        draw_labels(canvas, y, labels, (x, label), scale.left)

    # --- the mouse

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        s = self.snapshot
        if offset is None or s is None or self._rows is None or self._scale is None:
            return
        left, right = self._scale.left, self._scale.left + self._scale.columns
        branch = self._rows[offset.y].id if offset.y < len(self._rows) else s.branch  # the axis's own
        if left <= offset.x < right:
            self.post_message(self.Clicked(branch, self._scale.epoch(offset.x)))
        elif branch != s.branch:  # by its name
            self.post_message(self.Clicked(branch, math.inf))
