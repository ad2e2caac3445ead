"""The branches: a tree with what became of each, and their losses over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.drawing import BLUE, GREEN, MUTED, ORANGE, PALETTES, PURPLE, SKY, VERMILLION, YELLOW, format_number
from tui.moment import tree
from tui.protocol import BranchInfo, Snapshot
from tui.widgets.charts import LineChart, Series, shorten

COLOURS = (SKY, ORANGE, GREEN, PURPLE, YELLOW, VERMILLION, BLUE)


class BranchesScreen(ModalScreen[int]):
    """Choose a branch: enter goes there."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,v,q", "dismiss", "close")]

    def __init__(self, snapshot: Snapshot, log_scale: bool) -> None:
        super().__init__()
        self.snapshot = snapshot
        self.branches = tree(snapshot.branches)
        self.list = OptionList(compact=True)
        self.chart = LineChart()
        self.chart.set_reactive(LineChart.log_scale, log_scale)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box wide-box tall-box") as box:
            box.border_title = f"Branches ({len(self.branches)})"
            box.border_subtitle = "enter goes there · esc closes"
            yield Static(id="branches-head", classes="muted")
            yield self.list
            yield self.chart

    def on_mount(self) -> None:
        self.list.focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        """The rows, as wide as there is room."""
        here = self.list.highlighted
        if here is None:
            here = next((i for i, b in enumerate(self.branches) if b.id == self.snapshot.branch), 0)
        rows = [self._cells(branch) for branch in self.branches]
        head = ("", "from", "epochs", "best loss", self.snapshot.metric_name)
        widths = [max(len(row[n]) for row in (head, *rows)) for n in range(1, len(head))]
        while widths and sum(widths) + 2 * len(widths) > self.list.size.width - 20:
            widths.pop(0 if len(widths) > 3 else -1)
        skipped = 1 + (len(widths) < 4)
        room = max(self.list.size.width - 4 - sum(widths) - 2 * len(widths), 8)

        def line(cells: Sequence[str]) -> str:
            numbers = "".join("  " + cell.rjust(w) for cell, w in zip(cells[skipped:], widths, strict=False))
            return shorten(cells[0], room).ljust(room) + numbers

        palette = PALETTES[self.app.current_theme.dark]
        options = []
        for number, (branch, cells) in enumerate(zip(self.branches, rows, strict=True)):
            style = "bold" if branch.id == self.snapshot.branch else ""
            options.append(Option(Text.assemble(("━ ", palette[COLOURS[number % len(COLOURS)]]), (line(cells), style))))
        self.query_one("#branches-head", Static).update(Text("  " + line(head), palette[MUTED]))
        self.list.set_options(options)
        self.list.highlighted = here

    def _cells(self, branch: BranchInfo) -> tuple[str, ...]:
        depth = 0
        parents = {b.id: b.parent for b in self.branches}
        parent = branch.parent
        while parent is not None:
            depth, parent = depth + 1, parents[parent]
        title = "  " * (depth - 1) + "╰ " * (depth > 0) + branch.title
        start = "" if branch.parent is None else format_number(round(branch.epoch, 2))
        best = (None if math.isnan(value) else value for value in (branch.best_loss, branch.best_metric))
        return title, start, *map(format_number, (branch.epochs, *best))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Its curve over the others."""
        series = []
        order = sorted(range(len(self.branches)), key=lambda n: n == event.option_index)
        for n in order:
            branch, colour = self.branches[n], COLOURS[n % len(COLOURS)]
            epochs, losses = [epoch for epoch, _ in branch.curve], [loss for _, loss in branch.curve]
            series.append(Series(branch.name, epochs, losses, colour))
        self.chart.border_title = f"Validation loss{' (log)' * self.chart.log_scale}"
        self.chart.show(series)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.branches[event.option_index].id)
