"""The lanes of tests, and what is the same for every test."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.lanes import EXAMPLES
from tui.cli import limit_threads

limit_threads(())  # before NumPy is imported: a product on several threads waits for them where the machine is busy


def lane(config: pytest.Config) -> str:
    return config.option.markexpr if config.option.markexpr in EXAMPLES else "usual"


def pytest_configure(config):
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile(lane(config))


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(config, items):
    for item in items:
        if lane(config) == "slow" and is_hypothesis_test(item.obj):
            item.add_marker("slow")  # many more examples
        drives_the_screen = inspect.iscoroutinefunction(item.obj)
        if not (drives_the_screen or item.get_closest_marker("program") or item.get_closest_marker("slow")):
            item.add_marker("quick")


@pytest.fixture(autouse=True, scope="session")
def runs_of_the_tests(tmp_path_factory):
    """Runs that tests record go where nobody keeps theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NN_DEBUG_HOME", str(tmp_path_factory.mktemp("runs")))
        yield
