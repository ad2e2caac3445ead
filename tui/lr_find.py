"""`nn-debug lr-find`: the learning-rate range test without the screen, as a chart in characters and a suggestion."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import IO

import numpy as np
from textual.geometry import Region

from tinygrad_nn.training import Experiment, Hyperparameters, LRRangeTest, lr_range_test
from tinygrad_nn.training.export import dumps

from .console import console
from .drawing import SKY, Canvas, curve, log_ticks, nice_ticks, tick_labels
from .exits import Exit
from .parsing import failed
from .streams import safe, say

WIDTH, HEIGHT = 100, 12  # of the chart at the most, in cells; without its axes


def run(experiment: Experiment, hyperparameters: Hyperparameters, batches: int, output: IO[bytes] | None = None) -> int:
    """Test, draw the curve and suggest, or write that to `output` as JSON. The exit code: 2 without a suggestion."""
    try:
        test = lr_range_test(experiment, hyperparameters, batches=batches)
    except BaseException as error:
        return failed(experiment.name, error)
    code = Exit.CANNOT if test.suggestion is None else Exit.FINE
    if output is not None:
        output.write((dumps({"experiment": experiment.name, **asdict(test)}) + "\n").encode(sys.stdout.encoding))
        return code
    screen = console()
    screen.print(f"{safe(experiment.name)}: learning-rate range test, {len(test.lrs)} batches")
    say(chart(test, min(screen.width, WIDTH)))
    screen.print(test.why)
    if test.suggestion is not None:
        screen.print(f"suggested: --set lr={test.suggestion:g}", style="bold")
    return code


def chart(test: LRRangeTest, width: int) -> str:
    """The smoothed loss over the learning rate, which is on a logarithmic scale; the suggestion is marked by ▲."""
    losses = np.array(test.smoothed)
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return "no loss was a finite number"
    low, high = float(finite.min()), min(float(finite.max()), 2 * float(finite[0]))  # not only the divergence
    high = max(high, low + 1e-9)
    x_range = float(np.log10(test.lrs[0])), float(np.log10(test.lrs[-1])) + 1e-9
    rows = nice_ticks(low, high, 4)
    labels = tick_labels(rows)
    left = max(map(len, labels), default=0) + 2
    canvas = Canvas(width, HEIGHT + 2, colour=False)
    plot = Region(left, 0, max(width - left, 1), HEIGHT)

    def column(lr: float) -> int:
        share = (np.log10(lr) - x_range[0]) / (x_range[1] - x_range[0])
        return plot.x + round(float(share.clip(0, 1)) * (plot.width - 1))

    for y in range(HEIGHT):
        canvas.text(left - 1, y, "│")
    for loss, label in zip(rows, labels, strict=True):
        y = round((high - loss) / (high - low) * (HEIGHT - 1))
        canvas.text(left - 2 - len(label), y, label)
        canvas.text(left - 1, y, "┤")
    canvas.text(left - 1, HEIGHT, "└" + "─" * plot.width)
    ticks = log_ticks(test.lrs[0], test.lrs[-1], max(plot.width // 12, 1))
    for lr, label in zip(ticks, tick_labels(ticks), strict=True):
        canvas.text(column(lr), HEIGHT, "┬")
        canvas.text(min(max(column(lr) - len(label) // 2, left), width - len(label)), HEIGHT + 1, label)
    if test.suggestion is not None:
        canvas.text(column(test.suggestion), HEIGHT, "▲")
    curve(canvas, plot, np.log10(test.lrs), losses, x_range, (low, high), SKY)
    return "\n".join(line.rstrip() for line in f"{canvas}".splitlines())
