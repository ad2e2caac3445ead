"""ctrl+o: another run on the screen, to look at or to go on with."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from tests.tui.test_app import SIZES, driven
from tinygrad_nn.training import Session
from tinygrad_nn.training.recorder import Recorder
from tinygrad_nn.training.source import Source
from tui.inferior import Inferior
from tui.replay import Replay
from tui.screens.open import OpenScreen


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NN_DEBUG_HOME", str(tmp_path))
    return tmp_path


def recorded(path, data="moons", epochs=3) -> None:
    source = Source(data=data, settings=("hidden=5,5,5", "batch_size=100", "epochs=9"))
    recorder = Recorder(path, asdict(source))
    session = Session(*source.load(), listeners=[recorder])
    session.next(epochs)
    recorder.close()


@pytest.mark.parametrize("size", [*SIZES, (200, 60)], ids=str)
async def test_a_recorded_run_is_looked_at(home, size):
    recorded(home / "a.nndb")
    async with driven(size) as d:
        before = d.app.worker
        await d.press("ctrl+o")
        await d.until(lambda: isinstance(d.app.screen, OpenScreen))
        assert "moons" in d.text("OptionList")
        assert "ended after 3 epochs" in d.text("OptionList")
        await d.press("enter")
        await d.until(lambda: isinstance(d.app.worker, Replay))
        await d.until(lambda: "moons" in d.text("#status"))
        await d.until(lambda: not before._thread.is_alive())
        assert len(d.app.main.snapshot.layers) == 4
        await d.press("left")
        await d.until(lambda: "◀ epoch 2 of 3 seen" in d.text("#status"))
        notices = []
        d.app.notify = lambda text, **how: notices.append(text)
        await d.press("space")
        await d.until(lambda: any("nn-debug resume goes on with it" in text for text in notices))


async def test_a_recorded_run_goes_on(home):
    recorded(home / "a.nndb")
    async with driven() as d:
        await d.press("ctrl+o")
        await d.until(lambda: isinstance(d.app.screen, OpenScreen))
        await d.press("r")
        await d.until(lambda: isinstance(d.app.worker, Inferior))
        try:
            await d.until(lambda: d.now.state == "paused" and d.now.epoch == 3)
            await d.press("n")
            await d.until(lambda: d.now.epoch == 4)
        finally:
            d.app.worker.close()


async def test_one_that_cannot_be_opened_leaves_what_is_there(home):
    recorded(home / "a.nndb")
    async with driven() as d:
        before = d.app.worker
        await d.press("ctrl+o")
        await d.until(lambda: isinstance(d.app.screen, OpenScreen))
        (home / "a.nndb").write_text("overwritten meanwhile")
        notices = []
        d.app.notify = lambda text, **how: notices.append(text)
        await d.press("enter")
        await d.until(lambda: any("is not a recorded run" in text for text in notices))
        assert d.app.worker is before


async def test_no_runs_yet_is_said_and_escape_leaves(home):
    async with driven() as d:
        await d.press("ctrl+o")
        await d.until(lambda: isinstance(d.app.screen, OpenScreen))
        assert f"No runs in {home} yet." in str(d.app.screen.query_one("Static").render())
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.app.main)
