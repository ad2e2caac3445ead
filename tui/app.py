"""The app: a view of a worker. It sends commands and draws the newest snapshot."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from tui.actions import ACTIONS
from tui.protocol import PACES, Next, Pace, Pause, Restart, Run, Set, Snapshot, Step, Trainee
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.screens.main import MINIMUM_SIZE, PANES, MainScreen
from tui.widgets.hyperparameters import Changed

__all__ = ["MINIMUM_SIZE", "NNDebugApp"]

POLL_EVERY = 1 / 10  # seconds
TERMINATED = 143


class NNDebugApp(App[int]):
    """pdb for neural-network training, as a screen over `worker`."""

    TITLE = "nn-debug"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [binding for action in ACTIONS for binding in action.bindings]

    def __init__(self, worker: Trainee) -> None:
        super().__init__()
        self.worker = worker
        self.main = MainScreen()
        self._seen: Snapshot | None = None

    def get_default_screen(self) -> Screen[Any]:
        return self.main

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self.look)
        if self.worker.snapshot.notes:
            self.notify("\n".join(self.worker.snapshot.notes), title="The data", timeout=15, markup=False)
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            # Where the platform has none of these, or in another thread, the default stands.
            with suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), partial(self.exit, TERMINATED))

    def look(self) -> None:
        """Draw the newest snapshot, if it is a new one."""
        snapshot = self.worker.snapshot
        if snapshot is self._seen:
            if snapshot.state != "running":
                self.main.draw_charts()
            return
        new = snapshot.notice and (self._seen is None or snapshot.noticed != self._seen.noticed)
        if new and snapshot.state != "failed":  # a failure still carries the notice before it
            self.notify(snapshot.notice, severity="warning" if snapshot.refused else "information", markup=False)
        self._seen = snapshot
        self.main.show(snapshot)

    @property
    def running(self) -> bool:
        return self.worker.snapshot.state == "running"

    # --- actions, in the order of the table

    def action_toggle_run(self) -> None:
        self.worker.send(Pause() if self.running else Run())

    def action_step(self) -> None:
        self.worker.send(Step())

    def action_next(self) -> None:
        self.worker.send(Next())

    def action_pace(self, direction: int) -> None:
        now = PACES.index(self.worker.snapshot.pace) if self.worker.snapshot.pace in PACES else len(PACES) - 1
        pace = PACES[min(max(now + direction, 0), len(PACES) - 1)]
        self.worker.send(Pace(pace))
        self.notify("full speed" if pace is None else f"at most {pace} epochs a second", timeout=2)

    def action_restart(self) -> None:
        self.worker.send(Restart())

    def action_edit(self) -> None:
        if self.main.maximized is not self.main.hyperparameters:
            self.main.minimize()
        self.main.go_to("hyperparameters")
        self.main.hyperparameters.edit()

    def action_nudge(self, direction: int) -> None:
        # From the newest value, not the one on the screen: a key held down is quicker than the drawing.
        self.main.hyperparameters.show(self.worker.snapshot.hyperparameters)
        self.main.hyperparameters.nudge(direction)

    def on_changed(self, message: Changed) -> None:
        knob, value = message.knob, message.value
        if knob.in_flight:
            self.worker.send(Set({knob.name: value}))
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.worker.send(Restart({knob.name: value}))

        question = f"{knob.label} = {knob.show(value)} makes another network or other data.\nRestart the run with it?"
        self.push_screen(ConfirmScreen(question), answered)

    def action_toggle_log(self) -> None:
        chart = self.main.loss
        chart.log_scale = not chart.log_scale
        chart.border_title = "4 Loss (log)" if chart.log_scale else "4 Loss"

    def action_toggle_maximized(self) -> None:
        if self.main.maximized is not None:
            self.main.minimize()
        else:
            self.main.maximize(self.main.focused_widget(), container=False)

    def action_pane(self, number: int) -> None:
        self.main.minimize()
        self.main.go_to(PANES[number - 1])

    def action_explain(self) -> None:
        self.push_screen(HelpScreen(self.main.focused_pane()))

    def action_picture(self) -> None:
        try:
            path = self.save_screenshot(path=str(Path.cwd()))
        except OSError as error:
            self.notify(f"no picture: {error}", severity="error", markup=False)
        else:
            self.notify(f"picture in {path}", markup=False)

    def action_interrupt(self) -> None:
        if self.running:
            self.worker.send(Pause())
        else:
            self.exit(0)

    def action_leave(self) -> None:
        self.exit(0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense over a dialogue."""
        own = {a.name.partition("(")[0] for a in ACTIONS} - {"picture", "interrupt"}
        return not (action in own and isinstance(self.screen, ConfirmScreen | HelpScreen))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for action in ACTIONS:
            yield SystemCommand(
                f"{action.label} ({action.display or action.keys.partition(',')[0]})",
                action.help,
                partial(self.run_action, action.name),
            )
        yield SystemCommand("theme", "Another set of colours.", self.action_change_theme)
