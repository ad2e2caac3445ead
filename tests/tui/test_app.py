"""The app, driven as a person drives it: keys in, what the screen and the session do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tinygrad_nn.training import KNOBS, Experiment, Hyperparameters
from tui.actions import ACTIONS, EXPLANATIONS
from tui.app import NNDebugApp
from tui.protocol import Restart, Set, Snapshot
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.screens.main import PANES, LossChart
from tui.widgets.charts import Chart, HistogramChart
from tui.widgets.hyperparameters import NAMES, HyperparameterList
from tui.widgets.keys import KeyHint
from tui.widgets.layers import LayersTable
from tui.worker import start

PACE = 5  # the pilot waits for an idle processor after each key: at full speed it would wait long
SIZES = [(80, 24), (120, 40)]
HP = Hyperparameters(hidden=(4, 4), activation="tanh", lr=0.01, epochs=100_000)


class Driven:
    """An app under test, with its pilot."""

    def __init__(self, app: NNDebugApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def now(self) -> Snapshot:
        return self.app.worker.snapshot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """What is typed quickly: the app is waited for once, not after each character."""
        for character in text:
            self.app.post_message(Key(character, character))
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to that: {self.now.state} at step {self.now.steps}"
            await self.pilot.pause(0.01)

    def text(self, selector: str) -> str:
        """What a widget shows, as plain text."""
        widget = self.app.screen.query_one(selector)
        return "\n".join(widget.render_line(y).text for y in range(widget.size.height))

    @property
    def footer(self) -> str:
        """What the footer says."""
        return " ".join(str(hint.render()) for hint in self.app.screen.query(KeyHint))

    def select(self, name: str) -> None:
        self.app.main.query_one(HyperparameterList)._select(NAMES.index(name))


@asynccontextmanager
async def driven(
    size: tuple[int, int] = (120, 40), experiment: Experiment | None = None, hp: Hyperparameters = HP
) -> AsyncIterator[Driven]:
    worker = start(experiment or Experiment("xor"), hp, pace=PACE)
    app = NNDebugApp(worker)
    try:
        async with app.run_test(size=size) as pilot:
            driven = Driven(app, pilot)
            await driven.until(lambda: app._seen is not None and app._seen.state != "starting")
            await driven.until(lambda: app.main._drawn is app._seen)
            yield driven
    finally:
        worker.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_run_keys(size):
    async with driven(size) as d:
        await d.press("s")
        await d.until(lambda: d.now.steps == 1 and d.now.state == "paused")
        await d.press("n")
        await d.until(lambda: d.now.epoch == 1 and d.now.state == "paused")
        await d.press("space")
        await d.until(lambda: d.now.state == "running" and d.now.epoch > 3)
        await d.press("space")
        await d.until(lambda: d.now.state == "paused")
        await d.press("r")
        await d.until(lambda: d.now.steps == 0 and len(d.now.history) == 1)
        await d.until(lambda: "◀ epoch 0 of " in d.text("#status"))


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_hyperparameter_is_changed_live_and_reaches_the_session(size):
    async with driven(size) as d:
        await d.press("space", "e")
        field = d.app.screen.query_one("#value", Input)
        assert field.has_focus
        assert field.value == "0.01"
        await d.type("0.5")
        await d.press("enter")
        await d.until(lambda: d.now.hyperparameters.lr == 0.5)
        assert d.now.state == "running"
        assert [c.after for c in d.now.changes] == [0.5]
        await d.until(lambda: "0.5" in d.text("#hyperparameter-list"))
        await d.press("space")
        await d.until(lambda: d.now.state == "paused")
        await d.press("4")
        await d.until(lambda: "◆" in d.text("#loss"))  # the change is marked on the curve


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_wrong_value_is_refused_with_its_range_while_training_goes_on(size):
    async with driven(size) as d:
        await d.press("space", "e")
        await d.type("-1")
        await d.press("enter")
        refusal = d.app.screen.query_one("#refusal", Static)
        assert refusal.display
        assert "lr must be a number above 0 to 1000; '-1' is not" in str(refusal.render())
        field = d.app.screen.query_one("#value", Input)
        assert field.has_focus
        assert field.value == "-1"
        steps = d.now.steps
        await d.until(lambda: d.now.steps > steps)
        assert d.now.hyperparameters.lr == 0.01
        await d.press("backspace")
        assert not refusal.display
        await d.press("escape")
        assert not field.display
        assert d.now.hyperparameters.lr == 0.01


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nudging(size):
    async with driven(size) as d:
        await d.press("right_square_bracket")
        await d.until(lambda: d.now.hyperparameters.lr == 0.02)
        await d.until(lambda: d.app._seen is d.now)
        await d.press("left_square_bracket")
        await d.until(lambda: d.now.hyperparameters.lr == 0.01)


async def test_nudges_quicker_than_the_drawing_all_count():
    async with driven() as d:
        d.app.look = lambda: None  # nothing is drawn in between
        for lr in (0.02, 0.05, 0.1):
            d.app.action_nudge(1)
            await d.until(lambda lr=lr: d.now.hyperparameters.lr == lr)


async def test_the_same_refusal_is_told_again():
    async with driven() as d:
        told = []
        d.app.notify = lambda message, **how: told.append((message, how["severity"]))
        for count in (1, 2):
            d.app.worker.send(Set({"seed": 7}))
            await d.until(lambda count=count: len(told) == count)
        assert told[0] == told[1]
        assert "fork from epoch 0" in told[0][0]
        assert told[0][1] == "warning"


@pytest.mark.parametrize("zoomed", ["1", "2", "6"])
async def test_a_value_is_edited_in_sight_whatever_is_zoomed(zoomed):
    async with driven() as d:
        await d.press(zoomed, "z")
        assert d.app.main.maximized is d.app.main.query_one(f"#{PANES[int(zoomed) - 1]}")
        await d.press("e")
        field = d.app.main.hyperparameters.field
        await d.until(lambda: field.region.area and field.has_focus)
        await d.until(lambda: d.footer == "enter apply esc leave as it was")
        await d.type("0.5")
        await d.press("enter")
        await d.until(lambda: d.now.hyperparameters.lr == 0.5)
        await d.until(lambda: "space run" in d.footer)


async def test_what_needs_another_network_asks_first():
    async with driven() as d:
        await d.press("n")
        await d.until(lambda: d.now.epoch == 1)
        d.select("activation")
        await d.press("e", *"relu", "enter")
        await d.until(lambda: isinstance(d.app.screen, ConfirmScreen))
        await d.press("n")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.now.hyperparameters.activation == "tanh"
        await d.press("e", *"relu", "enter")
        await d.until(lambda: isinstance(d.app.screen, ConfirmScreen))
        await d.press("y")
        await d.until(lambda: d.now.hyperparameters.activation == "relu" and d.now.steps == 0)
        await d.until(lambda: "zero" in d.text("#layers").splitlines()[1])


async def test_selecting_a_layer_changes_the_histograms():
    async with driven() as d:
        chart = d.app.main.query_one(HistogramChart)
        assert chart.border_title == "3 Layer 1: Linear 2→4"
        first = d.text("#histograms")
        await d.press("1", "down")
        assert chart.border_title == "3 Layer 2: Linear 4→4"
        assert d.text("#histograms") != first
        await d.press("j", "j", "j")
        assert d.app.main.query_one(LayersTable).selected == 2
        await d.press("k", "k")
        assert d.text("#histograms") == first
        await d.pilot.click("#layers", offset=(6, 3))
        assert d.app.main.query_one(LayersTable).selected == 1


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("pane", ["2", "3"])
async def test_up_and_down_select_a_layer_from_its_pictures_too(size, pane):
    async with driven(size) as d:
        table = d.app.main.layers_table
        await d.press(pane, "down", "j")
        assert table.selected == 2
        await d.press("up", "k")
        assert table.selected == 0


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_view_keys(size):
    async with driven(size) as d:
        loss = d.app.main.query_one("#loss", LossChart)
        await d.press("y")
        assert loss.log_scale
        assert loss.border_title == "4 Loss (log)"
        await d.press("y")
        assert not loss.log_scale
        for number, pane in enumerate(PANES, start=1):
            await d.press(str(number))
            await d.until(lambda pane=pane: d.app.main.focused_pane() == pane)
            assert d.app.main.query_one(f"#{pane}").region.area > 0
        await d.press("1", "z")
        assert d.app.main.maximized is d.app.main.query_one("#layers")
        await d.press("z")
        assert d.app.main.maximized is None


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("number", range(1, 7))
async def test_help_explains_the_focused_pane_and_names_every_key(size, number):
    async with driven(size) as d:
        await d.press(str(number), "question_mark")
        await d.until(lambda: isinstance(d.app.screen, HelpScreen))
        text = str(d.app.screen.query_one(Static).render())
        assert EXPLANATIONS[PANES[number - 1]].title in text
        for action in ACTIONS:
            assert action.help in text
        await d.press("s")  # over the help a key of the run does nothing
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.now.steps == 0


async def test_every_action_exists_and_is_in_the_palette():
    async with driven() as d:
        commands = [c.help for c in d.app.get_system_commands(d.app.screen)]
        for action in ACTIONS:
            assert hasattr(d.app, f"action_{action.name.partition('(')[0]}")
            assert action.help in commands


async def test_more_layers_than_there_is_room_for_scroll_and_say_so():
    async with driven((80, 24), hp=HP.replace(hidden=(3,) * 12)) as d:
        table = d.app.main.query_one(LayersTable)
        assert str(table.border_subtitle).endswith("of 13")
        assert str(table.border_subtitle).startswith("1–")
        await d.press("1", *["down"] * 12)
        assert "13" in d.text("#layers").splitlines()[-1]
        assert not str(table.border_subtitle).startswith("1–")
        await d.pilot.resize_terminal(120, 80)
        await d.until(lambda: table.border_subtitle == "")


async def test_the_pace_changes_by_key():
    async with driven() as d:
        assert d.now.pace == PACE
        for pace in (10, 20, 50, None):
            await d.press("greater_than_sign")
            await d.until(lambda pace=pace: d.now.pace == pace)
        await d.press("greater_than_sign", "less_than_sign")
        await d.until(lambda: d.now.pace == 50)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leaving(key):
    async with driven() as d:
        await d.press(key)
        await d.until(lambda: not d.app.is_running)
        assert d.app.return_value == 0


async def test_ctrl_c_pauses_a_running_session_first():
    async with driven() as d:
        await d.press("space")
        await d.until(lambda: d.now.state == "running")
        await d.press("ctrl+c")
        await d.until(lambda: d.now.state == "paused")
        assert d.app.is_running


async def test_a_picture_of_the_screen_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with driven() as d:
        await d.press("ctrl+s")
        await d.until(lambda: list(tmp_path.glob("*.svg")))
        assert "Gradient" in next(tmp_path.glob("*.svg")).read_text(encoding="utf-8")


async def test_resizing_folds_and_unfolds_the_panes():
    async with driven((120, 40)) as d:
        assert all(d.app.main.query_one(f"#{p}").region.area for p in PANES)
        await d.pilot.resize_terminal(80, 24)
        await d.until(lambda: not d.app.main.has_class("wide"))
        shown = [p for p in PANES if d.app.main.query_one(f"#{p}").region.area]
        assert shown == ["layers", "loss"]
        await d.pilot.resize_terminal(40, 10)
        await d.until(lambda: d.app.main.has_class("too-small"))
        assert "40x10 is too small: nn-debug needs 60x18" in str(d.app.main.query_one("#too-small", Static).render())
        await d.pilot.resize_terminal(200, 60)
        await d.until(lambda: all(d.app.main.query_one(f"#{p}").region.area for p in PANES))


@pytest.mark.parametrize("size", [(60, 18), (64, 20), (73, 24), (74, 24), (80, 24), (200, 60)], ids=str)
async def test_tabs_and_keys_are_whole_or_not_there(size):
    async with driven(size) as d:
        assert str(d.app.main.tabs.render()).endswith("6 Values")
        assert len(str(d.app.main.tabs.render())) <= size[0] - 2
        await d.until(lambda: d.footer.startswith("space run s step n epoch "))
        await d.until(lambda: d.footer.endswith("? help q quit"))
        await d.until(lambda: "← → scrub f fork" in d.footer)
        await d.until(lambda: ("b break" in d.footer and "v branches" in d.footer) == (size[0] >= 80))
        await d.until(lambda: ("y log" in d.footer) == (size[0] >= 124))
        await d.until(
            lambda: 0 < max((hint.region.right for hint in d.app.screen.query(KeyHint)), default=0) <= size[0]
        )


async def test_a_click_on_a_key_in_the_footer_presses_it():
    async with driven() as d:
        await d.until(lambda: "s step" in d.footer)
        for _ in range(100):  # the footer may be made anew between the look and the click
            hint = next((hint for hint in d.app.screen.query(KeyHint) if hint.key == "s"), None)
            if hint is not None and hint.region and await d.pilot.click(hint):
                break
            await d.pilot.pause()
        await d.until(lambda: d.now.steps >= 1)


async def test_the_footer_follows_the_width():
    async with driven((120, 40)) as d:
        await d.until(lambda: "y log" in d.footer)
        await d.pilot.resize_terminal(60, 18)
        await d.until(lambda: "q quit" in d.footer and "y log" not in d.footer)
        await d.pilot.resize_terminal(120, 40)
        await d.until(lambda: "y log" in d.footer)


async def test_each_hyperparameter_is_explained_by_its_table_and_auto_by_what_it_takes():
    async with driven() as d:
        pane = d.app.main.hyperparameters

        def explained() -> str:
            return str(pane.help_text.render())

        for knob in KNOBS.values():
            d.select(knob.name)
            await d.until(lambda knob=knob: explained().startswith(knob.help))
            assert knob.allowed[1:] in explained()
            assert ("in flight" in explained()) == knob.in_flight
        d.select("init")
        await d.until(lambda: "Now auto is xavier_uniform before tanh, xavier_uniform at the output." in explained())
        d.app.worker.send(Restart({"activation": "relu"}))
        await d.until(lambda: "Now auto is he_normal before relu, xavier_uniform at the output." in explained())
        d.app.worker.send(Restart({"init": "normal"}))
        await d.until(lambda: "Now auto" not in explained())


async def test_more_hyperparameters_than_there_is_room_for_scroll_and_say_so():
    async with driven((80, 24)) as d:
        pane = d.app.main.hyperparameters
        await d.press("6")
        await d.until(lambda: str(pane.border_subtitle).startswith("1–"))
        d.select(NAMES[-1])
        await d.until(lambda: str(pane.border_subtitle).endswith(f"–{len(NAMES)} of {len(NAMES)}"))
        assert "seed" in d.text("#hyperparameter-list")
        await d.pilot.resize_terminal(120, 60)
        await d.until(lambda: pane.border_subtitle == "")


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (109, 40), (110, 30), (120, 40), (200, 60)], ids=str)
async def test_nothing_reaches_beyond_the_screen(size):
    async with driven(size) as d:
        await d.press("n")
        await d.until(lambda: d.now.epoch == 1)
        for number in range(1, 7):
            await d.press(str(number))
            for widget in d.app.main.query(Chart):
                if widget.region.area:
                    assert widget.region.right <= size[0]
                    assert widget.region.bottom <= size[1]
                    assert widget.region in d.app.main.region


async def test_an_idle_app_draws_nothing():
    async with driven() as d:
        await d.pilot.pause(0.3)
        drawn = []
        for widget in d.app.main.query(Chart):
            widget.redraw = lambda w=widget: drawn.append(w)
        for _ in range(5):
            d.app.look()
        await d.pilot.pause(0.25)
        assert drawn == []


class Broken(Experiment):
    dataset = "xor"

    def model(self, hp, train, rng):
        raise ZeroDivisionError("a mistake in [brackets]")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_users_error_is_shown_in_the_app(size):
    async with driven(size, Broken(hyperparameters=HP)) as d:
        assert d.now.state == "failed"
        await d.until(lambda: d.app.main.findings.region.area)  # it is in sight without a key
        await d.until(lambda: d.app.main.focused is d.app.main.findings)
        shown = str(d.app.main.query_one("#findings-text", Static).render())
        assert "ZeroDivisionError: a mistake in [brackets]" in shown
        assert "test_app.py" in shown
        await d.press("s", "space", "n", "y", "1", "down", "right_square_bracket")
        assert d.app.is_running


class MendedMeanwhile(Experiment):
    dataset = "xor"
    failures = 1

    def model(self, hp, train, rng):
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError("once")
        return super().model(hp, train, rng)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_failed_run_is_restarted_by_r(size):
    async with driven(size, MendedMeanwhile(hyperparameters=HP)) as d:
        assert d.now.state == "failed"
        await d.press("r")
        await d.until(lambda: d.now.state == "paused" and len(d.now.layers) == 3)
        await d.until(lambda: d.app.main.findings.border_title == "5 Findings")
        await d.press("s")
        await d.until(lambda: d.now.steps == 1)


async def test_a_failure_is_seen_though_another_pane_is_zoomed():
    class FailsLater(Experiment):
        dataset = "xor"

        def loss(self, hp, train):
            right = super().loss(hp, train)
            calls = iter(range(10))

            def loss(output, target):
                if next(calls) == 9:
                    raise ZeroDivisionError("later")
                return right(output, target)

            return loss

    async with driven((80, 24), FailsLater(hyperparameters=HP)) as d:
        assert d.now.state == "paused"
        await d.press("1", "z", "space")
        await d.until(lambda: d.now.state == "failed")
        await d.until(lambda: d.app.main.maximized is None and d.app.main.findings.region.area)


async def test_a_finding_is_shown_with_its_layers():
    hp = Hyperparameters(hidden=(8,) * 8, activation="sigmoid", init="normal", epochs=6)
    async with driven((160, 60), Experiment("spiral"), hp) as d:
        await d.press("space")
        await d.until(lambda: d.now.state == "finished")
        await d.until(lambda: d.app.main._drawn is d.now)
        assert "✖ vanishing gradient  layers 1–" in str(d.app.main.query_one("#findings-text", Static).render())
        rows = d.text("#layers").splitlines()
        assert "●" in rows[1]
        assert "○" in rows[9]
