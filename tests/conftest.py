from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def runs_of_the_tests(tmp_path_factory):
    """Runs that tests record go where nobody keeps theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NN_DEBUG_HOME", str(tmp_path_factory.mktemp("runs")))
        yield
