"""Data that ships inside the package. `files/README.md` names sources and licences."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np

from .dataset import Dataset

FOLDER = files("tinygrad_nn.data") / "files"


def load_digits() -> Dataset:
    """Handwritten digits: 1,797 images of 8x8 pixels, grey from 0 to 16, ten classes."""
    with (FOLDER / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images, digits = arrays["images"], arrays["digits"]
    return Dataset(
        name="digits",
        x=images.reshape(len(images), -1).astype(np.float32),
        y=digits.astype(np.int64),
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        target_names=tuple("0123456789"),
        task="classification",
        description="handwritten digits, 1,797 images of 8x8 pixels, ten classes",
        source="UCI Optical Recognition of Handwritten Digits, test part (Alpaydin & Kaynak 1998), CC BY 4.0",
        image_shape=(8, 8),
    )


def load_iris() -> Dataset:
    """Fisher's irises: 150 flowers, four lengths in cm, three species."""
    return _classification(
        name="iris",
        target_names=("setosa", "versicolor", "virginica"),
        description="150 irises by four lengths in cm, three species",
        source="UCI Iris (Fisher 1936), with rows 35 and 38 as in Fisher's paper, CC BY 4.0",
    )


def load_wine() -> Dataset:
    """Wines from three cultivars of one region of Italy: 178 wines, 13 chemical measurements of each."""
    return _classification(
        name="wine",
        target_names=("cultivar 1", "cultivar 2", "cultivar 3"),
        description="178 Italian wines by 13 chemical measurements, three cultivars",
        source="UCI Wine (Aeberhard & Forina 1991), CC BY 4.0",
    )


def load_breast_cancer() -> Dataset:
    """Breast tumours: 569 images of cells, 30 measurements of their nuclei, malignant (0) or benign (1)."""
    return _classification(
        name="breast_cancer",
        target_names=("malignant", "benign"),
        description="569 breast tumours by 30 measurements of cell nuclei, malignant or benign",
        source="UCI Breast Cancer Wisconsin (Diagnostic) (Wolberg, Mangasarian, Street & Street 1993), CC BY 4.0",
    )


def load_diabetes() -> Dataset:
    """Diabetes: 442 patients, ten measurements in their own units, how far the disease was a year on (25 to 346)."""
    header, rows = _read("diabetes")
    numbers = np.array(rows, np.float32)
    return Dataset(
        name="diabetes",
        x=numbers[:, :-1].copy(),
        y=numbers[:, -1].copy(),
        feature_names=tuple(header[:-1]),
        target_names=(header[-1],),
        task="regression",
        description="442 diabetes patients by ten measurements, progression after a year: a regression",
        source="Efron, Hastie, Johnstone & Tibshirani 2004, Least Angle Regression, Annals of Statistics 32(2)",
    )


def _classification(name: str, target_names: tuple[str, ...], description: str, source: str) -> Dataset:
    """The table of that name: its last column is the class, by name, the others are features."""
    header, rows = _read(name)
    return Dataset(
        name=name,
        x=np.array([row[:-1] for row in rows], np.float32),
        y=np.array([target_names.index(row[-1]) for row in rows], np.int64),
        feature_names=tuple(header[:-1]),
        target_names=target_names,
        task="classification",
        description=description,
        source=source,
    )


def _read(name: str) -> tuple[list[str], list[list[str]]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    return header, rows
