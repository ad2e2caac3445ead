"""The findings in words, or the user's own traceback when the run has failed."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tinygrad_nn.records import Finding
from tui.drawing import FAULT, MUTED, PALETTES, WARNING
from tui.protocol import Snapshot

SIGNS = {"fault": ("✖", FAULT), "warning": ("▲", WARNING), "information": ("·", MUTED)}


class FindingsPane(VerticalScroll, can_focus=True, inherit_bindings=False):
    """What is wrong, the gravest first. The keys that go left and right, and to the ends, are the timeline's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "up", show=False),
        Binding("down,j", "scroll_down", "down", show=False),
        Binding("pageup", "page_up", "page up", show=False),
        Binding("pagedown", "page_down", "page down", show=False),
    ]

    _shown: object = None

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.words = Static(id="findings-text")

    def compose(self) -> ComposeResult:
        yield self.words

    def show(self, snapshot: Snapshot) -> None:
        key = (snapshot.findings, snapshot.error, snapshot.state == "starting")
        if key == self._shown:
            return
        self._shown = key
        count = len(snapshot.findings)
        self.border_title = "5 Run failed" if snapshot.error else f"5 Findings ({count})" if count else "5 Findings"
        self.words.update(self._text(snapshot))

    def _text(self, snapshot: Snapshot) -> Text:
        palette = PALETTES[self.app.current_theme.dark]
        if snapshot.error:
            return Text.assemble(
                ("✖ the run has failed\n\n", f"bold {palette[FAULT]}"),
                snapshot.error,
                "\n\nMend it and start again; r tries the same once more.",
            )
        if snapshot.state == "starting" and not snapshot.known:
            return Text("loading the experiment and its data", palette[MUTED])
        if not snapshot.findings:
            return Text("nothing wrong so far", palette[MUTED])
        return Text("\n\n").join(self._finding(f, palette) for f in snapshot.findings)

    def _finding(self, finding: Finding, palette: tuple[str, ...]) -> Text:
        sign, colour = SIGNS[finding.severity]
        where = f"  layer{'s' * (len(finding.layers) > 1)} {_ranges(finding.layers)}" if finding.layers else ""
        text = Text.assemble(
            (f"{sign} {finding.title}", f"bold {palette[colour]}"),
            f"{where}, since epoch {finding.first_epoch}\n",
            finding.explanation,
        )
        for remedy in finding.remedies:
            settings = ", ".join(f"{name} = {value}" for name, value in remedy.changes.items())
            text.append(f"\nfix: {remedy.text}", "bold")
            if settings:
                text.append(f"  ({settings})", palette[MUTED])
        return text


def _ranges(numbers: tuple[int, ...]) -> str:
    """1, 2, 3, 7 as `1–3, 7`."""
    parts: list[list[int]] = []
    for n in sorted(numbers):
        if parts and n == parts[-1][-1] + 1:
            parts[-1][1:] = [n]
        else:
            parts.append([n])
    return ", ".join("–".join(map(str, part)) for part in parts)
