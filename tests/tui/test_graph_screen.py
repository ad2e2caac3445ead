"""The graph screen: `g`, opening and closing, following the run, writing pictures."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.training.test_time_travel import FULL, assert_same, losses, state
from tests.tui.test_app import HP, SIZES, driven
from tests.tui.test_worker import wait_for
from tinygrad_nn.graph import Graph
from tinygrad_nn.training import Experiment, Session
from tinygrad_nn.training.source import Source
from tui.inferior import Inferior, Start
from tui.protocol import Next, ShowGraph, Step, Until
from tui.screens.graph import GraphScreen
from tui.worker import start

DEEP = HP.replace(hidden=(6, 6, 6), residual=True, dropout=0.2)


async def opened(d) -> GraphScreen:
    await d.press("g")
    await d.until(lambda: isinstance(d.app.screen, GraphScreen) and d.app.screen._shown is not None)
    await d.pilot.pause()
    return d.app.screen


@pytest.mark.parametrize("size", [*SIZES, (200, 60), (60, 18)], ids=str)
async def test_modules_open_and_close(size):
    async with driven(size, hp=DEEP) as d:
        screen = await opened(d)
        shown = d.text("#graph-tree")
        assert "Sequential" in shown
        assert "3 Residual" in shown
        assert "add" not in shown
        await d.press("a")
        await d.until(lambda: "weight" in d.text("#graph-tree"))
        assert all(len(line.rstrip()) <= size[0] for line in d.text("#graph-tree").splitlines())
        await d.press("a")
        await d.until(lambda: "0 Linear" not in d.text("#graph-tree"))
        tree = screen.tree_of_graph
        await d.press("home", "right")
        await d.until(lambda: "0 Linear" in d.text("#graph-tree"))
        await d.press("j", "l")
        await d.until(lambda: "weight" in d.text("#graph-tree"))
        await d.press("down", "h")
        assert tree.cursor_node.data.endswith("0 Linear")
        await d.press("left")
        await d.until(lambda: "weight" not in d.text("#graph-tree"))
        await d.press("escape")
        await d.until(lambda: d.app.screen is d.app.main)


async def test_columns_stand_under_each_other():
    async with driven((120, 40), hp=DEEP) as d:
        await opened(d)
        await d.press("a")
        await d.until(lambda: "weight" in d.text("#graph-tree"))
        lines = [line for line in d.text("#graph-tree").splitlines() if "float32" in line]
        assert len(lines) > 10
        assert len({line.index("float32") for line in lines}) == 1
        assert len({line.index(" … ") > line.index("float32") for line in lines}) == 1


async def test_it_follows_the_run_and_what_is_open_stays_open():
    async with driven(hp=DEEP) as d:
        screen = await opened(d)
        await d.press("a")
        before = screen._shown
        await d.press("n")
        await d.until(lambda: screen._shown is not before and d.now.epoch == 1)
        await d.until(lambda: "weight" in d.text("#graph-tree"))
        assert "epoch 1" in str(screen.heading.render())
        await d.press("b")
        await d.until(lambda: any(node.backward for node in screen._shown.nodes))
        await d.until(lambda: any("backward pass" in str(x.label) for x in screen.tree_of_graph.root.children))


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_operation_by_operation_with_the_values_that_flow(size):
    async with driven(size, hp=DEEP) as d:
        screen = await opened(d)
        ran = [node for node in screen._shown.nodes if node.kind == "operation"]
        for node in ran[:4]:
            await d.press("full_stop")
            await d.until(lambda node=node: screen.tree_of_graph.chosen == node.id)
        said = str(screen.detail.render())
        assert said.startswith(f"{ran[3].name} (operation) · in Sequential")
        for edge in screen._shown.inputs[ran[3].id]:
            assert f"← {screen._shown.node[edge.source].name} {edge.shape}" in said
        await d.press("comma")
        await d.until(lambda: screen.tree_of_graph.chosen == ran[2].id)


async def test_keys_of_the_main_screen_do_nothing_here():
    async with driven(hp=DEEP) as d:
        screen = await opened(d)
        await d.press("f", "x", "1", "e")
        assert d.app.screen is screen
        await d.press("s")
        await d.until(lambda: d.now.steps == 1)
        await d.press("space")
        await d.until(lambda: d.now.state == "running")
        await d.press("space")
        await d.until(lambda: d.now.state == "paused")


async def test_a_picture_is_written_and_a_wrong_name_refused(tmp_path):
    async with driven(hp=DEEP) as d:
        await opened(d)
        told = []
        d.app.notify = lambda text, **how: told.append(text)
        await d.press("w")
        await d.until(lambda: d.app.screen.query(Input))
        d.app.screen.query_one(Input).value = str(tmp_path / "net.gif")
        await d.press("enter")
        assert d.app.screen.query(Input)
        d.app.screen.query_one(Input).value = str(tmp_path / "net.dot")
        await d.press("enter")
        await d.until(lambda: told)
        assert told == [f"written: {tmp_path / 'net.dot'}"]
        assert (tmp_path / "net.dot").read_text().startswith("digraph")


def test_a_graph_does_not_disturb_the_run():
    alone = Session(Experiment("xor", FULL))
    alone.next(3)
    worker = start(Experiment("xor"), FULL)
    try:
        worker.send(ShowGraph())
        assert isinstance(wait_for(worker, lambda s: s.graph is not None).graph, Graph)
        worker.send(Step(3))
        wait_for(worker, lambda s: s.steps == 3 and s.state == "paused")
        first = worker.snapshot.graph
        worker.send(ShowGraph(backward=True))
        wait_for(worker, lambda s: s.graph is not first)
        worker.send(Until(3))
        wait_for(worker, lambda s: s.epoch == 3 and s.state == "paused")
        seen = worker.snapshot.known
    finally:
        worker.close()
    assert [(r.train_loss, r.val_loss, r.train_metric, r.lr) for r in seen] == losses(alone)


def test_tracing_leaves_every_number_as_it_was():
    from tui.worker import Worker, _Loop

    session = Session(Experiment("xor", FULL))
    session.step(5)
    before, layers = state(session), session.layers
    graph = _Loop(Worker(session.experiment, FULL), session).traced(True)
    assert any(node.backward for node in graph.nodes)
    assert_same(state(session), before)
    assert (session.layers, session.steps) == (layers, 5)


def test_the_process_sends_a_graph_once_and_it_stays():
    inferior = Inferior(Start(Source(data="xor", settings=("hidden=4", "epochs=1000")), None, False))
    inferior.start()
    inferior.ready()
    try:
        wait_for(inferior, lambda s: s.state == "paused")
        inferior.send(ShowGraph())
        graph = wait_for(inferior, lambda s: s.graph is not None).graph
        inferior.send(Next())
        assert wait_for(inferior, lambda s: s.epoch == 1).graph is graph
    finally:
        inferior.close()
