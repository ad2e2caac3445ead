"""What it costs to read a table, compared with pandas' C engine: `python -m tests.benchmarks.reading [--rows N]`.

Each reading has a process of its own, three times, and the lowest CPU time counts; the memory is the most that the
process held above what it held before. The aims: at most 3 times pandas' time, and 3 times the size of the file. Linux
only. The tables have ten columns: numbers alone; two of them texts of a few values.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TIMES = 3
MEASURE = """
import sys, time
import pandas
from tinygrad_nn.data import read_table
def peak():
    with open("/proc/self/status") as status:  # not getrusage: that begins with what the parent held
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
before, began = peak(), time.process_time()
pandas.read_csv(sys.argv[2]) if sys.argv[1] == "pandas" else read_table(sys.argv[2])
print(time.process_time() - began, peak() - before)
"""


def measured(reader: str, file: Path) -> tuple[float, float]:
    """CPU seconds and MiB."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", MEASURE, reader, str(file)],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        ).stdout.split()
        for _ in range(TIMES)
    ]
    return min(float(seconds) for seconds, _ in runs), min(float(memory) for _, memory in runs)


def write(file: Path, rows: int, texts: int) -> None:
    rng = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "north", "south"])
    columns = [words[rng.integers(0, 5, rows)] for _ in range(texts)]
    columns += [np.char.mod("%.4f", rng.normal(size=rows)) for _ in range(10 - texts)]
    body = columns[0]
    for column in columns[1:]:
        body = np.char.add(np.char.add(body, ","), column)
    file.write_text(",".join(f"c{i}" for i in range(10)) + "\n" + "\n".join(body.tolist()) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for texts in (0, 2):
            file = Path(folder, f"{texts}.csv")
            write(file, options.rows, texts)
            (theirs, _), (ours, memory) = measured("pandas", file), measured("ours", file)
            size = file.stat().st_size / 2**20
            print(
                f"{options.rows} rows, {texts} of 10 columns text: {ours:.2f} s, {ours / theirs:.1f} times pandas; "
                f"{memory:.0f} MiB, {memory / size:.1f} times the file"
            )


if __name__ == "__main__":
    main()
