"""Drawing in character cells: curves in braille, bars in eighth blocks, heat maps, half-block pictures.

Everything draws on a `Canvas`, arrays of characters and palette indices, and a canvas becomes the strips of
a Textual widget. Nothing here raises for any numbers or sizes: NaN is a gap, infinity is drawn at the edge,
and what a region or a canvas has no room for is left out. A canvas without colour uses signs instead.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor, isfinite, log10

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.numbers import format_number as format_number

Floats = NDArray[np.float64]
Indices = NDArray[np.int16]
Range = tuple[float, float]

NONE = -1
"""No palette colour: the text or background colour of the widget."""

ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE, GREY = range(8)
MUTED, FAINT, WARNING, FAULT, INK, PAPER = range(8, 14)
"""Axes and labels; what is behind; amber; red; near-black and near-white for signs on the steps of the ramp."""

RAMP = range(14, 22)
"""The eight steps of the heat-map ramp, dark to bright."""

# Like viridis, from the 6x6x6 cube that 256-colour terminals show exactly; CIE lightness 21 to 98.
_RAMP_RGB = ("5f005f", "5f00af", "005faf", "008787", "00af87", "5fd75f", "d7d700", "ffff5f")
# Okabe and Ito, "Color Universal Design" (2008), the blue lightened for dark themes and all darkened for
# light ones, so that each has a contrast of at least 3:1 to the theme's surface.
_DARK = ("e69f00", "56b4e9", "009e73", "f0e442", "1f85cc", "d55e00", "cc79a7", "999999")
_LIGHT = ("996600", "1a7db8", "007a55", "7a7a00", "003f73", "c04000", "a8467f", "6b6b6b")
PALETTES = {
    True: tuple(f"#{rgb}" for rgb in (*_DARK, "8a8a8a", "626262", "ffaf00", "ff5f5f", "101010", "f0f0f0", *_RAMP_RGB)),
    False: tuple(
        f"#{rgb}" for rgb in (*_LIGHT, "666666", "b2b2b2", "8f5f00", "c00000", "101010", "f0f0f0", *_RAMP_RGB)
    ),
}
"""The colour of each palette index, by whether the theme is dark."""

EIGHTHS = " ▁▂▃▄▅▆▇█"
# What stands for a colour where there is none, by palette index; the last for NONE.
_SIGNS = np.array([ord(sign) for sign in "░▒▓█·+o-░·▒▓█ " + " ··░▒▓▓█" + "x"], np.uint32)
_EIGHTHS = np.array([ord(block) for block in EIGHTHS], np.uint32)
_SPACE, _BRAILLE, _UPPER, _LOWER, _SHADE = (ord(sign) for sign in " ⠀▀▄░")
_BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
_DASH, _DASH_PERIOD = 5, 8  # in dots
_FAR = 1e9  # dots; beyond any screen, and exact arithmetic in float64


class Canvas:
    """A grid of `width` x `height` cells, each a character, two palette indices (-1: none) and a bold flag.

    With `colour=False` palette indices are dropped and the drawing functions use signs instead.
    """

    def __init__(self, width: int, height: int, colour: bool = True) -> None:
        shape = max(height, 0), max(width, 0)
        self.region = Region(0, 0, shape[1], shape[0])
        self.colour = colour
        self.codes = np.full(shape, _SPACE, "<u4")
        self.foreground = np.full(shape, NONE, np.int16)
        self.background = np.full(shape, NONE, np.int16)
        self.bold = np.zeros(shape, np.bool_)

    def window(self, region: Region) -> tuple[slice, slice]:
        """The rows and columns of the part of `region` that is on the canvas, to index its arrays."""
        x, y, width, height = self.region.intersection(region)
        return slice(y, y + height), slice(x, x + width)

    def text(self, x: int, y: int, string: str, colour: int = NONE, bold: bool = False) -> None:
        """Write a line of text, cut at the edges; the background stays.

        A character that is not one cell wide becomes `?`.
        """
        width, height = self.region.size
        if not (string.isascii() and string.isprintable()):
            string = "".join(c if c.isprintable() and cell_len(c) == 1 else "?" for c in string)
        string, x = string[max(-x, 0) :][: max(width - max(x, 0), 0)], max(x, 0)
        if string and 0 <= y < height:
            cells = y, slice(x, x + len(string))
            self.codes[cells] = np.frombuffer(string.encode("utf-32-le"), "<u4")
            self.foreground[cells] = colour
            self.bold[cells] = bold

    def strips(self, base: Style | None = None, dark: bool = True) -> list[Strip]:
        """The rows as strips, equal styles merged. `base` is the widget's style, `dark` its theme's kind."""
        width, height = self.region.size
        if not width * height:
            return [Strip([], 0)] * height
        base = base or Style.null()
        if self.colour:
            key = (self.foreground.astype(np.int32) + 1) * 128 + (self.background + 1) * 2 + self.bold
        else:
            key = self.bold.astype(np.int32)
        first = np.ones(key.shape, np.bool_)
        np.not_equal(key[:, 1:], key[:, :-1], out=first[:, 1:])
        starts = np.flatnonzero(first)
        text = self.codes.tobytes().decode("utf-32-le")
        rows: list[list[Segment]] = [[] for _ in range(height)]
        runs = zip(starts.tolist(), [*starts[1:].tolist(), len(text)], key.flat[starts].tolist(), strict=True)
        for start, end, style in runs:
            rows[start // width].append(Segment(text[start:end], _style(style, base, dark)))
        return [Strip(row, width) for row in rows]

    def strip(self, y: int, base: Style | None = None, dark: bool = True) -> Strip:
        """Row `y` as a strip; a blank one outside the canvas."""
        if not 0 <= y < self.region.height:
            return Strip.blank(self.region.width, base)
        row = Canvas(self.region.width, 1, self.colour)
        for name in ("codes", "foreground", "background", "bold"):
            setattr(row, name, getattr(self, name)[y : y + 1])
        return row.strips(base, dark)[0]

    def __str__(self) -> str:
        return "\n".join(row.tobytes().decode("utf-32-le") for row in self.codes)


@lru_cache(4096)
def _style(key: int, base: Style, dark: bool) -> Style:
    palette = PALETTES[dark]
    foreground, background = key // 128 - 1, key % 128 // 2 - 1
    return base + Style(
        color=Color.parse(palette[foreground]) if foreground >= 0 else None,
        bgcolor=Color.parse(palette[background]) if background >= 0 else None,
        bold=bool(key % 2) or None,
    )


def curve(
    canvas: Canvas,
    region: Region,
    x: ArrayLike,
    y: ArrayLike,
    x_range: Range,
    y_range: Range,
    colour: int,
    dashed: bool = False,
) -> None:
    """Join the points (x, y) by lines in braille, 2 x 4 dots a cell.

    NaN is a gap, an infinite coordinate is at the edge, and lines are cut at the ranges. Dots of several
    curves share a cell, which has the colour of the last.
    """
    rows, columns = canvas.window(region)
    wide, high = 2 * (columns.stop - columns.start), 4 * (rows.stop - rows.start)
    px, py = np.ravel(np.asarray(x, np.float64)), np.ravel(np.asarray(y, np.float64))
    count = min(len(px), len(py))
    if not (wide and high and count):
        return
    px, py = dots(px[:count], x_range, wide), dots(py[:count], y_range, high)

    point = np.isfinite(px) & np.isfinite(py)
    joined = point[:-1] & point[1:]
    alone = point & ~np.append(joined, False) & ~np.append(False, joined)
    start = np.concatenate([np.flatnonzero(joined), np.flatnonzero(alone)])
    end = start + np.repeat([1, 0], [joined.sum(), alone.sum()])
    x0, y0, dx, dy = px[start], py[start], px[end] - px[start], py[end] - py[start]

    # Liang and Barsky (1984): the part t0..t1 of each segment that is inside the picture.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = np.stack([(-0.5 - x0) / dx, (-0.5 - y0) / dy])
        b = np.stack([(wide - 0.5 - x0) / dx, (high - 0.5 - y0) / dy])
    flat = np.stack([dx, dy]) == 0
    t0 = np.where(flat, 0.0, np.minimum(a, b)).max(axis=0).clip(0)
    t1 = np.where(flat, 1.0, np.maximum(a, b)).min(axis=0).clip(max=1)
    beside = (flat[0] & ((x0 < -0.5) | (x0 > wide - 0.5))) | (flat[1] & ((y0 < -0.5) | (y0 > high - 0.5)))
    seen = (t0 <= t1) & ~beside
    x0, y0, dx, dy, t0, t1 = (values[seen] for values in (x0, y0, dx, dy, t0, t1))

    # A dot for each column of a flat segment, each row of a steep one, all segments at once.
    steep = np.abs(dy) > np.abs(dx)
    begin, along = np.where(steep, y0, x0), np.where(steep, dy, dx)
    first, last = _nearest(begin + t0 * along), _nearest(begin + t1 * along)
    many = np.abs(last - first) + 1
    segment = np.repeat(np.arange(len(many)), many)
    step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    dot = first[segment] + step * np.sign(along)[segment]
    t = (dot - begin[segment]) / np.where(along == 0, 1, along)[segment]
    t = t.clip(t0[segment], t1[segment])
    if dashed:
        length = np.abs(along)
        drawn = ((np.cumsum(length) - length)[segment] + t * length[segment]) % _DASH_PERIOD < _DASH
        segment, t = segment[drawn], t[drawn]
    column = _nearest(x0[segment] + t * dx[segment]).clip(0, wide - 1)
    row = high - 1 - _nearest(y0[segment] + t * dy[segment]).clip(0, high - 1)
    grid = np.zeros((high, wide), np.uint32)
    grid[row, column] = 1
    bits = np.einsum("yaxb,ab->yx", grid.reshape(high // 4, 4, wide // 2, 2), _BRAILLE_BITS)

    codes = canvas.codes[rows, columns]
    inked = bits > 0
    codes[inked] = bits[inked] | np.where((codes[inked] ^ _BRAILLE) < 256, codes[inked], _BRAILLE)
    canvas.foreground[rows, columns][inked] = colour
    canvas.bold[rows, columns][inked] = False


def _nearest(positions: Floats) -> NDArray[np.int64]:
    """The nearest dots, ties up and beyond rounding errors, so that no diagonal has a gap."""
    return np.floor(positions + (0.5 + 1e-6)).astype(np.int64)


def dots(values: Floats, scale: Range, count: int) -> Floats:
    """Positions on `count` dots, the ends of `scale` on the first and the last; the middle if it is empty."""
    # Quarters, here and in `_level`: the span of two large numbers overflows.
    low, high = scale[0] / 4, scale[1] / 4
    if not (isfinite(low) and isfinite(high) and low < high):
        return np.where(np.isnan(values), np.nan, (count - 1) / 2)
    with np.errstate(over="ignore"):
        position = ((values / 4 - low) / (high - low) * (count - 1)).clip(-_FAR, _FAR)
    return np.where(np.isinf(values), position.clip(0, count - 1), position)


def bars(canvas: Canvas, region: Region, counts: ArrayLike, colour: int, reference: ArrayLike | None = None) -> None:
    """Histogram bars in eighth blocks from the bottom of `region`, a dim `reference` histogram behind.

    Both are scaled by the highest bar of the two. More bins than columns are pooled, fewer are widened; what
    is not zero is at least an eighth high.
    """
    rows, columns = canvas.window(region)
    width, height = columns.stop - columns.start, rows.stop - rows.start
    if not (width and height):
        return
    both = np.zeros((2, width))
    for row, source in enumerate((counts, reference)):
        values = np.ravel(np.asarray(() if source is None else source, np.float64))
        if len(values):
            finite = np.nan_to_num(pool(values, width), nan=0.0, posinf=np.finfo(np.float64).max)
            both[row] = np.maximum(finite, 0)
    top = both.max()
    if top == 0:
        return
    eighths = np.where(both > 0, np.maximum(np.rint(both / top * (8 * height)), 1), 0)
    full = np.arange(height - 1, -1, -1)[:, None] * 8  # eighths below each row
    front, behind = ((heights - full).clip(0, 8).astype(np.intp) for heights in eighths)

    codes, foreground = canvas.codes[rows, columns], canvas.foreground[rows, columns]
    shown = front > 0
    codes[shown], foreground[shown] = _EIGHTHS[front[shown]], colour
    canvas.background[rows, columns][shown & (front < 8) & (behind == 8)] = FAINT
    only = ~shown & (behind > 0)
    codes[only] = _EIGHTHS[behind[only]] if canvas.colour else np.where(behind[only] < 4, _SPACE, _SHADE)
    foreground[only] = FAINT


def sparkline(values: ArrayLike, width: int, low: float, high: float) -> str:
    """`width` characters of ▁▂▃▄▅▆▇█, from `low` and below to `high` and above; NaN is a blank.

    More values than characters are pooled, fewer are followed by blanks; an empty range is drawn half high.
    """
    data = np.ravel(np.asarray(values, np.float64))
    if width <= 0:
        return ""
    level = _level(pool(data, width) if len(data) > width else data, low, high, 8)
    return "".join(EIGHTHS[step + 1] for step in level.tolist()).ljust(width)


def ramp(values: ArrayLike, low: float, high: float) -> Indices:
    """The palette index of each value on the ramp from `low` to `high`; `NONE` for NaN. Shape as `values`."""
    level = _level(np.asarray(values, np.float64), low, high, len(RAMP))
    return np.where(level < 0, NONE, level + RAMP.start).astype(np.int16)


def _level(values: Floats, low: float, high: float, count: int) -> NDArray[np.intp]:
    """Which of `count` equal parts of low..high each value is in, -1 for NaN; the middle if it is empty."""
    gap = np.isnan(values)
    if not (isfinite(low) and isfinite(high) and low / 4 < high / 4):
        return np.where(gap, -1, (count - 1) // 2)
    with np.errstate(over="ignore"):
        part = (np.where(gap, low, values) / 4 - low / 4) / (high / 4 - low / 4) * count
    return np.where(gap, -1, part.clip(0, count - 1).astype(np.intp))


def heatmap(canvas: Canvas, region: Region, matrix: ArrayLike, low: float, high: float) -> None:
    """Fill `region` with the values of `matrix`, shape (rows, columns), on the ramp from `low` to `high`.

    Too many rows or columns are pooled by their mean without NaN, too few are stretched; NaN is left blank.
    Without colour the steps are ` ·░▒▓█` and NaN is `x`.
    """
    values = np.atleast_2d(np.asarray(matrix, np.float64))
    rows, columns = canvas.window(region)
    shape = rows.stop - rows.start, columns.stop - columns.start
    if values.size and all(shape):
        steps = ramp(pool(pool(values, shape[1]), shape[0], axis=0), low, high)
        canvas.background[rows, columns] = steps
        canvas.codes[rows, columns] = _SPACE if canvas.colour else _SIGNS[steps]


def half_blocks(canvas: Canvas, region: Region, matrix: ArrayLike) -> None:
    """Fill `region` with a picture of palette indices, shape (rows, columns), two rows of it a row of cells.

    The picture is resized to the nearest pixel; -1 is blank. Use `ramp` to make indices of values.
    """
    rows, columns = canvas.window(region)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    picture = np.atleast_2d(np.asarray(matrix, np.int16))
    if not (picture.size and height and width):
        return
    nearest_row = (np.arange(2 * height) * 2 + 1) * picture.shape[0] // (4 * height)
    nearest_column = (np.arange(width) * 2 + 1) * picture.shape[1] // (2 * width)
    pixels = picture[nearest_row[:, None], nearest_column]
    top, bottom = pixels[::2], pixels[1::2]
    if not canvas.colour:
        canvas.codes[rows, columns] = _SIGNS[top]
        return
    lower = top < 0
    codes = np.where(lower, _LOWER, _UPPER)
    codes[lower & (bottom < 0)] = _SPACE
    canvas.codes[rows, columns] = codes
    canvas.foreground[rows, columns] = np.where(lower, bottom, top)
    canvas.background[rows, columns] = np.where(lower, NONE, bottom)


def pool(values: Floats, count: int, axis: int = -1) -> Floats:
    """Resize an axis, which must not be empty, to `count`.

    If it is longer, by means without NaN (NaN if there is nothing else); by repeating if it is shorter.
    """
    size = values.shape[axis]
    edges = np.arange(count) * size // count
    if size <= count:
        taken: Floats = np.take(values, edges, axis)
        return taken
    gap = np.isnan(values)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(np.where(gap, 0.0, values), edges, axis)
        mean: Floats = total / np.add.reduceat(~gap, edges, axis, dtype=np.int64)
    return mean


def nice_ticks(low: float, high: float, n: int) -> list[float]:
    """At most `n` + 1 round numbers in low..high, a multiple of 1, 2 or 5 times a power of ten apart."""
    span = high / 2 - low / 2
    if not (isfinite(span) and span > 0 and n > 0):
        return [low] if isfinite(low) else []
    exponent = max(floor(log10(span) - log10(n / 2)), -300)
    for multiple, up in ((1, 0), (2, 0), (5, 0), (1, 1), (2, 1)):
        power = exponent + up
        step = float(f"{multiple}e{power}")
        first, last = ceil(low / step), floor(high / step)
        if last - first <= n:
            break
    # k * multiple / 10^-power is the nearest float to the round number; k * step need not be.
    scale = float(f"1e{abs(power)}")
    whole = [k * float(multiple) for k in range(first, last + 1)][: n + 1]
    return [k * scale if power >= 0 else k / scale for k in whole]


def log_ticks(low: float, high: float, n: int) -> list[float]:
    """At most `n` + 1 ticks for a logarithmic axis over low..high, both positive.

    Powers of ten; if fewer than two fit, also 2 and 5 times these, or else any round numbers.
    """
    if not (0 < low <= high and isfinite(high) and n > 0):
        return []
    first, last = floor(log10(low)), ceil(log10(high))
    powers = [p for p in range(first, last + 1) if low <= float(f"1e{p}") <= high]
    if len(powers) >= 2:
        stride = ceil(len(powers) / (n + 1))
        return [float(f"1e{p}") for p in powers if p % stride == 0] or [float(f"1e{powers[0]}")]
    ticks = [float(f"{m}e{p}") for p in range(first, last + 1) for m in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks[: n + 1] if len(ticks) >= 2 else [tick for tick in nice_ticks(low, high, n) if tick > 0]


def tick_labels(ticks: list[float]) -> list[str]:
    """A label for each tick, with as many digits as tell them apart."""
    labels = [format_number(tick).replace(".0e", "e") for tick in ticks]
    digits = 4
    while len(set(labels)) < len(set(ticks)) and digits <= 17:
        labels = [f"{tick:.{digits}g}" for tick in ticks]
        digits += 1
    return labels
