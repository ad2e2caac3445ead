"""The panel of hyperparameters: select, edit in place, nudge."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from tinygrad_nn.nn.init import auto
from tinygrad_nn.training import KNOBS, Hyperparameters, Knob
from tui.drawing import MUTED, NONE, Canvas

from .charts import Chart

NAMES = tuple(KNOBS)


class Changed(Message):
    """The user asks for another value, already checked."""

    def __init__(self, knob: Knob, value: Any) -> None:
        super().__init__()
        self.knob = knob
        self.value = value


class ValueField(Input):
    """A field to type a value in; the footer tells how to get out of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "apply", key_display="enter"),
        Binding("escape", "cancel", "leave as it was", key_display="esc"),
    ]

    class Cancelled(Message):
        """The value stays as it was."""

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())


class HyperparameterList(Chart, can_focus=True):
    """Names and values; up and down select one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "select(-1)", "up", show=False),
        Binding("down,j", "select(1)", "down", show=False),
        Binding("enter", "app.edit", "edit", show=False),
    ]

    class Selected(Message):
        """Another hyperparameter has been selected, or there is room for more or fewer of them."""

    values: Hyperparameters | None = None
    selected = NAMES.index("lr")
    _top = 0

    @property
    def knob(self) -> Knob:
        """The selected one."""
        return KNOBS[NAMES[self.selected]]

    def show(self, values: Hyperparameters) -> None:
        if values is not self.values:
            self.values = values
            self.redraw()

    def action_select(self, by: int) -> None:
        self._select(self.selected + by)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None:
            again = self._top + offset.y == self.selected
            self._select(self._top + offset.y)
            if again:
                self.app.call_later(self.app.run_action, "edit")

    def _select(self, index: int) -> None:
        self.selected = min(max(index, 0), len(NAMES) - 1)
        self._scroll()
        self.redraw()

    def on_resize(self) -> None:
        self._scroll()

    def _scroll(self) -> None:
        """Keep the selected one in sight."""
        rows = max(self.size.height, 1)
        self._top = max(min(max(self._top, self.selected - rows + 1), self.selected, len(NAMES) - rows), 0)
        self.post_message(self.Selected())

    @property
    def part(self) -> str:
        """Which of them are seen, when that is not all."""
        rows = self.size.height
        return f"{self._top + 1}–{self._top + rows} of {len(NAMES)}" if rows < len(NAMES) else ""

    def draw(self, canvas: Canvas) -> None:
        width, height = canvas.region.size
        if self.values is None or height < 1:
            return
        for y, name in enumerate(NAMES[self._top : self._top + height]):
            knob = KNOBS[name]
            chosen = self._top + y == self.selected
            value = knob.show(getattr(self.values, name))
            room = width - 16
            value = value if len(value) <= room else value[: max(room - 1, 0)] + "…"
            canvas.text(0, y, "▸" if chosen else " ", bold=True)
            canvas.text(1, y, "~" if knob.in_flight else " ", MUTED)
            canvas.text(2, y, knob.label, NONE if chosen else MUTED, bold=chosen)
            canvas.text(16, y, value, bold=chosen)


class HyperparameterPane(Vertical):
    """The list, a field to type in, and what the selected one means."""

    ALLOW_MAXIMIZE = True

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.list = HyperparameterList(id="hyperparameter-list")
        self.field = ValueField(id="value", compact=True)
        self.refusal = Static(id="refusal", markup=False)
        self.help_text = Static(id="knob-help", markup=False)

    def compose(self) -> ComposeResult:
        yield self.list
        yield self.field
        yield self.refusal
        yield self.help_text

    def on_mount(self) -> None:
        self.border_title = "6 Hyperparameters"
        self._explain()
        self._leave_field()

    def show(self, values: Hyperparameters) -> None:
        if values is self.list.values:
            return
        self.list.show(values)
        if self.list.knob.name == "init":  # its explanation depends on the values
            self._explain()

    def edit(self) -> None:
        """Open the field on the selected hyperparameter."""
        values, field = self.list.values, self.field
        if values is None:
            return
        field.display = True
        field.value = self.list.knob.show(getattr(values, self.list.knob.name))
        field.focus()
        field.action_select_all()

    def nudge(self, direction: int) -> None:
        """Ask for the next value up or down."""
        values, knob = self.list.values, self.list.knob
        if values is None:
            return
        now = getattr(values, knob.name)
        value = knob.nudged(now, direction)
        if value != now:
            self.post_message(Changed(knob, value))

    def on_hyperparameter_list_selected(self) -> None:
        self.border_subtitle = self.list.part
        self._explain()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        knob = self.list.knob
        try:
            value = knob.parse(event.value)
        except ValueError as error:
            self.refusal.update(f"✖ {error}")
            self.refusal.display = True
            return
        self._leave_field()
        self.list.focus()
        if self.list.values is not None and value != getattr(self.list.values, knob.name):
            self.post_message(Changed(knob, value))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.refusal.display = False

    def on_value_field_cancelled(self) -> None:
        self._leave_field()
        self.list.focus()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if isinstance(event.widget, Input):
            self._leave_field()

    def _leave_field(self) -> None:
        self.field.display = False
        self.refusal.display = False

    def _explain(self) -> None:
        knob = self.list.knob
        when = "Changes in flight." if knob.in_flight else "Needs a restart."
        values = self.list.values
        now = ""
        if knob.name == "init" and values is not None and values.init == "auto":
            now = f" Now auto is {auto(values.activation)} before {values.activation}, {auto('linear')} at the output."
        self.help_text.update(f"{knob.help}{now} {_capital(knob.allowed)}. {when}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
