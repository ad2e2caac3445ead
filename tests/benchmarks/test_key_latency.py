"""How soon a key is answered while digits train at full speed (the aim: within 50 ms)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from textual import events

from tinygrad_nn.training.source import Source
from tui.app import NNDebugApp
from tui.inferior import Inferior, Start


@pytest.mark.program
def test_key_latency(benchmark):
    """One round is one key, from the terminal driver to its action."""

    async def keys(count: int) -> list[float]:
        worker = Inferior(Start(Source(data="digits", settings=("epochs=1000000",)), None, True))
        worker.start()
        worker.ready()
        app: Any = NNDebugApp(worker)
        answered: list[float] = []
        app.action_toggle_log = lambda: answered.append(time.perf_counter())
        delays = []
        try:
            async with app.run_test(size=(120, 40)):
                for _ in range(count):
                    await asyncio.sleep(0.05)
                    before, began = len(answered), time.perf_counter()
                    key = events.Key("y", "y")
                    key.set_sender(app)
                    app._driver.send_message(key)
                    while len(answered) == before:
                        await asyncio.sleep(0.0005)
                    delays.append(answered[-1] - began)
                assert worker.snapshot.state == "running"
        finally:
            worker.close()
        return delays

    delays = sorted(benchmark.pedantic(lambda: asyncio.run(keys(40 if benchmark.enabled else 2)), rounds=1))
    benchmark.extra_info["median_ms"] = delays[len(delays) // 2] * 1000
    benchmark.extra_info["p95_ms"] = delays[int(len(delays) * 0.95)] * 1000
