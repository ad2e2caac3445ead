"""What training costs in memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from tinygrad_nn import Tensor

x = Tensor(np.ones(500_000, np.float32), requires_grad=True)

def step():
    x.grad = None
    y = (x * x + x).tanh()
    (y * y).sum().backward()

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told to keep its memory")
def test_a_step_reuses_the_memory_of_the_one_before():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    # Handed back to the system and fetched again, each of the arrays would cost 488 page faults.
    assert int(done.stdout) < 488
