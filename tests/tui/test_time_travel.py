"""Time travel, driven as a person drives it: moments, forks, breakpoints, branches, fixes."""

from __future__ import annotations

import pytest
from textual.widgets import Input, OptionList

from tests.tui.test_app import HP, SIZES, Driven, driven
from tinygrad_nn.training import Experiment, Hyperparameters
from tui.protocol import Checkout, Fork, Pace, Rewind, Until
from tui.screens.branches import BranchesScreen
from tui.screens.breakpoints import BreakpointsScreen
from tui.screens.help import HelpScreen
from tui.screens.prompt import PromptScreen, Verdict
from tui.widgets.hyperparameters import HyperparameterList

SICK = Hyperparameters(hidden=(8,) * 8, activation="sigmoid", init="normal", lr=0.01, epochs=100)


async def trained(d: Driven, epochs: int) -> None:
    """Train to the end of an epoch, at full speed."""
    d.app.worker.send(Pace(None))
    d.app.worker.send(Until(epochs))
    await d.until(lambda: d.now.epoch == epochs and d.now.state != "running" and d.app._seen is d.now)


async def drawn(d: Driven) -> None:
    await d.until(lambda: d.app._seen is d.now)
    await d.pilot.pause()


def verdict(d: Driven) -> str:
    return str(d.app.screen.query_one(Verdict).render())


@pytest.mark.parametrize("size", [*SIZES, (200, 60)], ids=str)
async def test_left_and_right_show_another_moment_everywhere(size):
    async with driven(size) as d:
        await d.press("s", "s")
        await d.until(lambda: d.now.steps == 2)
        d.app.action_nudge(1)
        await d.until(lambda: d.now.hyperparameters.lr == 0.02)
        await trained(d, 6)
        await d.press("4", "left", "left")
        shown = d.app.main.snapshot
        assert (shown.epoch, len(shown.history), d.now.epoch) == (4, 5, 6)
        assert "◀ epoch 4 of 6 seen" in d.text("#status")
        assert shown.layers == d.now.known[4].layers
        await d.until(lambda: "●" in d.text("#timeline"))
        before = d.text("#layers")
        await d.press("home")
        await d.until(lambda: "◀ epoch 0 of 6 seen" in d.text("#status"))
        assert d.text("#layers") != before
        assert d.app.main.query_one(HyperparameterList).values.lr == 0.01
        assert d.app.main.loss._cursor == d.app.main.flow._cursor == 0
        await d.press("left")
        assert d.app.moment == 0
        await d.press("right", "right")
        assert d.app.moment == 2
        assert d.app.main.query_one(HyperparameterList).values.lr == 0.02
        await d.press("end")
        assert d.app.moment is None
        await d.until(lambda: "epoch 6/" in d.text("#status"))
        assert d.app.main.loss._cursor is None
        assert d.now.epoch == 6
        assert d.now.steps == d.now.known[6].step


async def test_left_pauses_a_running_session_and_right_does_not():
    async with driven() as d:
        await d.press("space")
        await d.until(lambda: d.now.epoch >= 2)
        await d.press("right", "end")
        assert d.app.moment is None
        assert d.now.state == "running"
        await d.press("left")
        await d.until(lambda: d.now.state == "paused")
        assert d.app.moment is not None
        assert d.app.moment <= d.now.epoch


@pytest.mark.parametrize(
    ("key", "reached"),
    [
        ("s", lambda s: (s.epoch, s.batch, s.state) == (2, 1, "paused")),
        ("n", lambda s: (s.epoch, s.batch, s.state) == (3, 0, "paused")),
        ("space", lambda s: s.state == "running" and 2 <= s.epoch < 6),
        ("c", lambda s: s.state == "running" and 2 <= s.epoch < 6),
    ],
)
async def test_going_on_from_the_past_begins_there_and_gives_the_same(key, reached):
    async with driven() as d:
        await trained(d, 6)
        losses = [r.train_loss for r in d.now.known]
        d.app.worker.send(Pace(2))
        await d.press("home", "right", "right")
        assert d.app.moment == 2
        await d.press(key)
        await d.until(lambda: reached(d.now))
        assert d.app.moment is None
        assert len(d.now.branches) == 1
        if key in ("s", "n"):
            await d.until(lambda: "◀ epoch " in d.text("#status"))
        else:
            await d.press("c")  # while it runs, this is nothing
            assert d.now.state == "running"
        await d.press("end")
        assert [r.train_loss for r in d.now.known] == losses


async def test_a_change_in_the_past_makes_a_branch():
    async with driven() as d:
        await trained(d, 5)
        await d.press("left", "left", "right_square_bracket")
        await d.until(lambda: len(d.now.branches) == 2)
        assert (d.now.epoch, d.now.hyperparameters.lr, d.now.branches[1].epoch) == (4 - 1, 0.02, 3)
        assert d.app.moment is None
        await d.press("right_square_bracket")
        await d.until(lambda: d.now.hyperparameters.lr == 0.05)
        assert len(d.now.branches) == 2


async def test_nudges_while_the_session_is_on_its_way_elsewhere_are_not_about_other_values():
    async with driven() as d:
        await trained(d, 3)
        d.app.action_nudge(1)
        await d.until(lambda: d.now.hyperparameters.lr == 0.02)
        await trained(d, 5)
        await d.press("home")
        sent = []
        d.app.worker.send = sent.append
        d.app.on_changed(type("Message", (), {"knob": d.app.main.hyperparameters.list.knob, "value": 0.005}))
        assert [type(command).__name__ for command in sent] == ["Rewind", "Set"]
        d.app.action_nudge(1)  # nothing has come back yet
        await d.pilot.pause()
        assert len(sent) == 2


async def test_the_marks_are_gone_through_by_braces():
    async with driven((120, 40), hp=SICK.replace(patience=0)) as d:
        await trained(d, 3)
        d.app.action_nudge(1)
        await d.until(lambda: d.now.hyperparameters.lr == 0.02)
        await trained(d, 8)
        assert d.now.findings[0].first_epoch == 1
        await d.press("left_curly_bracket")
        assert d.app.moment == 3
        await d.press("left_curly_bracket")
        assert d.app.moment == 1
        await d.press("left_curly_bracket")
        assert d.app.moment == 1
        await d.press("right_curly_bracket")
        assert d.app.moment == 3
        assert "✖" in d.text("#timeline")
        assert "◉" in d.text("#timeline")


@pytest.mark.parametrize("size", [*SIZES, (60, 18), (200, 60)], ids=str)
async def test_a_fork_from_the_past_with_a_change(size):
    async with driven(size) as d:
        await trained(d, 5)
        await d.press("left", "left", "f")
        await d.until(lambda: isinstance(d.app.screen, PromptScreen))
        assert d.app.screen.query_one(".box").border_title == "Fork at epoch 3, with"
        await d.type("lr=-1")
        await d.until(lambda: "✖ lr must be a number above 0" in verdict(d))
        await d.press("enter")
        assert isinstance(d.app.screen, PromptScreen)  # not with this
        await d.press(*["backspace"] * 2)
        await d.type("0.5 mom")
        await d.press("tab")
        await d.type("0.5")
        await d.until(lambda: verdict(d) == "learning rate 0.01 → 0.5, momentum 0.9 → 0.5")
        await d.press("enter")
        await d.until(lambda: len(d.now.branches) == 2)
        assert d.app.screen is d.app.main
        assert d.now.branches[1].epoch == d.now.epoch == 3
        assert (d.now.hyperparameters.lr, d.now.hyperparameters.momentum) == (0.5, 0.5)
        await d.until(lambda: d.app._seen is d.now and "fork 1" in d.text("#timeline"))


async def test_a_fork_that_changes_nothing_and_one_that_is_left():
    async with driven() as d:
        await trained(d, 2)
        await d.press("f", "escape")
        await d.until(lambda: d.app.screen is d.app.main)
        assert len(d.now.branches) == 1
        await d.press("s")
        await d.until(lambda: d.now.batch == 1)
        await d.press("f")
        await d.until(lambda: isinstance(d.app.screen, PromptScreen) and verdict(d) == "as it is")
        assert d.app.screen.query_one(".box").border_title == "Fork at batch 1 of epoch 3, with"
        await d.press("enter")
        await d.until(lambda: len(d.now.branches) == 2)
        assert (d.now.epoch, d.now.batch) == (2, 1)


async def test_a_fork_with_another_network_leaves_at_epoch_0():
    async with driven() as d:
        await trained(d, 4)
        await d.press("f", *"act", "tab", *"r", "tab")
        field = d.app.screen.query_one(Input)
        await d.until(lambda: field.value == "activation=relu")
        assert "it forks from epoch 0" in verdict(d)
        await d.press("enter")
        await d.until(lambda: len(d.now.branches) == 2)
        assert (d.now.epoch, d.now.hyperparameters.activation) == (0, "relu")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_breakpoints_are_set_reached_and_removed(size):
    async with driven(size) as d:
        d.app.worker.send(Pace(None))
        await d.press("b")
        await d.until(lambda: isinstance(d.app.screen, BreakpointsScreen))
        await d.type("nonsense > 1")
        await d.until(lambda: "✖ there is no name 'nonsense'" in verdict(d))
        await d.press("enter")
        assert d.now.breakpoints == ()
        await d.press("ctrl+u")
        await d.type("epo")
        await d.press("tab")
        await d.type(" == 4")
        await d.press("enter")
        await d.until(lambda: d.now.breakpoints == ("epoch == 4",))
        await d.type('finding("van')
        await d.press("tab", "enter")
        await d.until(lambda: d.now.breakpoints == ("epoch == 4", 'finding("vanishing_gradient")'))
        await d.type("step == 7")
        await d.press("enter")
        await d.until(lambda: len(d.now.breakpoints) == 3)
        await d.press("enter")  # nothing more
        await d.until(lambda: d.app.screen is d.app.main)
        await d.press("space")
        await d.until(lambda: d.now.steps == 7 and d.now.state == "paused")
        assert "stopped: after step 7, step == 7" in d.now.notice
        await d.press("c")
        await d.until(lambda: d.now.epoch == 4 and d.now.state == "paused")
        assert d.now.stops == (7 / 13, 4)
        await drawn(d)
        await d.press("left_curly_bracket")
        assert d.app.moment == 0
        await d.until(lambda: "■" in d.text("#timeline"))
        await d.press("b")
        await d.until(lambda: isinstance(d.app.screen, BreakpointsScreen))
        await d.press("down", "delete", "up")
        await d.until(lambda: d.now.breakpoints == ("epoch == 4", "step == 7"))
        await d.pilot.click("#remove", offset=(2, 0))
        await d.until(lambda: len(d.now.breakpoints) == 1)
        await d.press("delete")
        await d.until(lambda: d.now.breakpoints == ())
        assert not d.app.screen.query_one(OptionList).display
        await d.press("delete", "up", "escape")
        await d.until(lambda: d.app.screen is d.app.main)


async def test_until_an_epoch():
    async with driven() as d:
        d.app.worker.send(Pace(None))
        await d.press("n", "u")
        await d.until(lambda: isinstance(d.app.screen, PromptScreen) and d.now.epoch == 1)
        for wrong in ("0", "x", "100001"):
            await d.type(wrong)
            await d.press("enter")
            await d.until(lambda: "✖ an epoch after" in verdict(d))
            await d.press("ctrl+u")
        await d.press("5")
        await d.until(lambda: "more of 100000" in verdict(d))
        await d.press("enter")
        await d.until(lambda: d.now.epoch == 5 and d.now.state == "paused")
        await drawn(d)
        await d.press("home", "u", "3", "enter")
        await d.until(lambda: d.now.epoch == 3 and d.now.state == "paused")
        await d.press("u", "escape", "u", "enter")  # no number: nothing
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.now.epoch == 3


async def forked(d: Driven) -> None:
    """Three branches: main of 6 epochs, fork 1 from 2 with 5, fork 2 from 4 of main with 4."""
    await trained(d, 6)
    for command, until in ((Fork(2, {"lr": 0.1}), 5), (Checkout(0), 0), (Fork(4), 0)):
        branch = d.now.branch, len(d.now.branches)
        d.app.leave(command)
        await d.until(lambda branch=branch: (d.now.branch, len(d.now.branches)) != branch)
        if until:
            await trained(d, until)
    await drawn(d)


@pytest.mark.parametrize("size", [*SIZES, (60, 18), (200, 60)], ids=str)
async def test_the_branches_are_listed_and_one_is_gone_to(size):
    async with driven(size) as d:
        await forked(d)
        await d.press("v")
        await d.until(lambda: isinstance(d.app.screen, BranchesScreen))
        options = d.app.screen.query_one(OptionList)
        await d.until(lambda: options.option_count == 3)
        texts = [str(options.get_option_at_index(n).prompt) for n in range(3)]
        assert "main" in texts[0]
        assert "╰ fork 2" in texts[1]
        assert "╰ fork 1: lr 0.1" in texts[2]
        numbers = texts[2].split("lr 0.1")[1].split()
        assert numbers[:2] == ["2", "5"] if size[0] >= 80 else numbers[0] == "5"  # from, epochs
        assert len({len(text) for text in texts}) == 1
        assert len(texts[0]) <= options.size.width
        assert options.highlighted == 1  # where the session is
        chart = d.app.screen.chart
        assert [s.name for s in chart._series][-1] == "fork 2"  # over the others
        assert sorted(len(s.y) for s in chart._series) == [5, 6, 7]
        await d.press("down")
        await d.until(lambda: chart._series[-1].name == "fork 1")
        await d.pilot.resize_terminal(size[0] + 3, size[1])
        await d.pilot.pause()
        assert options.highlighted == 2
        await d.press("enter")
        await d.until(lambda: d.now.branch == 1)
        await d.until(lambda: "epoch 5/" in d.text("#status"))
        await d.press("v", "escape")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.now.branch == 1


async def test_the_charts_follow_the_branch():
    async with driven() as d:
        await forked(d)
        for branch, lr in ((1, 0.1), (0, 0.01), (2, 0.01), (1, 0.1)):
            d.app.leave(Checkout(branch))
            await d.until(lambda branch=branch: d.now.branch == branch and d.app.main._drawn is d.now)
            curve = d.app.main.columns.curve("train_loss")
            assert curve.tolist() == [r.train_loss for r in d.now.known]
            assert d.now.hyperparameters.lr == lr


async def test_clicks_on_the_timeline():
    async with driven((120, 40)) as d:
        await forked(d)
        line = d.app.main.timeline
        await d.until(lambda: line.size.height == 4)
        rows = d.text("#timeline").splitlines()
        assert [row.split()[0] for row in rows[:3]] == ["main", "fork", "fork"]
        scale = line._scale

        async def click(epoch: float, row: int) -> None:
            await d.pilot.click("#timeline", offset=(1 + scale.column(epoch), row))

        await click(2, 3)  # on the axis: the branch that is there
        assert (d.app.moment, d.now.branch) == (2, 2)
        await click(3, 0)  # on its parent, before it leaves: the same
        assert (d.app.moment, d.now.branch) == (3, 2)
        await click(4, 1)
        assert d.app.moment is None  # where the session is
        await click(5, 0)  # after it leaves: the parent itself
        await d.until(lambda: (d.now.branch, d.now.epoch) == (0, 5))
        assert d.app.moment is None
        await drawn(d)
        await d.pilot.click("#timeline", offset=(3, 2))  # by its name, to its end
        await d.until(lambda: (d.now.branch, d.now.epoch) == (1, 5))
        await drawn(d)
        await d.pilot.click("#timeline", offset=(3, 2))  # it is there
        assert (d.app.moment, d.now.branch) == (None, 1)


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (110, 30), (120, 40), (200, 60)], ids=str)
async def test_the_timeline_takes_little_room(size):
    async with driven(size) as d:
        await forked(d)
        lines = 4 if size[0] >= 110 else 1
        timeline = d.app.main.timeline
        await d.until(lambda: timeline.size.height == lines)
        assert timeline.region.bottom == size[1] - 1  # the keys are below
        assert timeline.region.right <= size[0]
        await d.pilot.resize_terminal(80, 24)
        await d.until(lambda: timeline.size.height == 1)
        await d.pilot.resize_terminal(40, 10)
        await d.until(lambda: not timeline.region.area)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_fix_of_a_finding_is_tried_on_a_branch(size):
    async with driven(size, Experiment("spiral"), SICK) as d:
        told = []
        d.app.notify = lambda message, **how: told.append((how.get("title"), message))
        await d.press("x")
        assert "nothing is found here" in told[-1][1]
        await trained(d, 8)
        changes = d.now.findings[0].remedies[0].changes
        assert changes["activation"] == "relu"
        await d.press("x")
        await d.until(lambda: len(d.now.branches) == 2)
        assert (d.now.epoch, d.now.hyperparameters.activation) == (0, "relu")
        await d.until(lambda: told[-1] == ("Trying the fix for vanishing gradient", d.now.notice))
        assert "activation relu" in told[-1][1]


async def test_restart_keeps_what_was_seen():
    async with driven() as d:
        await trained(d, 4)
        await d.press("left", "r")
        await d.until(lambda: d.now.steps == 0)
        assert d.app.moment is None
        assert len(d.now.known) == 5
        await d.press("end")
        await d.until(lambda: d.app.moment == 4)


async def test_a_moment_that_is_gone_is_not_looked_at():
    async with driven() as d:
        await trained(d, 4)
        await d.press("left")
        d.app.worker.send(Checkout(0))
        await d.until(lambda: d.app._seen is d.now)
        assert d.app.moment == 3  # the same branch
        d.app.worker.send(Fork(1, {"lr": 0.5}))
        await d.until(lambda: d.now.branch == 1 and d.app._seen is d.now)
        assert d.app.moment is None
        d.app.worker.send(Rewind(0))
        await d.until(lambda: d.now.epoch == 0 and d.app.main.snapshot is d.now)


async def test_help_explains_the_timeline_and_keys_do_nothing_over_a_dialogue():
    async with driven() as d:
        await trained(d, 3)
        await d.press("question_mark")
        await d.until(lambda: isinstance(d.app.screen, HelpScreen))
        await d.press("left", "f", "x", "escape")
        await d.until(lambda: d.app.screen is d.app.main)
        assert d.app.moment is None
        assert len(d.now.branches) == 1


async def test_home_and_end_are_the_timeline_s_whatever_has_the_focus():
    async with driven((80, 24), hp=HP) as d:
        await trained(d, 3)
        for pane in "123456":
            await d.press(pane, "home")
            await d.until(lambda: d.app.moment == 0)
            await d.press("right")
            await d.until(lambda: d.app.moment == 1)
            await d.press("end")
            await d.until(lambda: d.app.moment is None)
