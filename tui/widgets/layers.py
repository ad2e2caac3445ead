"""The table of layers: gradients now and by epoch, update ratios, dead and saturated shares."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tinygrad_nn.records import LayerRecord
from tui import drawing
from tui.drawing import FAULT, MUTED, NONE, WARNING, Canvas, format_number
from tui.history import Columns
from tui.protocol import Snapshot

from .charts import Chart

SIGNS = {"fault": ("●", FAULT), "warning": ("◐", WARNING), "information": ("○", NONE)}
SPARK = 8


class LayersTable(Chart, can_focus=True):
    """One row a layer; up and down select one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "select(-1)", "layer up", show=False),
        Binding("down,j", "select(1)", "layer down", show=False),
    ]

    class Selected(Message):
        """Another layer has been selected; counted from 0."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    snapshot: Snapshot | None = None
    columns: Columns | None = None
    selected = 0
    _top = 0

    def show(self, snapshot: Snapshot, columns: Columns) -> None:
        self.snapshot = snapshot
        self.columns = columns
        self.selected = min(self.selected, max(len(snapshot.layers) - 1, 0))
        self._scroll()
        self.redraw()

    def action_select(self, by: int) -> None:
        if self.snapshot is not None and self.snapshot.layers:
            self._select(self.selected + by)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y > 0:
            self._select(self._top + offset.y - 1)

    def _select(self, index: int) -> None:
        if self.snapshot is None or not self.snapshot.layers:
            return
        self.selected = min(max(index, 0), len(self.snapshot.layers) - 1)
        self._scroll()
        self.redraw()
        self.post_message(self.Selected(self.selected))

    def on_resize(self) -> None:
        self._scroll()

    def _scroll(self) -> None:
        """Keep the selected layer in sight, and say so when there are more than are seen."""
        rows, count = max(self.size.height - 1, 1), len(self.snapshot.layers) if self.snapshot else 0
        self._top = max(min(max(self._top, self.selected - rows + 1), self.selected, count - rows), 0)
        self.border_subtitle = f"{self._top + 1}–{self._top + rows} of {count}" if count > rows else ""

    def draw(self, canvas: Canvas) -> None:
        width, height = canvas.region.size
        if self.snapshot is None or self.columns is None or not self.snapshot.layers:
            canvas.text(0, 0, "no layers yet", MUTED)
            return
        layers = self.snapshot.layers
        rows = max(height - 1, 1)
        history = self.columns.gradients[:, : len(self.snapshot.history)]
        low, high = self.columns.gradient_range
        label_width = max(len("layer"), *(len(x.label) for x in layers))
        columns = self._columns(width, label_width)
        for title, x, w in columns:
            canvas.text(x, 0, title.ljust(w) if title in ("layer", "by epoch") else title.rjust(w), MUTED)
        severities = {i: f.severity for f in reversed(self.snapshot.findings) for i in f.layers}
        for y, layer in enumerate(layers[self._top : self._top + rows], start=1):
            sign, colour = SIGNS[severities.get(layer.index, "information")]
            chosen = self._top + y - 1 == self.selected
            if chosen:
                canvas.text(0, y, "▸", bold=True)
            canvas.text(1, y, sign, colour)
            canvas.text(2, y, str(layer.index).rjust(2), MUTED)
            for title, x, w in columns:
                if title == "by epoch":
                    values = history[layer.index - 1] if layer.index <= len(history) else ()
                    canvas.text(x, y, drawing.sparkline(values, w, low, high), MUTED if colour == NONE else colour)
                    continue
                text, tone = _cell(title, layer)
                text = text[: w - 1] + "…" if len(text) > w else text
                canvas.text(
                    x,
                    y,
                    text if title == "layer" else text.rjust(w),
                    colour if title == "|∇| RMS" else tone,
                    bold=chosen and title == "layer",
                )

    def _columns(self, width: int, label_width: int) -> list[tuple[str, int, int]]:
        """(title, x, width) of the columns that fit; the least important are left out first."""
        wanted = [
            ("layer", label_width),
            ("params", 7),
            ("|∇| RMS", 7),
            ("by epoch", SPARK),
            ("|Δw|/|w|", 8),
            ("zero/sat", 8),
        ]
        for expendable in (None, "params", "by epoch", "|Δw|/|w|"):
            wanted = [(t, w) for t, w in wanted if t != expendable]
            free = width - 4 - sum(w + 1 for _, w in wanted)
            if free >= 0:
                break
        else:
            wanted[0] = ("layer", max(label_width + free, 6))
        columns, x = [], 5
        for title, w in wanted:
            if title == "by epoch":
                w += min(max(free, 0), 24)
            columns.append((title, x, w))
            x += w + 1
        return columns


def _cell(title: str, layer: LayerRecord) -> tuple[str, int]:
    match title:
        case "layer":
            return layer.label, NONE
        case "params":
            return format_number(layer.parameters), MUTED
        case "|∇| RMS":
            return format_number(layer.gradient_rms), NONE
        case "|Δw|/|w|":
            return _known(layer.update_ratio), NONE
        case _ if not math.isnan(layer.zero_fraction):
            return f"{layer.zero_fraction:.0%} zero", NONE
        case _ if not math.isnan(layer.saturated_fraction):
            return f"{layer.saturated_fraction:.0%} sat", NONE
        case _:
            return "–", MUTED


def _known(value: float) -> str:
    return "–" if math.isnan(value) else format_number(value)
