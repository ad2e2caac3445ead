from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rich.color import Color, ColorSystem
from rich.style import Style
from textual.geometry import Region

from tui import drawing
from tui.drawing import (
    FAINT,
    FAULT,
    GREEN,
    GREY,
    MUTED,
    NONE,
    ORANGE,
    PALETTES,
    RAMP,
    SKY,
    WARNING,
    Canvas,
    bars,
    curve,
    format_number,
    half_blocks,
    heatmap,
    log_ticks,
    nice_ticks,
    pool,
    ramp,
    sparkline,
    tick_labels,
)

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=64)
ANY_VECTOR = hnp.arrays(np.float64, st.integers(0, 40), elements=ANY_FLOAT)
ANY_MATRIX = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=ANY_FLOAT)
SIZE = st.tuples(st.integers(0, 24), st.integers(0, 8))
REGION = st.builds(Region, st.integers(-5, 30), st.integers(-5, 12), st.integers(0, 40), st.integers(0, 15))
PAIR = st.tuples(ANY_FLOAT, ANY_FLOAT)


def draw_curve(width: int, height: int, x: list[float], y: list[float], **options: bool) -> str:
    canvas = Canvas(width, height)
    end = max(len(x) - 1, 1)
    curve(canvas, canvas.region, x, y, (0, end), (0, 1), SKY, **options)
    return str(canvas)


def rgb(colour: str) -> tuple[int, int, int]:
    triplet = Color.parse(colour).triplet
    assert triplet is not None
    return triplet


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(rgb(colour)) / 255]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


# --- canvas


def test_canvas_merges_equal_styles() -> None:
    canvas = Canvas(8, 2)
    canvas.text(1, 0, "ab", ORANGE)
    canvas.text(3, 0, "cd", SKY, bold=True)
    first, second = canvas.strips()
    assert [segment.text for segment in first] == [" ", "ab", "cd", "   "]
    assert [segment.style for segment in first] == [
        Style(),
        Style(color="#e69f00"),
        Style(color="#56b4e9", bold=True),
        Style(),
    ]
    assert [segment.text for segment in second] == [" " * 8]
    assert canvas.strip(0) == first
    assert canvas.strip(7).text == " " * 8


def test_canvas_keeps_the_base_style_and_picks_the_palette_of_the_theme() -> None:
    canvas = Canvas(2, 1)
    canvas.text(0, 0, "a", GREEN)
    coloured, plain = canvas.strips(Style.parse("#123456 on #654321"), dark=False)[0]
    assert coloured.style == Style.parse("#007a55 on #654321")
    assert plain.style == Style.parse("#123456 on #654321")


def test_canvas_text_is_cut_at_the_edges_and_keeps_the_background() -> None:
    canvas = Canvas(4, 1)
    canvas.background[:] = RAMP[2]
    canvas.text(-2, 0, "abcdefgh", ORANGE)
    canvas.text(0, 5, "below")
    canvas.text(9, 0, "beside")
    assert str(canvas) == "cdef"
    assert (canvas.background == RAMP[2]).all()


def test_canvas_text_holds_only_characters_of_one_cell() -> None:
    canvas = Canvas(8, 1)
    canvas.text(0, 0, "é漢\n\ud800→x")
    assert str(canvas) == "é???→x  "
    assert canvas.strip(0).cell_length == 8


def test_canvas_without_colour_has_no_colour() -> None:
    canvas = Canvas(4, 1, colour=False)
    canvas.text(0, 0, "ab", ORANGE, bold=True)
    canvas.background[:] = RAMP[0]
    styles = [segment.style for segment in canvas.strip(0)]
    assert [(style.color, style.bgcolor, style.bold) for style in styles if style is not None] == [
        (None, None, True),
        (None, None, None),
    ]


# --- palette


@pytest.mark.parametrize(("dark", "surfaces"), [(True, ("#121212", "#1e1e1e")), (False, ("#e0e0e0", "#d8d8d8"))])
def test_palette_reads_on_the_theme(dark: bool, surfaces: tuple[str, ...]) -> None:
    for index in (*range(ORANGE, GREY + 1), MUTED, WARNING, FAULT):
        for surface in surfaces:
            assert contrast(PALETTES[dark][index], surface) >= 3, (index, surface)
    assert contrast(PALETTES[dark][FAINT], surfaces[0]) < contrast(PALETTES[dark][MUTED], surfaces[0])


@pytest.mark.parametrize("dark", [True, False])
def test_series_differ_in_256_colours(dark: bool) -> None:
    numbers = [
        Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT).number for colour in PALETTES[dark][ORANGE : GREY + 1]
    ]
    assert len(set(numbers)) == len(numbers)


def test_ramp_is_exact_in_256_colours_and_brightens() -> None:
    colours = [PALETTES[True][index] for index in RAMP]
    assert colours == [PALETTES[False][index] for index in RAMP]
    assert all(level in (0, 95, 135, 175, 215, 255) for colour in colours for level in rgb(colour))
    lightness = [116 * luminance(colour) ** (1 / 3) - 16 for colour in colours]
    assert np.diff(lightness).min() > 5


# --- curves


def test_curve_diagonal() -> None:
    assert draw_curve(4, 2, [0, 1], [0, 1]) == "  ⡠⠊\n⡠⠊  "


def test_curve_gap_at_nan() -> None:
    assert draw_curve(5, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 0, nan, nan, 0, 0, 0, 0]) == "⣀⣀ ⣀⣀"


def test_curve_single_points() -> None:
    assert draw_curve(2, 1, [0, 1, 2, 3], [0, nan, nan, 1]) == "⡀⠈"


def test_curve_infinity_is_at_the_edge() -> None:
    assert draw_curve(2, 2, [0, 1, 2, 3], [inf, inf, -inf, -inf]) == "⢹ \n ⣇"
    assert draw_curve(3, 1, [0, 1, 2, 3, 4, 5], [inf] * 6) == "⠉⠉⠉"
    assert draw_curve(3, 1, [0, 1, 2, 3, 4, 5], [-inf] * 6) == "⣀⣀⣀"


def test_curve_is_cut_at_its_range_with_its_slope() -> None:
    canvas, whole = Canvas(6, 3), Canvas(6, 3)
    curve(canvas, canvas.region, [-10, 20], [-10, 20], (0, 1), (0, 1), SKY)
    curve(whole, whole.region, [0, 1], [0, 1], (0, 1), (0, 1), SKY)
    assert str(canvas) == str(whole)
    curve(canvas := Canvas(6, 3), canvas.region, [0, 1], [5, 6], (0, 1), (0, 1), SKY)
    assert str(canvas).strip() == ""


def test_curve_dashed() -> None:
    assert draw_curve(8, 1, [0, 1], [0, 0], dashed=True) == "⣀⣀⡀ ⣀⣀⡀ "


def test_curves_share_cells_and_the_last_has_the_colour() -> None:
    canvas = Canvas(2, 1)
    curve(canvas, canvas.region, [0, 1], [0, 0], (0, 1), (0, 1), SKY)
    curve(canvas, canvas.region, [0, 0.4], [1, 1], (0, 1), (0, 1), ORANGE)
    assert str(canvas) == "⣉⣀"
    assert canvas.foreground.tolist() == [[ORANGE, SKY]]


@given(hnp.arrays(np.float64, st.integers(2, 60), elements=st.floats(0, 1)))
def test_curve_is_joined(y: np.ndarray) -> None:
    """Every column of dots between the first and the last point has ink."""
    canvas = Canvas(30, 6)
    curve(canvas, canvas.region, np.arange(len(y)), y, (0, len(y) - 1), (0, 1), SKY)
    bits = np.bitwise_or.reduce(np.where(canvas.codes == ord(" "), 0, canvas.codes & 0xFF), axis=0)
    assert (bits & 0b01000111 != 0).all()
    assert (bits & 0b10111000 != 0).all()


# --- bars and sparklines


def test_bars() -> None:
    canvas = Canvas(5, 2)
    bars(canvas, canvas.region, [0, 1, 8, 16, 4], SKY)
    assert str(canvas) == "   █ \n ▁██▄"


def test_bars_over_a_reference() -> None:
    canvas = Canvas(3, 1)
    bars(canvas, canvas.region, [4, 0, 8], SKY, reference=[8, 2, 0])
    assert str(canvas) == "▄▂█"
    assert canvas.foreground.tolist() == [[SKY, FAINT, SKY]]
    assert canvas.background.tolist() == [[FAINT, NONE, NONE]]


def test_bars_over_a_reference_without_colour() -> None:
    canvas = Canvas(3, 1, colour=False)
    bars(canvas, canvas.region, [4, 0, 0], SKY, reference=[8, 8, 2])
    assert str(canvas) == "▄░ "


def test_bars_of_nothing() -> None:
    canvas = Canvas(3, 1)
    bars(canvas, canvas.region, [nan, 0, -3], SKY)
    assert str(canvas) == "   "


def test_sparkline() -> None:
    assert sparkline(range(8), 8, 0, 7) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, nan, 1], 6, 0, 1) == "▁ █   "
    assert sparkline([-inf, inf], 2, 0, 1) == "▁█"
    assert sparkline([3, 3], 2, 3, 3) == "▄▄"
    assert sparkline([0, 0, 1, 1, nan, nan, 1, nan], 4, 0, 1) == "▁█ █"
    assert sparkline([], 3, 0, 1) == "   "
    assert sparkline([1], 0, 0, 1) == ""


# --- heat maps and pictures


def test_heatmap_steps() -> None:
    canvas = Canvas(8, 1)
    heatmap(canvas, canvas.region, [np.arange(8)], 0, 7)
    assert canvas.background.tolist() == [list(RAMP)]
    assert str(canvas) == " " * 8


def test_heatmap_without_colour() -> None:
    canvas = Canvas(9, 1, colour=False)
    heatmap(canvas, canvas.region, [[*np.arange(8), nan]], 0, 7)
    assert str(canvas) == " ··░▒▓▓█x"


def test_heatmap_pools_and_stretches() -> None:
    canvas = Canvas(2, 2)
    heatmap(canvas, canvas.region, [[0, nan, 7, 7]], 0, 7)
    assert canvas.background.tolist() == [[RAMP[0], RAMP[7]]] * 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ramp_rises_with_the_value(values: list[float], low: float, span: float) -> None:
    steps = ramp(sorted(values), low, low + span)
    assert (np.diff(steps) >= 0).all()
    assert set(steps.tolist()) <= set(RAMP)
    assert ramp([low - 1, low + 2 * span, -inf, inf, nan], low, low + span).tolist() == [
        RAMP[0],
        RAMP[7],
        RAMP[0],
        RAMP[7],
        NONE,
    ]


def test_half_blocks() -> None:
    canvas = Canvas(4, 1)
    half_blocks(canvas, canvas.region, [[ORANGE, ORANGE, NONE, NONE], [SKY, NONE, SKY, NONE]])
    assert str(canvas) == "▀▀▄ "
    assert canvas.foreground.tolist() == [[ORANGE, ORANGE, SKY, NONE]]
    assert canvas.background.tolist() == [[SKY, NONE, NONE, NONE]]


def test_half_blocks_take_the_nearest_pixel() -> None:
    canvas = Canvas(4, 2)
    half_blocks(canvas, canvas.region, [[ORANGE, SKY], [GREEN, GREY]])
    assert canvas.foreground.tolist() == [[ORANGE, ORANGE, SKY, SKY], [GREEN, GREEN, GREY, GREY]]
    assert (canvas.background == canvas.foreground).all()


def test_half_blocks_without_colour_tell_series_apart() -> None:
    canvas = Canvas(9, 1, colour=False)
    half_blocks(canvas, canvas.region, [[*range(ORANGE, GREY + 1), NONE]])
    assert len(set(str(canvas))) == 9


def test_pool() -> None:
    assert pool(np.array([1.0, 3.0, nan, 5.0, nan, nan]), 3).tolist()[:2] == [2.0, 5.0]
    assert np.isnan(pool(np.array([1.0, nan, nan]), 2)[1])
    assert pool(np.array([1.0, 2.0]), 4).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert pool(np.arange(6.0).reshape(3, 2), 1, axis=0).tolist() == [[2.0, 3.0]]


# --- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (nan, "nan"),
        (-inf, "-inf"),
        (0, "0"),
        (-0.0, "0"),
        (0.012, "0.012"),
        (3.14e-5, "3.1e-05"),
        (-4e-4, "-4.0e-04"),
        (0.00099996, "0.001"),
        (504, "504"),
        (1024, "1024"),
        (999.96, "1k"),
        (12_400, "12.4k"),
        (1_234_567, "1.23M"),
        (999_999, "1M"),
        (2.5e13, "2.5e+13"),
        (np.float32(0.5), "0.5"),
    ],
)
def test_format_number(value: float | None, text: str) -> None:
    assert format_number(value) == text


def test_nice_ticks() -> None:
    assert nice_ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert nice_ticks(0.04, 0.65, 2) == [0.2, 0.4, 0.6]
    assert nice_ticks(-130, 260, 4) == [-100, 0, 100, 200]
    assert nice_ticks(3, 3, 4) == [3]
    assert nice_ticks(nan, 1, 4) == []


def test_log_ticks() -> None:
    assert log_ticks(1e-7, 0.3, 6) == [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert log_ticks(1e-7, 0.3, 3) == [1e-6, 1e-4, 1e-2]
    assert log_ticks(0.2, 0.9, 4) == [0.2, 0.5]
    assert log_ticks(0.61, 0.64, 4) == [0.61, 0.62, 0.63, 0.64]
    assert log_ticks(0, 1, 4) == []


def test_tick_labels_tell_ticks_apart() -> None:
    assert tick_labels([1e-5, 1.0]) == ["1e-05", "1"]
    assert tick_labels([1000.001, 1000.002]) == ["1000.001", "1000.002"]


@given(PAIR, st.integers(1, 20))
def test_ticks_are_few_and_inside(pair: tuple[float, float], n: int) -> None:
    low, high = pair
    for ticks in (nice_ticks(low, high, n), log_ticks(low, high, n)):
        assert len(ticks) <= n + 1
        assert len(tick_labels(ticks)) == len(ticks)
        assert ticks == sorted(ticks)
        if low < high:
            slack = 1e-9 * max(abs(low), abs(high))
            assert all(low - slack <= tick <= high + slack for tick in ticks)


# --- nothing raises, whatever the data, the size and the region


@given(SIZE, REGION, st.booleans(), ANY_VECTOR, ANY_VECTOR, PAIR, PAIR, ANY_MATRIX, st.data())
def test_drawing_never_raises(
    size: tuple[int, int],
    region: Region,
    colour: bool,
    x: np.ndarray,
    y: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    matrix: np.ndarray,
    data: st.DataObject,
) -> None:
    canvas = Canvas(*size, colour=colour)
    half_blocks(canvas, region, ramp(matrix, *x_range))
    heatmap(canvas, region, matrix, *y_range)
    bars(canvas, region, x, ORANGE, data.draw(st.sampled_from([None, y])))
    curve(canvas, region, x, y, x_range, y_range, SKY, data.draw(st.booleans()))
    canvas.text(region.x, region.y, data.draw(st.text(st.characters(), max_size=30)))
    assert len(sparkline(x, size[0], *y_range)) == size[0]
    strips = canvas.strips()
    assert len(strips) == size[1]
    for strip in strips:
        assert strip.cell_length == size[0]
        assert sum(segment.cell_length for segment in strip) == size[0]


@given(ANY_FLOAT)
def test_format_number_is_short(value: float) -> None:
    assert len(format_number(value)) <= 9


def test_signs_cover_the_palette() -> None:
    assert len(drawing._SIGNS) == len(PALETTES[True]) + 1 == len(PALETTES[False]) + 1
