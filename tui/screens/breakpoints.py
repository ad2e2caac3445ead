"""The breakpoints: conditions over what is measured, at which the run stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tinygrad_nn.records import LayerRecord
from tinygrad_nn.training.conditions import NAMES, RULES, Condition

from .prompt import Field, Verdict

EXAMPLE = "loss > 2 * best_loss"
WORDS = [name.removesuffix(")") if name.endswith("()") else name for name in NAMES]
WORDS += [f'finding("{rule}")' for rule in RULES]


class ConditionField(Field):
    """A field that leaves the delete key to the list while there is nothing in it."""

    def action_delete_right(self) -> None:
        if not self.value:
            raise SkipAction
        super().action_delete_right()


class BreakpointsScreen(ModalScreen[None]):
    """The list, and a line to add one. `changed` is told all conditions whenever they change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close"),
        Binding("up", "highlight(-1)", "up", show=False),
        Binding("down", "highlight(1)", "down", show=False),
        Binding("delete", "remove", "remove", show=False),
    ]

    def __init__(
        self, conditions: Sequence[str], layers: Sequence[LayerRecord], changed: Callable[[tuple[str, ...]], None]
    ) -> None:
        super().__init__()
        self.conditions = list(conditions)
        self.measured = layers
        self.changed = changed
        self.list = OptionList(compact=True)
        self.list.can_focus = False  # the arrows are the screen's: the field keeps the focus
        self.field = ConditionField(WORDS, placeholder=EXAMPLE)
        self.verdict = Verdict()

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "Breakpoints: stop after a step where"
            box.border_subtitle = "tab completes · enter adds · esc closes"
            yield self.list
            yield self.field
            yield self.verdict
            yield Static("[@click=screen.remove]↑ ↓ select, delete removes[/]", classes="muted", id="remove")

    def on_mount(self) -> None:
        self._show(0)
        self.field.focus()

    def _show(self, highlighted: int) -> None:
        self.list.set_options([Content(f"■ {condition}") for condition in self.conditions])
        self.list.display = bool(self.conditions)
        self.query_one("#remove").display = bool(self.conditions)
        if self.conditions:
            self.list.highlighted = min(max(highlighted, 0), len(self.conditions) - 1)

    def _check(self, text: str) -> str:
        if not text.strip():
            return ""
        return "measures the layers at each step" if Condition(text, self.measured).needs_layers else "fine"

    def action_highlight(self, by: int) -> None:
        if self.conditions:
            self.list.highlighted = ((self.list.highlighted or 0) + by) % len(self.conditions)

    def action_remove(self) -> None:
        if self.conditions:
            at = self.list.highlighted or 0
            del self.conditions[at]
            self._show(at)
            self.changed(tuple(self.conditions))

    def on_input_changed(self, event: Input.Changed) -> None:
        self.verdict.judge(event.value, self._check)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss()
        elif self.verdict.judge(event.value, self._check):
            text = Condition(event.value, self.measured).text
            if text not in self.conditions:
                self.conditions.append(text)
                self.changed(tuple(self.conditions))
            self._show(self.conditions.index(text))
            self.field.value = ""
