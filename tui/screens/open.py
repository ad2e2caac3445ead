"""Open: the runs that were recorded lately, to look at or to go on with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tinygrad_nn.training.runs import Summary
from tui.drawing import format_number


@dataclass(frozen=True)
class Chosen:
    """A run's file, and what to do with it."""

    path: Path
    resume: bool


class OpenScreen(ModalScreen[Chosen | None]):
    """A list of runs: enter looks at one, `r` goes on with it, escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "leave"),
        Binding("r", "choose(True)", "go on"),
        Binding("j", "down", "down", show=False),
        Binding("k", "up", "up", show=False),
    ]

    def __init__(self, runs: Sequence[Summary], folder: Path) -> None:
        super().__init__()
        self.runs = runs
        self.folder = folder
        self.list = OptionList(*(Option(_line(run)) for run in runs))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box wide-box") as box:
            box.border_title = "Recorded runs"
            box.border_subtitle = "enter look at   r go on with   esc leave" if self.runs else "esc leaves"
            if self.runs:
                yield self.list
            else:
                yield Static(f"No runs in {self.folder} yet.", markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_choose(self, resume: bool) -> None:
        if self.list.highlighted is not None:
            self.dismiss(Chosen(self.runs[self.list.highlighted].path, resume))

    def action_down(self) -> None:
        self.list.action_cursor_down()

    def action_up(self) -> None:
        self.list.action_cursor_up()

    def on_option_list_option_selected(self) -> None:
        self.action_choose(False)


def _line(run: Summary) -> Text:
    began = time.strftime("%d %b %H:%M", time.localtime(run.info.started))
    branches = f", {run.branches} branches" * (run.branches > 1)
    return Text.assemble(
        (f"{run.info.name}", "bold"),
        f"  {began}  {run.info.state} after {run.epochs} epochs{branches}\n",
        (
            f"  best validation loss {format_number(run.best_val_loss)}, "
            f"{run.info.metric} {format_number(run.best_val_metric)}",
            "dim",
        ),
    )
