"""The main screen: layers, gradient flow, histograms, loss, metric, findings, hyperparameters."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tinygrad_nn.records import Histogram
from tui.drawing import ORANGE, SKY
from tui.history import Columns
from tui.protocol import Snapshot
from tui.widgets.charts import HeatMap, HistogramChart, LineChart, Panel, Series
from tui.widgets.findings import FindingsPane
from tui.widgets.hyperparameters import HyperparameterPane
from tui.widgets.keys import KeysFooter
from tui.widgets.layers import LayersTable
from tui.widgets.status import StatusLine
from tui.widgets.timeline import Timeline

MINIMUM_SIZE = (60, 18)
WIDE_FROM = (110, 30)  # from here on all panes are seen at once
HEAVY_EVERY = 0.25  # seconds between redraws of the charts while the run goes on

PANES = ("layers", "flow", "histograms", "loss", "findings", "hyperparameters")
TITLES = ("Layers", "Gradient flow", "Histograms", "Loss", "Findings", "Values")
SHORT_TITLES = ("Layers", "Flow", "Histograms", "Loss", "Findings", "Values")

LAYER_KEYS: list[BindingType] = [
    Binding("up,k", "screen.select_layer(-1)", "layer up", show=False),
    Binding("down,j", "screen.select_layer(1)", "layer down", show=False),
]


class LossChart(LineChart, can_focus=True):
    """A line chart that takes the focus, to be zoomed and explained; so do the two below."""


class FlowMap(HeatMap, can_focus=True):
    """The gradient flow."""

    BINDINGS: ClassVar[list[BindingType]] = LAYER_KEYS


class Histograms(HistogramChart, can_focus=True):
    """The selected layer's histograms."""

    BINDINGS: ClassVar[list[BindingType]] = LAYER_KEYS


class MainScreen(Screen[None]):
    """Everything about the run at one moment."""

    AUTO_FOCUS = "#layers"

    snapshot: Snapshot | None = None
    pane = "loss"  # next to the layers, where not all fit
    _drawn_at = 0.0
    _drawn: Snapshot | None = None

    def __init__(self) -> None:
        super().__init__()
        self.columns = Columns()
        # Kept by name: a snapshot may still come in while the screen is being taken down.
        self.status_line = StatusLine(id="status")
        self.tabs = Static(id="tabs")
        self.layers_table = LayersTable(id="layers")
        self.flow = FlowMap(id="flow")
        self.histograms = Histograms(id="histograms")
        self.loss = LossChart(id="loss")
        self.metric = LossChart(id="metric")
        self.findings = FindingsPane(id="findings")
        self.hyperparameters = HyperparameterPane(id="hyperparameters")
        self.timeline = Timeline(id="timeline")
        self.too_small = Static(id="too-small")
        # Not when they are mounted: the first snapshot, which names the layer, may be there before.
        self.layers_table.border_title = "1 Layers"
        self.flow.border_title = "2 Gradient flow  log10 RMS, layer × epoch"
        self.histograms.border_title = "3 Histograms"
        self.loss.border_title = "4 Loss"

    def compose(self) -> ComposeResult:
        # Not when it is mounted: the first snapshot may have been drawn by then, and titles say what they show.
        self.layers_table.border_title = "1 Layers"
        self.flow.border_title = "2 Gradient flow  log10 RMS, layer × epoch"
        self.histograms.border_title = "3 Histograms"
        self.loss.border_title = "4 Loss"
        yield self.status_line
        yield self.tabs
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield self.layers_table
                yield self.flow
                yield self.histograms
            with Vertical(id="middle"):
                with Horizontal(id="curves"):
                    yield self.loss
                    yield self.metric
                yield self.findings
            yield self.hyperparameters
        yield self.timeline
        yield self.too_small
        yield KeysFooter(show_command_palette=False)

    def on_mount(self) -> None:
        self._arrange()

    # --- room

    def on_resize(self, event: events.Resize) -> None:
        size = event.size
        small = size.width < MINIMUM_SIZE[0] or size.height < MINIMUM_SIZE[1]
        self.set_class(small, "too-small")
        self.set_class(not small and size.width >= WIDE_FROM[0] and size.height >= WIDE_FROM[1], "wide")
        self.too_small.update(
            f"{size.width}x{size.height} is too small: nn-debug needs {MINIMUM_SIZE[0]}x{MINIMUM_SIZE[1]}"
        )
        self.timeline.fit()
        self._arrange()

    def go_to(self, pane: str) -> None:
        """Show a pane and give it the focus."""
        if pane != "layers":
            self.pane = pane
            self._arrange()
        target: Widget = self.query_one(f"#{pane}")
        if isinstance(target, HyperparameterPane):
            target = target.list
        target.focus()

    def focused_widget(self) -> Widget:
        """The pane or the chart that has the focus, as a whole."""
        for node in self.focused.ancestors_with_self if self.focused is not None else ():
            if isinstance(node, Widget) and node.id in (*PANES, "metric"):
                return node
        return self.layers_table

    def focused_pane(self) -> str:
        """The name of the pane that has the focus; the metric belongs to the loss."""
        name = self.focused_widget().id
        return name if name in PANES else "loss"

    def _arrange(self) -> None:
        """In little room: the layers, and one other pane."""
        wide = self.has_class("wide")
        for pane in PANES[1:]:
            shown = wide or pane == self.pane
            self.query_one(f"#{pane}").display = shown
            if pane == "loss":
                self.query_one("#curves").display = shown
        self.query_one("#left").set_class(not wide and self.pane in PANES[1:3], "both")
        self.query_one("#middle").display = wide or self.pane in ("loss", "findings")
        titles, gap = (TITLES, "  ") if self.size.width >= 74 else (SHORT_TITLES, " ")
        tabs = gap.join(
            f"[@click=app.pane({n})]{'[b]' if p == self.pane else '[dim]'}{n} {t}[/][/]"
            for n, (p, t) in enumerate(zip(PANES, titles, strict=True), start=1)
        )
        self.tabs.update(tabs)

    # --- content

    def show(self, snapshot: Snapshot) -> None:
        """Draw what is new; the charts not too often while the run goes on."""
        failed_now = snapshot.state == "failed" and (self.snapshot is None or self.snapshot.state != "failed")
        self.snapshot = snapshot
        self.status_line.show(snapshot)
        if snapshot.state != "starting":  # what is being loaded has its own
            self.hyperparameters.show(snapshot.hyperparameters)
        self.findings.show(snapshot)
        self.timeline.show(snapshot)
        if failed_now:  # the traceback is there, which nothing may hide
            self.minimize()
            self.go_to("findings")
        if snapshot.state != "running" or time.monotonic() - self._drawn_at >= HEAVY_EVERY:
            self.draw_charts()

    def draw_charts(self) -> None:
        snapshot, before = self.snapshot, self._drawn
        if snapshot is None or snapshot is before:
            return
        self._drawn, self._drawn_at = snapshot, time.monotonic()
        columns = self.columns
        columns.follow(snapshot.known)
        self.layers_table.show(snapshot, columns)
        if before is None or any(
            getattr(before, name)[-1:] != getattr(snapshot, name)[-1:] for name in ("history", "known", "changes")
        ):
            cursor = snapshot.epoch if len(snapshot.history) < len(snapshot.known) else None
            self._show_curves(snapshot, cursor)
            labels = [str(x.index) for x in snapshot.layers]
            self.flow.show(labels, columns.gradients, *columns.gradient_range, cursor)
        self.show_histograms()

    def _show_curves(self, snapshot: Snapshot, cursor: int | None) -> None:
        marks = [(change.epoch, "◆") for change in snapshot.changes]
        for chart, name in ((self.loss, "loss"), (self.metric, "metric")):
            epochs = self.columns.curve("epoch")
            series = [
                Series("train", epochs, self.columns.curve(f"train_{name}"), ORANGE),
                Series("val", epochs, self.columns.curve(f"val_{name}"), SKY, dashed=True),
            ]
            chart.show(series, (0, max([1, *epochs[-1:], *(at for at, _ in marks)])), marks, cursor)
        self.metric.border_title = snapshot.metric_name.capitalize()

    def show_histograms(self) -> None:
        """The selected layer, now over epoch 0."""
        snapshot, chart = self.snapshot, self.histograms
        selected = self.layers_table.selected
        if snapshot is None or selected >= len(snapshot.layers):
            return
        now = snapshot.layers[selected]
        first = next((x for x in snapshot.history[0].layers if x.name == now.name), None) if snapshot.history else None
        panels = []
        for title in ("weights", "gradients", "activations"):
            shown: Histogram = getattr(now, title)
            then: Histogram | None = getattr(first, title) if first is not None and first is not now else None
            reference = (then.low, then.high, then.counts) if then is not None else None
            panels.append(Panel(title, shown.low, shown.high, shown.counts, reference))
        chart.border_title = f"3 Layer {now.index}: {now.label}"
        chart.show(panels)

    def action_select_layer(self, by: int) -> None:
        self.layers_table.action_select(by)

    def on_layers_table_selected(self) -> None:
        self.show_histograms()
