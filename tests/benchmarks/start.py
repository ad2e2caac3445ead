"""What it costs to start, in CPU time: `python -m tests.benchmarks.start`.

Each command runs by itself in a fresh process, nine times, and the lowest counts: other programs only add. The aims:
`import tinygrad_nn` adds at most .4 of what `import numpy` takes; `nn-debug --version` takes at most 4 times what
Python alone takes; the first line of a command that loads something comes within 0.3 s (that one is by the clock).
Bytecode is kept, as it is where the package is installed: in a folder of its own, and not counted.
"""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMES = 9


def cpu(*arguments: str, cache: str) -> float:
    """The CPU time of `python ...` in milliseconds, the lowest of nine."""
    best = float("inf")
    for _ in range(TIMES + 1):  # the first writes the bytecode
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=environment(cache))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best * 1000


def environment(cache: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**own, "PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": str(ROOT), "NN_DEBUG_HOME": cache}


def first_line(*arguments: str, cache: str) -> float:
    """Seconds until a command has written anything to its terminal, the lowest of nine."""
    best = float("inf")
    for _ in range(TIMES):
        master, slave = pty.openpty()
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment(cache),
        )
        os.close(slave)
        os.read(master, 1)
        best = min(best, time.perf_counter() - began)
        process.kill()
        process.wait()
        os.close(master)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        bare = cpu("-c", "pass", cache=cache)
        numpy = cpu("-c", "import numpy", cache=cache)
        library = cpu("-c", "import tinygrad_nn", cache=cache)
        parts = cpu("-c", "import tinygrad_nn.nn, tinygrad_nn.optim", cache=cache)
        version = cpu("-m", "tui.cli", "--version", cache=cache)
        helped = cpu("-m", "tui.cli", "--help", cache=cache)
        print(f"python                 {bare:6.1f} ms")
        print(f"import numpy           {numpy - bare:6.1f} ms more")
        share = (library - numpy) / (numpy - bare)
        print(f"import tinygrad_nn     {library - numpy:6.1f} ms more than NumPy: {share:.2f} of it (aim: .40)")
        print(f"  with nn and optim    {parts - numpy:6.1f} ms more: {(parts - numpy) / (numpy - bare):.2f}")
        print(f"nn-debug --version     {version:6.1f} ms: {version / bare:.1f} times Python alone (aim: 4)")
        print(f"nn-debug --help        {helped:6.1f} ms")
        for command in (("--data", "xor"), ("run", "--data", "xor"), ("lr-find", "--data", "xor")):
            print(f"first line of {' '.join(command):<20} {first_line(*command, cache=cache):.2f} s (aim: 0.3)")


if __name__ == "__main__":
    main()
