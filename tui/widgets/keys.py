"""The footer: the keys that work now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Footer, Static

# What goes first in little room.
EXPENDABLE = (
    "toggle_log",
    "toggle_maximized",
    "nudge(-1)",
    "restart",
    "edit",
    "branches",
    "fix",
    "break",
)


class KeyHint(Static):
    """A key and what it does; a click presses it."""

    def __init__(self, key: str, display: str, label: str, tooltip: str) -> None:
        super().__init__(Content.assemble((display, "bold"), f" {label}"))
        self.key = key
        self.tooltip = tooltip or None

    def on_click(self) -> None:
        self.app.simulate_key(self.key)


class KeysFooter(Footer):
    """A footer whose keys are there whole or not at all."""

    def compose(self) -> ComposeResult:
        shown = {a.binding.action: a for a in self.screen.active_bindings.values() if a.binding.show}
        for name in EXPENDABLE:
            texts = (f"{self.app.get_key_display(a.binding)} {a.binding.description} " for a in shown.values())
            if sum(map(len, texts)) - 1 > self.app.size.width:
                shown.pop(name, None)
        for _, binding, _, tooltip in shown.values():
            yield KeyHint(binding.key, self.app.get_key_display(binding), binding.description, tooltip)

    def on_resize(self) -> None:
        self.refresh(recompose=True)
