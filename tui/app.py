"""The app: a view of a worker. It sends commands and draws the newest snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.segment import Segment
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.color import Color
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen

from tinygrad_nn.training import KNOBS, runs
from tinygrad_nn.training.runlog import RunFileError
from tui import leaving, moment
from tui.actions import ACTIONS
from tui.exits import Exit
from tui.inferior import CannotStart
from tui.protocol import (
    PACES,
    Break,
    Checkout,
    Command,
    Fork,
    Next,
    Pace,
    Pause,
    Restart,
    Rewind,
    Run,
    Set,
    Snapshot,
    Step,
    Trainee,
    Until,
)
from tui.replay import opened
from tui.screens.branches import BranchesScreen
from tui.screens.breakpoints import BreakpointsScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.graph import GraphScreen
from tui.screens.help import HelpScreen
from tui.screens.main import MINIMUM_SIZE, PANES, MainScreen
from tui.screens.open import Chosen, OpenScreen
from tui.screens.prompt import PromptScreen
from tui.streams import bare
from tui.widgets.hyperparameters import Changed
from tui.widgets.timeline import Timeline

__all__ = ["MINIMUM_SIZE", "NNDebugApp"]

POLL_EVERY = 1 / 10  # seconds
LEAVES_WITHIN = 2.0  # seconds, whatever hangs
DIALOGUES = (BranchesScreen, BreakpointsScreen, ConfirmScreen, GraphScreen, HelpScreen, OpenScreen, PromptScreen)


class Harmless(LineFilter):
    """Takes out of every line what a terminal would obey, so that no widget has to think of it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(bare(text), style, control) for text, style, control in segments]


class NNDebugApp(App[int]):
    """pdb for neural-network training, as a screen over `worker`."""

    TITLE = "nn-debug"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [binding for action in ACTIONS for binding in action.bindings]

    def __init__(self, worker: Trainee) -> None:
        super().__init__()
        self.worker = worker
        self.main = MainScreen()
        self.moment: int | None = None  # the epoch whose end is looked at, or where the session is
        self._seen: Snapshot | None = None
        self._left: Snapshot | None = None  # what the session said when it was last sent elsewhere
        self._topic = ""  # of the next notice
        self._running_in: asyncio.AbstractEventLoop | None = None
        self._harmless = Harmless()
        self.call_when_up: Callable[[], object] = lambda: None

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._harmless]

    def get_default_screen(self) -> Screen[Any]:
        return self.main

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self.look)
        self._running_in = asyncio.get_running_loop()
        self.call_when_up()
        if (told := leaving.told()) is not None:
            self.exit(told)

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        leaving.tell(Exit(result or 0), LEAVES_WITHIN)
        super().exit(result, return_code, message)

    def leave_soon(self, code: Exit) -> None:
        """Exit with this code; from another thread."""
        if self._running_in is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                self._running_in.call_soon_threadsafe(self.exit, code)

    def look(self) -> None:
        """Draw the newest snapshot, if it is a new one."""
        snapshot = self.worker.snapshot
        if snapshot is self._seen:
            if snapshot.state != "running":
                self.main.draw_charts()
            return
        new = snapshot.notice and (self._seen is None or snapshot.noticed != self._seen.noticed)
        if new and snapshot.state != "failed":  # a failure still carries the notice before it
            how: SeverityLevel = "warning" if snapshot.refused else "information"
            self.notify(snapshot.notice, title=self._topic, severity=how, markup=False)
            self._topic = ""
        if snapshot.notes and (self._seen is None or not self._seen.notes):
            self.notify("\n".join(snapshot.notes), title="The data", timeout=15, markup=False)
        if self._seen is None or snapshot.branch != self._seen.branch or len(snapshot.known) <= (self.moment or 0):
            self.moment = None
        self._seen = snapshot
        self.main.show(moment.at(snapshot, self.moment))

    @property
    def running(self) -> bool:
        return self.worker.snapshot.state == "running"

    # --- time

    @property
    def shown(self) -> Snapshot:
        """The newest of what is known of the moment looked at."""
        return moment.at(self.worker.snapshot, self.moment)

    def go_to(self, epoch: int | None) -> None:
        """Look at another moment; a running session is paused."""
        if epoch == self.moment:
            return
        if self.running:
            self.worker.send(Pause())
        self.moment = epoch
        self.main.show(self.shown)

    def go_on(self, command: Command) -> None:
        """Send a command that is about the moment looked at."""
        if self.moment is None:
            self.worker.send(command)
        else:
            self.leave(Rewind(self.moment), command)

    def leave(self, *commands: Command) -> None:
        """Send commands that lead elsewhere, and look at where they lead."""
        self._left = self.worker.snapshot
        self.moment = None
        for command in commands:
            self.worker.send(command)

    # --- actions, in the order of the table

    def action_toggle_run(self) -> None:
        if self.running:
            self.worker.send(Pause())
        else:
            self.go_on(Run())

    def action_step(self) -> None:
        self.go_on(Step())

    def action_next(self) -> None:
        self.go_on(Next())

    def action_continue(self) -> None:
        if not self.running:
            self.go_on(Run())

    def action_until(self) -> None:
        planned, now = self.worker.snapshot.hyperparameters.epochs, self.shown.epoch

        def check(text: str) -> str:
            if not text.strip():
                return f"after epoch {now}"
            if not (text.strip().isdecimal() and now < int(text) <= planned):
                raise ValueError(f"an epoch after {now}, up to the last planned, {planned}; {text!r} is not")
            return f"{int(text) - now} more of {planned}"

        def answered(text: str | None) -> None:
            if text and text.strip():
                self.go_on(Until(int(text)))

        self.push_screen(PromptScreen("Train until the end of epoch", "trains", check, placeholder="number"), answered)

    def action_pace(self, direction: int) -> None:
        now = PACES.index(self.worker.snapshot.pace) if self.worker.snapshot.pace in PACES else len(PACES) - 1
        pace = PACES[min(max(now + direction, 0), len(PACES) - 1)]
        self.worker.send(Pace(pace))
        self.notify("full speed" if pace is None else f"at most {pace} epochs a second", timeout=2)

    def action_restart(self) -> None:
        self.leave(Restart())

    def action_break(self) -> None:
        now = self.worker.snapshot
        self.push_screen(
            BreakpointsScreen(now.breakpoints, now.layers, lambda conditions: self.worker.send(Break(conditions)))
        )

    def action_scrub(self, by: Literal[-1, 1]) -> None:
        self.go_to(moment.beside(self.worker.snapshot, self.moment, by))

    def action_scrub_to_end(self, end: Literal[0, 1]) -> None:
        now = self.worker.snapshot
        self.go_to(moment.nearest(now, end * max(moment.last(now), moment.present(now))))

    def action_scrub_to_mark(self, by: Literal[-1, 1]) -> None:
        self.go_to(moment.beside_mark(self.worker.snapshot, self.moment, by))

    def on_timeline_clicked(self, message: Timeline.Clicked) -> None:
        now = self.worker.snapshot
        if message.epoch <= moment.extents(now).get(message.branch, -1):
            self.go_to(moment.nearest(now, message.epoch))
            return
        branch = next(b for b in now.branches if b.id == message.branch)
        back = [Rewind(round(message.epoch))] if message.epoch < branch.epochs else []
        self.leave(Checkout(branch.id), *back)

    def action_fork(self) -> None:
        if self.running:
            self.worker.send(Pause())
        at, shown = self.moment, self.shown
        hp = shown.hyperparameters
        batch = at is None and shown.batch
        where = f"batch {batch} of epoch {shown.epoch + 1}" if batch else f"epoch {shown.epoch}"

        def changes(text: str) -> dict[str, Any]:
            return {name: after for name, (_, after) in hp.differences(hp.updated(text.split())).items()}

        def check(text: str) -> str:
            changed = changes(text)
            if moment.fork_point(changed, 1) == 0:
                return f"{moment.describe(hp, changed)}\nmakes another network, loss or data: it forks from epoch 0"
            return moment.describe(hp, changed) or "as it is"

        def answered(text: str | None) -> None:
            if text is not None:
                changed = changes(text)
                self.leave(Fork(moment.fork_point(changed, at), changed))

        words = [f"{name}=" for name in KNOBS] + [f"{n}={c}" for n, knob in KNOBS.items() for c in knob.choices]
        self.push_screen(
            PromptScreen(f"Fork at {where}, with", "forks", check, words, "name=value …, or nothing"), answered
        )

    def action_fix(self) -> None:
        """Try the remedy of what is wrong at the moment looked at."""
        shown = self.shown
        found = moment.fix(shown)
        if found is None:
            self.notify("nothing is found here that a hyperparameter would mend", severity="warning")
            return
        finding, changes, epoch = found
        self._topic = f"Trying the fix for {finding.title}"
        self.leave(Fork(epoch, changes))

    def action_branches(self) -> None:
        def answered(branch: int | None) -> None:
            if branch is not None:
                self.leave(Checkout(branch))

        self.push_screen(BranchesScreen(self.worker.snapshot, self.main.loss.log_scale), answered)

    def action_edit(self) -> None:
        if self.main.maximized is not self.main.hyperparameters:
            self.main.minimize()
        self.main.go_to("hyperparameters")
        self.main.hyperparameters.edit()

    def action_nudge(self, direction: int) -> None:
        # From the newest value, not the one on the screen: a key held down is quicker than the drawing.
        if self.worker.snapshot is self._left:  # it is on its way to another moment, with other values
            return
        self.main.hyperparameters.show(self.shown.hyperparameters)
        self.main.hyperparameters.nudge(direction)

    def on_changed(self, message: Changed) -> None:
        knob, value = message.knob, message.value
        if knob.in_flight:
            self.go_on(Set({knob.name: value}))
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.leave(Restart({knob.name: value}))

        question = (
            f"{knob.label} = {knob.show(value)} makes another network, loss or data.\n"
            "Fork from epoch 0 with it? What was seen stays."
        )
        self.push_screen(ConfirmScreen(question), answered)

    def action_graph(self) -> None:
        training = {"step": self.action_step, "next": self.action_next, "toggle_run": self.action_toggle_run}
        self.push_screen(GraphScreen(lambda: self.worker, training))

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

    async def action_open(self) -> None:
        folder = runs.directory()
        found = await asyncio.to_thread(lambda: [e for e in runs.summaries(folder) if isinstance(e, runs.Summary)])
        self.push_screen(OpenScreen(found, folder), self._open)

    def _open(self, chosen: Chosen | None) -> None:
        if chosen is not None:
            self.run_worker(self._change_to(chosen), exclusive=True)

    async def _change_to(self, chosen: Chosen) -> None:
        """Another run on the screen; the one before ends, and stays recorded."""
        try:
            trainee = await asyncio.to_thread(opened, chosen.path, chosen.resume)
        except (RunFileError, CannotStart) as error:
            self.notify(str(error), severity="error", markup=False)
            return
        before, self.worker = self.worker, trainee
        self.moment, self._seen, self._left = None, None, None
        self.look()
        if before.snapshot.file:
            self.notify(f"{before.snapshot.experiment} is recorded in {before.snapshot.file}", markup=False)
        await asyncio.to_thread(before.close)

    def action_leave(self) -> None:
        self.exit(0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense over a dialogue."""
        own = {a.name.partition("(")[0] for a in ACTIONS} - {"picture", "interrupt"}
        return not (action in own and isinstance(self.screen, DIALOGUES))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for action in ACTIONS:
            yield SystemCommand(
                f"{action.label} ({action.display or action.keys.partition(',')[0]})",
                action.help,
                partial(self.run_action, action.name),
            )
        yield SystemCommand("theme", "Another set of colours.", self.action_change_theme)
