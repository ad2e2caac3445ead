"""The chart of the range test, for any curve and any width."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_nn.training import LRRangeTest
from tui.lr_find import HEIGHT, chart


def curve(smoothed: list[float], suggestion: float | None = None) -> LRRangeTest:
    lrs = tuple(np.geomspace(1e-5, 1.0, len(smoothed)).tolist())
    return LRRangeTest(lrs, tuple(smoothed), tuple(smoothed), suggestion, "")


def test_the_suggestion_is_marked_below_its_learning_rate():
    lines = chart(curve([3.0, 2.0, 1.0, 1.0, 4.0, 9.0], 0.01), 90).splitlines()
    assert len(lines) == HEIGHT + 2
    axis = lines[HEIGHT]
    start = axis.index("└") + 1
    assert (axis.index("▲") - start) / (89 - start) == pytest.approx(3 / 5, abs=0.02)
    assert "0.1" in lines[-1]


@pytest.mark.parametrize("width", [1, 5, 12, 40, 200])
@pytest.mark.parametrize(
    "smoothed",
    [[1.0], [1.0] * 30, [0.0] * 5, [math.nan], [2.0, math.inf], [1e30, 1.0], [1e-30, 1e-31], [-1.0, -2.0, math.nan]],
    ids=str,
)
def test_any_curve_is_drawn_within_the_width(smoothed, width):
    lines = chart(curve(smoothed, 0.001), width).splitlines()
    assert len(lines) in (1, HEIGHT + 2)
    assert max(map(len, lines)) <= max(width, len("no loss was a finite number"))
