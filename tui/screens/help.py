"""Help: what the focused pane means, and the keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import ACTIONS, EXPLANATIONS, WITHIN_PANES

KEY_NAMES = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left": "←",
    "right": "→",
    "question_mark": "?",
    "f1": "F1",
}


class HelpScreen(ModalScreen[None]):
    """A page over the main screen; any of escape, ?, q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q,enter,space", "dismiss", "close")]

    def __init__(self, pane: str) -> None:
        super().__init__()
        self.pane = pane

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box wide-box") as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes"
            yield Static(self._text())

    def _text(self) -> Text:
        explanation = EXPLANATIONS[self.pane]
        text = Text.assemble((explanation.title, "bold"), "\n", explanation.paragraphs, "\n")
        group = ""
        for action in ACTIONS:
            if action.group != group:
                group = action.group
                text.append(f"\n{group}\n", "bold")
            keys = " ".join(KEY_NAMES.get(key, key) for key in action.keys.split(","))
            text.append(f"  {keys:<14} {action.help}\n")
        text.append("\nIn a pane\n", "bold")
        for keys, help in WITHIN_PANES:
            text.append(f"  {keys:<14} {help}\n")
        timeline = EXPLANATIONS["timeline"]
        return text.append(f"\n{timeline.title}\n", "bold").append(timeline.paragraphs)
