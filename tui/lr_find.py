"""`nn-debug lr-find`: the learning-rate range test without the screen, as a chart in characters and a suggestion."""

from __future__ import annotations

import sys

import numpy as np
from rich.console import Console
from textual.geometry import Region

from tinygrad_nn.training import Experiment, Hyperparameters, LRRangeTest, lr_range_test
from tinygrad_nn.training.files import user_traceback

from .drawing import SKY, Canvas, curve, log_ticks, nice_ticks, tick_labels

WIDTH, HEIGHT = 100, 12  # of the chart at the most, in cells; without its axes


def run(experiment: Experiment, hyperparameters: Hyperparameters, batches: int) -> int:
    """Test, draw the curve and suggest. 0 fine, 1 no learning rate could be suggested, 2 the experiment failed."""
    try:
        test = lr_range_test(experiment, hyperparameters, batches=batches)
    except Exception as error:
        print(f"nn-debug: {experiment.name} failed\n{user_traceback(error)}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    console.print(f"{experiment.name}: learning-rate range test, {len(test.lrs)} batches")
    print(chart(test, min(console.width, WIDTH)))
    console.print(test.why)
    if test.suggestion is None:
        return 1
    console.print(f"suggested: --set lr={test.suggestion:g}", style="bold")
    return 0


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
