from __future__ import annotations

from math import floor, inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from tests.lanes import examples
from tui.drawing import FAINT, FAULT, MUTED, NONE, ORANGE, PALETTES, RAMP, SKY, Canvas
from tui.widgets.charts import Chart, HeatMap, HistogramChart, LineChart, Panel, Series

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=64)
ANY_VECTOR = hnp.arrays(np.float64, st.integers(0, 20), elements=ANY_FLOAT)
SIZE = st.one_of(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.tuples(st.integers(0, 130), st.integers(0, 40)))
NAME = st.text(max_size=12)


def drawn(chart: Chart, width: int, height: int, colour: bool = True) -> Canvas:
    canvas = Canvas(width, height, colour)
    chart.draw(canvas)
    return canvas


def line_chart(*series: Series, log: bool = False, **options: object) -> LineChart:
    chart = LineChart()
    chart.set_reactive(LineChart.log_scale, log)
    chart.show(series, **options)  # type: ignore[arg-type]
    return chart


def rows(canvas: Canvas) -> list[str]:
    return [row.rstrip() for row in str(canvas).split("\n")]


LOSS = Series("train", [0, 1, 2, 3, 4], [1.0, 0.5, 0.25, 0.125, 0.0625], SKY)
HISTOGRAM = Panel("weights", -1.0, 1.0, [1, 2, 4, 2, 1])


# --- line charts


def test_line_chart() -> None:
    assert rows(drawn(line_chart(LOSS), 24, 8)) == [
        "    ━ train 0.0625",
        "  1┤⠑⢄",
        "   │  ⠑⢄",
        "0.5┤    ⠑⢄⡀",
        "   │      ⠈⠑⠢⢄⡀",
        "   │          ⠈⠉⠑⠒⠢⠤⠤⠤⣀⣀",
        "   └┬─────────┬────────┬",
        "    0         2        4",
    ]


def test_line_chart_log_with_a_mark_and_the_cursor() -> None:
    canvas = drawn(line_chart(LOSS, log=True, marks=[(2, "◆"), (9, "◆")], cursor=3), 24, 8)
    assert rows(canvas) == [
        "log ━ train 0.125",
        "  1┤⠉⠒⠤⣀      ┊   │",
        "   │    ⠉⠒⠤⣀  ┊   │",
        "   │        ⠉⠒⠦⣀  │",
        "   │          ┊ ⠉⠒⠤⣀",
        "0.1┤          ┊   │ ⠉⠒⠤⣀",
        "   └┬─────────◆────────┬",
        "    0         2   3    4",
    ]
    assert canvas.bold[7, 18], "the cursor's label stands out"
    assert canvas.foreground[7].max() == MUTED


def test_line_chart_without_colour_names_its_curves_by_letters() -> None:
    dashed = Series("val", [0, 1, 2], [1.0, nan, 0.7], ORANGE, dashed=True)
    text = rows(drawn(line_chart(LOSS, dashed), 24, 8, colour=False))
    assert text[0] == "    a train   b val"
    assert text[2][14] == "b"
    assert text[5][23] == "a"


def test_line_chart_legend_leaves_out_what_has_no_room() -> None:
    series = [Series(f"layer {n}", [0], [0.123], SKY) for n in range(4)]
    chart = line_chart(*series)
    assert rows(drawn(chart, 80, 3))[0] == "   ".join(f"━ layer {n} 0.123" for n in range(4))
    assert rows(drawn(chart, 46, 3))[0] == "   ".join(f"━ layer {n}" for n in range(4))
    assert rows(drawn(chart, 32, 3))[0] == "━ layer 0   ━ layer 1 +2"


def test_line_chart_newest_value_that_is_not_finite_is_a_fault() -> None:
    canvas = drawn(line_chart(Series("loss", [0, 1], [1.0, nan], SKY)), 20, 5)
    start = rows(canvas)[0].index("nan")
    assert canvas.foreground[0, start : start + 3].tolist() == [FAULT] * 3


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([], {}, "no data yet"),
        ([nan, inf], {}, "no finite values"),
        ([-1.0, 0.0], {"log": True}, "nothing above zero"),
        ([1.0, 2.0], {"x_range": (5, 6)}, "nothing in this range"),
    ],
)
def test_line_chart_says_why_it_is_empty(y: list[float], options: dict[str, object], message: str) -> None:
    log = bool(options.pop("log", False))
    assert message in str(drawn(line_chart(Series("loss", range(len(y)), y, SKY), log=log, **options), 40, 7))


def test_line_chart_gap_where_a_logarithm_is_not_defined() -> None:
    y = [1.0, 1.0, 1.0, 0.0, -1.0, 0.1, 0.1, 0.1]
    text = rows(drawn(line_chart(Series("", np.arange(8), y, SKY), log=True), 20, 7))
    ink = [any(row[column : column + 1].strip("│┤ ") for row in text[1:5]) for column in range(4, 20)]
    assert 0 < ink.count(False) < 10
    assert ink[0]
    assert ink[-1]


def test_line_chart_x_ticks_of_epochs_are_whole() -> None:
    assert rows(drawn(line_chart(Series("loss", [0, 1], [1, 2], SKY)), 60, 8))[-1].split() == ["0", "1"]


# --- histograms


def test_histograms() -> None:
    chart = HistogramChart()
    chart.show([HISTOGRAM, Panel("grad", 0, 2, [4, 2, 1, 0], (0, 4, [1, 1, 1, 1]))])
    canvas = drawn(chart, 30, 6)
    assert rows(canvas) == [
        "weights         grad   ▄ first",
        "      ██        █▄",
        "     ▆██▆       ██",
        "  ▂████████▂    ███▄",
        "██████████████  █████▂▇▇▇▇▇▇▇▇",
        "-1    0      1  0            4",
    ]
    assert canvas.foreground[4, 22] == FAINT
    assert canvas.foreground[4, 16] == SKY


def test_histograms_fold_as_room_goes() -> None:
    chart = HistogramChart()
    chart.show([HISTOGRAM] * 5)
    assert rows(drawn(chart, 60, 6))[0].split() == ["weights"] * 3
    assert rows(drawn(chart, 20, 6))[0].split() == ["weights"]


def test_histogram_of_a_constant_is_one_bar() -> None:
    chart = HistogramChart()
    chart.show([Panel("bias", 0.0, 0.0, [0, 0, 128])])
    text = rows(drawn(chart, 21, 5))
    assert [row.strip() for row in text[1:4]] == ["█"] * 3
    assert text[4].split() == ["-0.5", "0", "0.5"]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "no data yet"),
        ([Panel("w", 0, 1, [])], "no data yet"),
        ([Panel("w", nan, nan, [1, 2])], "no finite values"),
    ],
)
def test_histogram_says_why_it_is_empty(panels: list[Panel], message: str) -> None:
    chart = HistogramChart()
    chart.show(panels)
    assert message in str(drawn(chart, 30, 5))


@pytest.mark.parametrize("bins", [1, 3, 64, 1000])
def test_histogram_of_infinite_counts_is_level(bins: int) -> None:
    chart = HistogramChart()
    chart.show([Panel("w", 0.0, 1.0, [inf] * bins)])
    assert rows(drawn(chart, 20, 4))[1:3] == ["█" * 20] * 2


# --- heat maps


def heat_map() -> HeatMap:
    chart = HeatMap()
    chart.show(["1 Linear", "2 Linear", "3 Linear"], np.arange(36.0).reshape(3, 12), 0, 35, cursor=7)
    return chart


def test_heat_map_without_colour() -> None:
    assert rows(drawn(heat_map(), 34, 5, colour=False)) == [
        "1 Linear            ····│·········",
        "2 Linear ·····░░░░░░░░▒▒│▒▒▒▒▒▓▓▓▓",
        "3 Linear ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│█████████",
        "          0         5   7    10",
        "         0   ····░░▒▒▓▓▓▓██ 35",
    ]


def test_heat_map_in_colour() -> None:
    canvas = drawn(heat_map(), 34, 5)
    assert canvas.background[0, 9] == RAMP[0]
    assert canvas.background[2, 33] == RAMP[7]
    assert canvas.background[0, 8] == NONE
    assert canvas.background[4, 11:27].tolist() == np.repeat(RAMP, 2).tolist()


def test_heat_map_uses_its_room() -> None:
    assert rows(drawn(heat_map(), 34, 7))[3:5] == rows(drawn(heat_map(), 34, 5))[3:], "the axis is below the rows"
    labels = [[row[:8].strip() for row in rows(drawn(heat_map(), 34, height))] for height in (8, 3, 2)]
    assert labels[0] == ["1 Linear", "", "2 Linear", "", "3 Linear", "", "", ""]
    assert labels[1] == ["1 Linear", "2 Linear", "3 Linear"]
    assert labels[2] == ["1 Linear", ""]


def test_heat_map_names_pooled_rows() -> None:
    chart = HeatMap()
    chart.show([str(n) for n in range(1, 13)], np.zeros((12, 3)), 0, 1)
    assert [row.split()[0] for row in rows(drawn(chart, 30, 4, colour=False))[:3]] == ["1–4", "5–8", "9–12"]
    chart.show(["a long name", "another one"], np.zeros((2, 3)), 0, 1)
    assert rows(drawn(chart, 18, 2, colour=False)) == ["a lon…", "anoth…"]


# --- nothing raises


SERIES = st.builds(Series, NAME, ANY_VECTOR, ANY_VECTOR, st.integers(0, 7), st.booleans())
PANEL = st.builds(
    Panel,
    NAME,
    ANY_FLOAT,
    ANY_FLOAT,
    ANY_VECTOR,
    st.none() | st.tuples(ANY_FLOAT, ANY_FLOAT, ANY_VECTOR),
)


@st.composite
def line_charts(draw: st.DrawFn) -> LineChart:
    return line_chart(
        *draw(st.lists(SERIES, max_size=4)),
        log=draw(st.booleans()),
        x_range=draw(st.none() | st.tuples(ANY_FLOAT, ANY_FLOAT)),
        marks=draw(st.lists(st.tuples(ANY_FLOAT, st.text(max_size=2)), max_size=3)),
        cursor=draw(st.none() | ANY_FLOAT),
    )


@st.composite
def histogram_charts(draw: st.DrawFn) -> HistogramChart:
    chart = HistogramChart()
    chart.show(draw(st.lists(PANEL, max_size=4)))
    return chart


@st.composite
def heat_maps(draw: st.DrawFn) -> HeatMap:
    chart = HeatMap()
    matrix = draw(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, min_side=0, max_side=9), elements=ANY_FLOAT))
    chart.show(
        draw(st.lists(NAME, max_size=9)), matrix, draw(ANY_FLOAT), draw(ANY_FLOAT), draw(st.none() | st.integers())
    )
    return chart


@examples(300)
@given(st.one_of(line_charts(), histogram_charts(), heat_maps()), SIZE, st.booleans())
def test_charts_never_raise(chart: Chart, size: tuple[int, int], colour: bool) -> None:
    strips = drawn(chart, *size, colour).strips()
    assert len(strips) == size[1]
    for strip in strips:
        assert sum(segment.cell_length for segment in strip) == size[0]


@given(hnp.arrays(np.float64, (3, 7), elements=st.floats(-1e3, 1e3)), st.integers(20, 100), st.integers(8, 20))
def test_heat_map_has_the_right_step(matrix: np.ndarray, width: int, height: int) -> None:
    chart = HeatMap()
    chart.show(["a", "b", "c"], matrix, -1e3, 1e3)
    canvas = drawn(chart, width, height)
    for row in range(3):
        for epoch in range(7):
            y = row * ((height - 2) // 3)
            x = 2 + ((2 * epoch + 1) * (width - 2)) // 14
            part = (matrix[row, epoch] + 1e3) / 2e3 * 8
            steps = {min(max(floor(part + error), 0), 7) for error in (-1e-9, 1e-9)}
            assert canvas.background[y, x] - RAMP[0] in steps


# --- in an app


class Gallery(App[None]):
    CSS = "Chart { border: round white; }"

    def compose(self) -> ComposeResult:
        yield LineChart(id="line")
        yield HistogramChart(id="histogram")
        yield HeatMap(id="heat")


def content(widget: Widget) -> list[str]:
    return [widget.render_line(y).text for y in range(widget.size.height)]


async def fill(pilot: Pilot[None]) -> tuple[LineChart, HistogramChart, HeatMap]:
    app = pilot.app
    line, histogram, heat = app.query_one(LineChart), app.query_one(HistogramChart), app.query_one(HeatMap)
    line.show([LOSS])
    histogram.show([HISTOGRAM])
    heat.show(["1 Linear"], [[0.0, 0.5, 1.0]], 0, 1)
    await pilot.pause()
    return line, histogram, heat


async def test_charts_in_an_app_and_after_a_resize() -> None:
    async with Gallery().run_test(size=(80, 24)) as pilot:
        charts = await fill(pilot)
        for width, height in ((80, 24), (40, 12), (1, 1), (120, 50)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            for chart in charts:
                assert [len(row) for row in content(chart)] == [chart.size.width] * chart.size.height
        assert "train 0.0625" in content(charts[0])[0]
        assert content(charts[1])[0].startswith("weights")
        assert content(charts[2])[0].startswith("1 Linear")


async def test_charts_keep_their_strips_until_something_changes() -> None:
    async with Gallery().run_test(size=(80, 24)) as pilot:
        line, _, _ = await fill(pilot)
        first = line.render_line(1)
        assert line.render_line(1) is first
        line.show([LOSS], cursor=2)
        assert line.render_line(1) is not first
        assert not any(row.startswith("log") for row in content(line))
        line.log_scale = True
        assert content(line)[0].startswith("log")


async def test_charts_follow_the_theme() -> None:
    async with Gallery().run_test(size=(80, 24)) as pilot:
        line, _, _ = await fill(pilot)

        def colours() -> set[str]:
            segments = [segment for y in range(line.size.height) for segment in line.render_line(y)]
            return {s.style.color.name for s in segments if s.style is not None and s.style.color is not None}

        assert PALETTES[True][SKY] in colours()
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert PALETTES[False][SKY] in colours()
        assert PALETTES[True][SKY] not in colours()


async def test_charts_read_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with Gallery().run_test(size=(80, 24)) as pilot:
        line, _, heat = await fill(pilot)
        assert content(line)[0].strip().startswith("a train")
        steps = content(heat)[0].removeprefix("1 Linear ")
        assert list(dict.fromkeys(steps)) == [" ", "▒", "█"]
        styles = [segment.style for segment in heat.render_line(0)]
        assert len({style.bgcolor for style in styles if style is not None}) == 1
