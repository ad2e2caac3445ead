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
    with (FOLDER / "iris.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    species = ("setosa", "versicolor", "virginica")
    return Dataset(
        name="iris",
        x=np.array([row[:4] for row in rows], np.float32),
        y=np.array([species.index(row[4]) for row in rows], np.int64),
        feature_names=tuple(header[:4]),
        target_names=species,
        task="classification",
        description="150 irises by four lengths in cm, three species",
        source="UCI Iris (Fisher 1936), with rows 35 and 38 as in Fisher's paper, CC BY 4.0",
    )
