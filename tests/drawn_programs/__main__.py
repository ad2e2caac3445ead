"""Drawn programs for as long as one likes: `python -m tests.drawn_programs --minutes 60 --seed 0`."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from itertools import count

from tests.drawn_programs.programs import Tally, drawings, program


def listed(title: str, counts: Counter[str] | Counter[tuple[str, str]], most: int = 15) -> None:
    print(f"\n{title}: {sum(counts.values())}")
    for what, n in counts.most_common(most):
        print(f"{n:8} {what if isinstance(what, str) else ': '.join(what)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0, help="the first one; the next program has the next one")
    parser.add_argument("--programs", type=int, help="so many instead of so many minutes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    tally, end = Tally(), time.monotonic() + 60 * options.minutes
    for seed in count(options.seed):
        if tally.programs == options.programs or (options.programs is None and time.monotonic() > end):
            break
        found = len(tally.faults)
        program(seed, tally)
        for fault in tally.faults[found:]:
            print(f"\n# --- seed {seed}\n{fault}", flush=True)
    listed("differences that are meant", tally.excused, 100)
    listed("refused here, done in PyTorch", tally.refused)
    listed("done here, refused in PyTorch", tally.wider)
    never = sorted({name.split(".")[-1] for name in drawings()} - set(tally.agreed))
    print(f"\nnames that were not run: {', '.join(never) or 'none'}")
    print(f"{tally.programs} programs, {sum(tally.agreed.values())} lines that agree, {len(tally.faults)} faults")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
