"""Charts as widgets: curves, histograms, heat maps.

A chart draws itself once for its data, size and theme and keeps the strips; uncovering it costs nothing. None
raises for any numbers or any size, since an exception while drawing ends the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui import drawing
from tui.drawing import FAINT, FAULT, INK, MUTED, NONE, PAPER, RAMP, SKY, Canvas, Floats, Range

_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, eq=False)
class Series:
    """A curve: its points (x, y), each shape (n,), and its palette colour."""

    name: str
    x: ArrayLike
    y: ArrayLike
    colour: int
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """A histogram: `counts`, shape (bins,), in equal bins over low..high; `reference` is one to compare with."""

    title: str
    low: float
    high: float
    counts: ArrayLike
    reference: tuple[float, float, ArrayLike] | None = None


class Chart(Widget):
    """A widget that draws on a canvas; subclasses define `draw` and call `redraw` when their data change."""

    DEFAULT_CSS = """
    Chart {
        width: 1fr;
        height: 1fr;
    }
    """
    ALLOW_SELECT = False

    _strips: list[Strip] | None = None
    _drawn_size = Size(0, 0)

    def draw(self, canvas: Canvas) -> None:
        """Draw the chart on an empty canvas of the widget's size, which may be 0 x 0."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw anew at the next refresh."""
        self._strips = None
        self.refresh()

    def notify_style_update(self) -> None:
        self._strips = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        size = self.size
        if self._strips is None or self._drawn_size != size:
            canvas = Canvas(*size, colour=not self.app.no_color)
            self.draw(canvas)
            self._strips = canvas.strips(self.rich_style, self.app.current_theme.dark)
            self._drawn_size = size
        return self._strips[y] if 0 <= y < len(self._strips) else Strip.blank(size.width)


@dataclass(frozen=True)
class _Plot:
    """Where on the canvas the ranges of a line chart are."""

    region: Region
    x_range: Range
    y_range: Range

    def column(self, x: float) -> int:
        return self.region.x + _cell(x, self.x_range, self.region.width, 2)

    def row(self, y: float) -> int:
        return self.region.bottom - 1 - _cell(y, self.y_range, self.region.height, 4)

    def shows(self, x: float | None) -> bool:
        return x is not None and self.x_range[0] <= x <= self.x_range[1]


class LineChart(Chart):
    """Curves over common axes, with a legend that tells their newest values, or those at the cursor."""

    log_scale: reactive[bool] = reactive(False)
    """Whether the y axis is logarithmic; values that are not positive are gaps then."""

    _series: Sequence[Series] = ()
    _x_range: Range | None = None
    _marks: Sequence[tuple[float, str]] = ()
    _cursor: float | None = None

    def show(
        self,
        series: Sequence[Series],
        x_range: Range | None = None,
        marks: Sequence[tuple[float, str]] = (),
        cursor: float | None = None,
    ) -> None:
        """Show `series`, over all their x unless `x_range` is given.

        `marks` are positions on the x axis, each with a sign of one character; at `cursor` there is a line, and what
        comes after it is faint.
        """
        self._series, self._x_range, self._marks, self._cursor = series, x_range, marks, cursor
        self.redraw()

    def watch_log_scale(self) -> None:
        self.redraw()

    def draw(self, canvas: Canvas) -> None:
        width, height = canvas.region.size
        top, bottom = int(height >= 3), 2 * int(height >= 5)
        values = [_points(series) for series in self._series]
        points = [(x, _log10(y)) for x, y in values] if self.log_scale else values
        asked = None if self._x_range is None else _extent([np.array(self._x_range, np.float64)])
        x_range = asked or _extent([x for x, _ in points])
        inside = [y[(x >= x_range[0]) & (x <= x_range[1])] for x, y in points] if x_range else []
        y_range = _extent(inside)
        if x_range is None or y_range is None:
            if top:
                self._draw_legend(canvas, 0, values)
            message = _why_empty([y for _, y in values], self.log_scale)
            _draw_message(canvas, Region(0, top, width, height - top), *message)
            return

        ticks, labels = self._y_ticks(y_range, (height - top - bottom) // 3)
        gutter = 1 + max((len(label) for label in labels), default=0)
        if not bottom or 3 * gutter > width:
            gutter = 0
        region = Region(gutter, top, width - gutter, height - top - bottom)
        plot = _Plot(region, x_range, y_range)
        if bottom:
            whole = all(np.array_equal(x, np.rint(x)) for x, _ in points)
            self._draw_axes(canvas, plot, ticks, labels, whole)
        for (x, y), series in zip(points, self._series, strict=True):
            if self._cursor is not None:  # what comes after it is behind
                drawing.curve(canvas, region, x, y, x_range, y_range, FAINT, series.dashed)
                x, y = x[x <= self._cursor], y[x <= self._cursor]
            drawing.curve(canvas, region, x, y, x_range, y_range, series.colour, series.dashed)
        if not canvas.colour:
            for number, (x, y) in enumerate(points):
                shown = np.flatnonzero(np.isfinite(y) & (x >= x_range[0]) & (x <= x_range[1]))
                if len(shown):
                    last = plot.column(x[shown[-1]]), plot.row(y[shown[-1]])
                    canvas.text(*last, _letter(number), bold=True)
        for position, sign in self._marks:
            if plot.shows(position):
                _draw_rule(canvas, plot, position, "┊", MUTED)
                canvas.text(plot.column(position), region.bottom - (not bottom), sign[:1], bold=True)
        if self._cursor is not None:
            _draw_rule(canvas, plot, self._cursor, "│", NONE)
        if top:
            self._draw_legend(canvas, gutter, values)

    def _y_ticks(self, y_range: Range, count: int) -> tuple[list[float], list[str]]:
        """Positions on the y axis and what to write there."""
        if not self.log_scale:
            ticks = drawing.nice_ticks(*y_range, max(count, 2))
            return ticks, drawing.tick_labels(ticks)
        low, high = (10.0 ** min(end, 308.0) for end in y_range)
        ticks = drawing.log_ticks(low, high, max(count, 2))
        return np.log10(ticks).tolist(), drawing.tick_labels(ticks)

    def _draw_axes(self, canvas: Canvas, plot: _Plot, ticks: list[float], labels: list[str], whole: bool) -> None:
        """The axes around the plot, x ticks being whole numbers if the data are."""
        left, y, width, height = plot.region
        if left:
            for row in range(y, y + height):
                canvas.text(left - 1, row, "│", MUTED)
            for tick, label in zip(ticks, labels, strict=True):
                canvas.text(0, plot.row(tick), label.rjust(left - 1) + "┤", MUTED)
        canvas.text(left - 1, y + height, "└" + "─" * width, MUTED)
        ticks = drawing.nice_ticks(*plot.x_range, max(width // 10, 2))
        ticks = [tick for tick in ticks if not whole or tick % 1 == 0]
        columns = [plot.column(tick) for tick in ticks]
        for column in columns:
            canvas.text(column, y + height, "┬", MUTED)
        pinned = None
        if self._cursor is not None and plot.shows(self._cursor):
            pinned = plot.column(self._cursor), drawing.format_number(self._cursor)
        draw_labels(canvas, y + height + 1, zip(columns, drawing.tick_labels(ticks), strict=True), pinned)

    def _draw_legend(self, canvas: Canvas, left: int, values: Sequence[tuple[Floats, Floats]]) -> None:
        """Names and values of the series; if there is no room, without values, and then only the first few."""
        if self.log_scale:
            canvas.text(0, 0, "log", MUTED)
            left = max(left, 4)
        names, newest = [], []
        for number, ((x, y), series) in enumerate(zip(values, self._series, strict=True)):
            sign = ("╍" if series.dashed else "━") if canvas.colour else _letter(number)
            names.append(f"{sign} {series.name}")
            known = y if self._cursor is None else y[x <= self._cursor]
            newest.append(known[-1] if len(known) else None)
        numbers = [f" {drawing.format_number(value)}" for value in newest]
        count, room = len(names), canvas.region.width - left
        if sum(map(len, names + numbers)) + 3 * (count - 1) > room:
            numbers = [""] * count
        while count > 1 and sum(map(len, names[:count])) + 3 * (count - (count == len(names))) > room:
            count -= 1
        for name, told, value, series in zip(names[:count], numbers, newest, self._series, strict=False):
            name = shorten(name, canvas.region.width - left)
            canvas.text(left, 0, name, series.colour)
            left += len(name)
            canvas.text(left, 0, told, NONE if value is None or isfinite(value) else FAULT, bold=True)
            left += len(told) + 3
        if count < len(names):
            canvas.text(left - 2, 0, f"+{len(names) - count}", MUTED)


class HistogramChart(Chart):
    """Up to three histograms side by side, each over its reference on the same axis."""

    _panels: Sequence[Panel] = ()

    def show(self, panels: Sequence[Panel]) -> None:
        """Show the first three `panels`. Both histograms of a panel are drawn as shares of their own total."""
        self._panels = panels[:3]
        self.redraw()

    def draw(self, canvas: Canvas) -> None:
        width, height = canvas.region.size
        count = min(len(self._panels), max((width + 2) // 12, 1))
        if not count:
            _draw_message(canvas, canvas.region, "no data yet", MUTED)
            return
        edges = [round(number * (width + 2) / count) for number in range(count + 1)]
        for (left, right), panel in zip(pairwise(edges), self._panels, strict=False):
            self._draw_panel(canvas, Region(left, 0, right - left - 2, height), panel)

    def _draw_panel(self, canvas: Canvas, region: Region, panel: Panel) -> None:
        x, _, width, height = region
        top, bottom = int(height >= 2), int(height >= 3)
        counts = _counts(panel.counts)
        if top:
            canvas.text(x, 0, shorten(panel.title, width), bold=True)
        inner = Region(x, top, width, height - top - bottom)
        histograms = [(panel.low, panel.high, counts)]
        if panel.reference is not None:
            histograms.append((*panel.reference[:2], _counts(panel.reference[2])))
        if not (counts.any() and isfinite(panel.low) and isfinite(panel.high)):
            _draw_message(canvas, inner, *_why_empty([np.array([panel.low, panel.high])] if counts.any() else []))
            return

        kept = [h for h in histograms if h[2].any() and isfinite(h[0]) and isfinite(h[1])]
        low, high = axis = _extent([np.array(h[:2], np.float64) for h in kept]) or (0.0, 1.0)
        shares = [_rebin(*histogram, axis, max(width, 1)) for histogram in kept]
        drawing.bars(canvas, inner, shares[0], SKY, shares[1] if len(shares) > 1 else None)
        if top and len(shares) > 1 and len(panel.title) + 9 <= width:
            canvas.text(x + width - 7, 0, ("▄" if canvas.colour else "░"), FAINT)
            canvas.text(x + width - 5, 0, "first", MUTED)
        if bottom:
            ends = [(x, drawing.format_number(low)), (x + width - 1, drawing.format_number(high))]
            zero = [(x + _cell(0.0, axis, width, 1), "0")] if low < 0 < high else []
            draw_labels(canvas, height - 1, ends + zero, None, x, x + width)


class HeatMap(Chart):
    """A matrix as coloured cells, a labelled row a line or more, columns being epochs from 0, over a legend."""

    _rows: Sequence[str] = ()
    _matrix = np.empty((0, 0))
    _range: Range = (0.0, 1.0)
    _cursor: int | None = None

    def show(self, rows: Sequence[str], matrix: ArrayLike, low: float, high: float, cursor: int | None = None) -> None:
        """Show `matrix`, shape (len(rows), epochs), coloured from `low` to `high`; a line at epoch `cursor`."""
        self._rows, self._range, self._cursor = rows, (low, high), cursor
        values = np.atleast_1d(np.asarray(matrix, np.float64))
        self._matrix = values.reshape(len(values), -1) if values.size else np.empty((0, 0))
        self.redraw()

    def draw(self, canvas: Canvas) -> None:
        width, height = canvas.region.size
        rows, epochs = self._matrix.shape
        if not (rows and epochs):
            _draw_message(canvas, canvas.region, "no data yet", MUTED)
            return
        legend = int(height >= 2 and height != rows)
        axis = int(height >= rows + 2 and height >= 3)
        room = height - legend - axis
        lines = max(room // rows, 1) * rows if room >= rows else room
        labels = self._row_labels(lines)
        gutter = min(max(map(len, labels.values()), default=0), width // 3) + 1
        for y, label in labels.items():
            canvas.text(0, y, shorten(label, gutter - 1), MUTED)
        region = Region(gutter, 0, max(width - gutter, 0), lines)
        drawing.heatmap(canvas, region, self._matrix, *self._range)
        pinned = None
        if self._cursor is not None and 0 <= self._cursor < epochs and region.area:
            column = self._column(region, self._cursor)
            pinned = column, str(self._cursor)
            for y in range(region.height):
                step = canvas.background[y, column]
                canvas.text(column, y, "│", NONE if step == NONE else INK if step >= RAMP[4] else PAPER)
        if axis:
            ticks = drawing.nice_ticks(0, epochs - 1, max(region.width // 10, 2))
            columns = [(self._column(region, int(tick)), str(int(tick))) for tick in ticks if tick % 1 == 0]
            draw_labels(canvas, lines, columns, pinned, gutter)
        if legend:
            y = lines + axis
            low, high = map(drawing.format_number, self._range)
            canvas.text(gutter, y, low, MUTED)
            steps = Region(gutter + len(low) + 1, y, 2 * len(RAMP), 1)
            drawing.heatmap(canvas, steps, np.arange(len(RAMP)), 0, len(RAMP) - 1)
            canvas.text(steps.right + 1, y, high, MUTED)

    def _column(self, region: Region, epoch: int) -> int:
        """The column in the middle of an epoch's cells."""
        return region.x + (2 * epoch + 1) * region.width // (2 * self._matrix.shape[1])

    def _row_labels(self, lines: int) -> dict[int, str]:
        """The label of each line at which a row, or the first of some rows pooled, begins."""
        rows = len(self._matrix)
        names = [*self._rows[:rows], *[""] * (rows - len(self._rows))]
        labels: dict[int, str] = {}
        previous = -1
        for y in range(lines):
            first, last = y * rows // lines, (y + 1) * rows // lines - 1
            if first != previous:
                labels[y] = names[first] if last <= first else f"{names[first]}–{names[last]}"
            previous = first
        return labels


def _points(series: Series) -> tuple[Floats, Floats]:
    x, y = (np.ravel(np.asarray(values, np.float64)) for values in (series.x, series.y))
    count = min(len(x), len(y))
    return x[:count], y[:count]


def _log10(values: Floats) -> Floats:
    """The logarithm of what is positive, NaN elsewhere."""
    logarithms: Floats = np.log10(np.where(values > 0, values, np.nan))
    return logarithms


def _extent(arrays: Sequence[Floats]) -> Range | None:
    """The least and the greatest finite value, widened if they are the same; None if there is none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    if not any(map(len, finite)):
        return None
    values = np.concatenate(finite)
    low, high = float(values.min()), float(values.max())
    if low == high:
        pad = abs(low) / 10 or 0.5
        low, high = max(low - pad, -_LARGEST), min(high + pad, _LARGEST)
    return low, high


def _why_empty(ys: Sequence[Floats], log: bool = False) -> tuple[str, int]:
    """Why a chart of these values has nothing to draw, and in which colour to say so."""
    if not any(map(len, ys)):
        return "no data yet", MUTED
    if not any(np.isfinite(y).any() for y in ys):
        return "no finite values", FAULT
    if log and not any((y > 0).any() for y in ys):
        return "nothing above zero", MUTED
    return "nothing in this range", MUTED


def _counts(counts: ArrayLike) -> Floats:
    """Counts made finite, not negative, and of a finite sum."""
    values = np.ravel(np.asarray(counts, np.float64))
    largest = _LARGEST / 2 / max(len(values), 1)  # halved: the sum may be rounded up
    return np.nan_to_num(values, nan=0.0, posinf=largest).clip(0, largest)


def _rebin(low: float, high: float, counts: Floats, axis: Range, bins: int) -> Floats:
    """The share of `counts` in each of `bins` equal parts of `axis`, a count spread evenly over its bin."""
    start, end = sorted(drawing.dots(np.array([low, high]), axis, bins + 1).tolist())
    if end - start < 1e-9:
        return np.where(np.arange(bins) == min(int(start), bins - 1), 1.0, 0.0)
    below = np.append(0.0, np.cumsum(counts / counts.sum()))
    shares: Floats = np.diff(np.interp(np.arange(bins + 1), np.linspace(start, end, len(below)), below))
    return shares


def _cell(value: float, scale: Range, cells: int, dots_per_cell: int) -> int:
    """The cell of `cells`, each of so many dots, that a finite value is drawn in."""
    dot = int(np.rint(drawing.dots(np.array(value), scale, cells * dots_per_cell)))
    return min(max(dot // dots_per_cell, 0), max(cells - 1, 0))


def _letter(number: int) -> str:
    return ascii_lowercase[number % 26]


def shorten(text: str, width: int) -> str:
    """The text in at most `width` characters (one if it is less), cut between words where that keeps half of it."""
    if len(text) <= max(width, 0):
        return text
    cut = text[: max(width - 1, 0)]
    space = cut.rfind(" ") if text[len(cut)] != " " else -1
    return (cut[:space] if 2 * space >= width else cut).rstrip(" ,:") + "…"


def _draw_message(canvas: Canvas, region: Region, message: str, colour: int) -> None:
    x = region.x + max((region.width - len(message)) // 2, 0)
    canvas.text(x, region.y + max(region.height - 1, 0) // 2, shorten(message, region.width), colour)


def _draw_rule(canvas: Canvas, plot: _Plot, x: float, sign: str, colour: int) -> None:
    """A vertical line at `x` through the cells that are empty."""
    if plot.shows(x) and plot.region.area:
        column, rows = plot.column(x), slice(plot.region.y, plot.region.bottom)
        empty = canvas.codes[rows, column] == ord(" ")
        canvas.codes[rows, column][empty] = ord(sign)
        canvas.foreground[rows, column][empty] = colour


def draw_labels(
    canvas: Canvas,
    y: int,
    labels: Iterable[tuple[int, str]],
    pinned: tuple[int, str] | None = None,
    left: int = 0,
    right: int | None = None,
) -> None:
    """Labels centred on their columns from `left` to `right`; one that has no room is left out, `pinned` last."""
    right = canvas.region.width if right is None else right
    taken: list[Range] = []
    for number, (column, label) in enumerate(([pinned] if pinned else []) + list(labels)):
        start = max(min(column - len(label) // 2, right - len(label)), left)
        end = start + len(label)
        if end <= right and all(end < begin or start > stop for begin, stop in taken):
            canvas.text(start, y, label, *((NONE, True) if pinned and number == 0 else (MUTED, False)))
            taken.append((start, end))
