"""A line to type, checked as it is typed, with completion."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static


class Words(Suggester):
    """Completes the name that a line ends in."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.words = words

    async def get_suggestion(self, value: str) -> str | None:
        for name in re.finditer(r"(?<!\w)[A-Za-z_]", value):
            begun = value[name.start() :]
            for word in self.words:
                if word.startswith(begun) and word != begun:
                    return value[: name.start()] + word
        return None


class Field(Input):
    """A field whose suggestion tab takes over."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "cursor_right", "complete", show=False)]

    def __init__(self, words: Sequence[str], value: str = "", placeholder: str = "") -> None:
        super().__init__(value, placeholder, suggester=Words(words) if words else None, compact=True)


class Verdict(Static):
    """What a text would do, or why it is refused."""

    def __init__(self) -> None:
        super().__init__(markup=False, classes="verdict")

    def judge(self, text: str, check: Callable[[str], str]) -> bool:
        """Show what `check` says of `text`; whether it did not refuse it."""
        try:
            words, fine = check(text), True
        except ValueError as error:
            words, fine = f"✖ {error}", False
        self.set_class(not fine, "refused")
        self.update(words)
        return fine


class PromptScreen(ModalScreen[str]):
    """Ask for a line. `check` says what it would do, and raises a `ValueError` if it will not do."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "leave")]

    def __init__(
        self,
        title: str,
        verb: str,
        check: Callable[[str], str],
        words: Sequence[str] = (),
        placeholder: str = "",
    ) -> None:
        super().__init__()
        self.heading = title
        self.verb = verb
        self.check = check
        self.field = Field(words, placeholder=placeholder)
        self.verdict = Verdict()

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self.heading
            completes = "tab completes · " if self.field.suggester else ""
            box.border_subtitle = f"{completes}enter {self.verb} · esc leaves"
            yield self.field
            yield self.verdict

    def on_mount(self) -> None:
        self.field.focus()
        self.verdict.judge("", self.check)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.verdict.judge(event.value, self.check)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.verdict.judge(event.value, self.check):
            self.dismiss(event.value)
