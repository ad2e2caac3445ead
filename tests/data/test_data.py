"""Data sets, splits, batches and scaling against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import (
    Batches,
    Dataset,
    MinMaxScaler,
    StandardScaler,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    loaders,
    make_circle,
    make_gaussians,
    make_moons,
    make_spiral,
    make_xor,
    registry,
    train_validation_split,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbered(n: int, classes: int = 2) -> Dataset:
    """Examples that are told apart by their only feature."""
    x = np.arange(n, dtype=np.float32)[:, None]
    y = (np.arange(n) % classes).astype(np.int64)
    return Dataset("numbers", x, y, ("i",), tuple(map(str, range(classes))), "classification")


# --- Dataset


def test_what_a_dataset_refuses():
    good = {
        "name": "d",
        "x": np.ones((3, 2), np.float32),
        "y": np.array([0, 1, 0]),
        "feature_names": ("a", "b"),
        "target_names": ("no", "yes"),
        "task": "classification",
    }
    Dataset(**good)
    nan, inf = np.ones((3, 2)), np.array([0.0, 1, np.inf])
    nan[2, 1] = np.nan
    for change, message in [
        ({"x": np.ones(3)}, "x must be"),
        ({"x": np.ones((0, 2)), "y": np.ones(0, int)}, "not empty"),
        ({"y": np.array([0, 1])}, "3 examples but 2 targets"),
        ({"feature_names": ("a",)}, "2 features but 1 names"),
        ({"x": nan}, "row 2, column 'b' is nan"),
        ({"y": np.array([0, 1, 2])}, "there are names for 0 to 1"),
        ({"y": np.array([0.0, 1, 1])}, "classes must be integers"),
        ({"y": inf, "task": "regression", "target_names": ("t",)}, "row 2, target column 't' is inf"),
    ]:
        with pytest.raises(ValueError, match=message):
            Dataset(**{**good, **change})


# --- data that ships or is generated


@pytest.mark.parametrize("name", registry.names())
def test_every_named_set_loads_and_is_described(name):
    data = registry.load(name, rng=rng())
    assert data.name == name
    assert data.x.dtype == np.float32
    if data.task == "classification":
        assert data.y.dtype == np.int64
        assert set(np.unique(data.y)) == set(range(data.n_classes))
    else:
        assert data.y.dtype == np.float32
        assert data.n_classes == 0
    assert len(set(data.feature_names)) == data.n_features
    assert data.source
    assert registry.describe(name)


def test_every_file_that_ships_names_its_source_and_licence():
    shipped = {entry.name for entry in loaders.FOLDER.iterdir()} - {"README.md"}
    rows = [line.split("|") for line in (loaders.FOLDER / "README.md").read_text("utf-8").splitlines()]
    told = {row[1].strip(" `"): row[3:5] for row in rows if len(row) == 6 and "`" in row[1]}
    assert set(told) == shipped
    for source, licence in told.values():
        assert any(char.isdigit() for char in source)  # the year
        assert licence.strip()


def test_shipped_sets_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn ships the same data")
    for ours, theirs in (
        (load_digits(), datasets.load_digits()),
        (load_iris(), datasets.load_iris()),
        (load_wine(), datasets.load_wine()),
        (load_breast_cancer(), datasets.load_breast_cancer()),
        (load_diabetes(), datasets.load_diabetes(scaled=False)),
    ):
        np.testing.assert_array_equal(ours.x, theirs.data.astype(np.float32))
        np.testing.assert_array_equal(ours.y, theirs.target)


def test_digits_and_iris_by_their_published_figures():
    digits = load_digits()
    assert digits.x.shape == (1797, 64)
    assert (digits.x.min(), digits.x.max(), digits.image_shape) == (0, 16, (8, 8))
    assert np.bincount(digits.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    iris = load_iris()
    np.testing.assert_allclose(iris.x.mean(axis=0), [5.843333, 3.057333, 3.758, 1.199333], rtol=1e-5)
    np.testing.assert_allclose(iris.x[[34, 37]], [[4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1]], rtol=1e-6)


def test_wine_breast_cancer_and_diabetes_by_their_published_figures():
    wine = load_wine()
    assert (wine.x.shape, wine.feature_names[0], wine.feature_names[-1]) == ((178, 13), "alcohol", "proline")
    assert np.bincount(wine.y).tolist() == [59, 71, 48]
    np.testing.assert_allclose(wine.x.max(axis=0)[[0, 4, 12]], [14.83, 162, 1680], rtol=1e-6)
    cancer = load_breast_cancer()
    assert (cancer.x.shape, cancer.target_names) == ((569, 30), ("malignant", "benign"))
    assert np.bincount(cancer.y).tolist() == [212, 357]
    np.testing.assert_allclose([cancer.x[:, 0].min(), cancer.x[:, 3].max()], [6.981, 2501], rtol=1e-6)
    diabetes = load_diabetes()
    assert (diabetes.x.shape, diabetes.y.shape, diabetes.task) == ((442, 10), (442,), "regression")
    assert (diabetes.y.min(), diabetes.y.max(), diabetes.target_names) == (25, 346, ("progression",))
    np.testing.assert_allclose(diabetes.y.mean(dtype=np.float64), 152.13348, rtol=1e-6)
    assert set(diabetes.x[:, 1]) == {1, 2}


MAKERS = (make_circle, make_gaussians, make_moons, make_spiral, make_xor)


@pytest.mark.parametrize("make", MAKERS)
def test_generated_sets_repeat_with_the_generator_and_are_balanced(make):
    a, b, c = make(rng=rng(1)), make(rng=rng(1)), make(rng=rng(2))
    np.testing.assert_array_equal(a.x, b.x)
    noisy = make(noise=0.3, rng=rng(1))
    assert not np.array_equal(a.x, noisy.x) or not np.array_equal(a.y, noisy.y)
    assert not np.array_equal(a.x, c.x) or make is make_spiral  # without noise a spiral is not a matter of chance
    assert abs(a.y.mean() - 0.5) < 0.1
    assert make(n_samples=7, rng=rng()).n_samples == 7
    for wrong in ({"n_samples": 3}, {"noise": -0.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            make(**wrong, rng=rng())


def test_generated_sets_are_what_they_say():
    xor = make_xor(rng=rng())
    np.testing.assert_array_equal(xor.y == 1, xor.x.prod(axis=1) >= 0)
    assert np.abs(xor.x).min() >= 0.3
    circle = make_circle(rng=rng())
    radius = np.hypot(*circle.x.T)
    assert radius[circle.y == 1].max() <= 2.5
    assert 3.5 <= radius[circle.y == 0].min() <= radius.max() <= 5.001
    gaussians = make_gaussians(20_000, rng=rng())
    np.testing.assert_allclose(gaussians.x[gaussians.y == 1].mean(axis=0), [2, 2], atol=0.05)
    np.testing.assert_allclose(gaussians.x[gaussians.y == 0].var(axis=0), [0.5, 0.5], atol=0.05)
    spiral = make_spiral(rng=rng())
    np.testing.assert_allclose(spiral.x[spiral.y == 1], -spiral.x[spiral.y == 0], atol=1e-5)
    moons = make_moons(noise=0.0, rng=rng())
    np.testing.assert_allclose(np.hypot(*moons.x[moons.y == 0].T), 1, rtol=1e-5)


def test_the_registry_suggests_what_was_meant():
    with pytest.raises(ValueError, match="no data set 'sprial': did you mean spiral"):
        registry.load("sprial", rng=rng())
    with pytest.raises(ValueError, match="noise are for generated data"):
        registry.load("iris", rng=rng(), noise=0.1)
    assert registry.load("xor", rng=rng(), n_samples=10, noise=0.2).n_samples == 10


# --- splitting


@given(n=st.integers(4, 60), classes=st.integers(1, 4), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_a_split_is_a_partition_and_every_class_is_learnt_from(n, classes, fraction, seed):
    data = numbered(n, classes) if n > classes else numbered(classes + 1, classes)
    train, validation = train_validation_split(data, fraction, rng=rng(seed))
    both = np.concatenate([train.x, validation.x])[:, 0]
    assert sorted(both) == list(range(data.n_samples))
    assert train.n_samples >= 1
    assert validation.n_samples >= 1
    assert set(train.y) == set(data.y)


def test_a_stratified_split_keeps_the_proportions():
    y = np.repeat([0, 1, 2], [100, 50, 10]).astype(np.int64)
    data = Dataset("d", np.zeros((160, 1), np.float32), y, ("x",), ("a", "b", "c"), "classification")
    train, validation = train_validation_split(data, 0.2, rng=rng())
    assert np.bincount(validation.y).tolist() == [20, 10, 2]
    assert np.bincount(train.y).tolist() == [80, 40, 8]


def test_what_cannot_be_split():
    with pytest.raises(ValueError, match="fraction must be above 0"):
        train_validation_split(numbered(5), 1.0, rng=rng())
    with pytest.raises(ValueError, match="needs at least 2"):
        train_validation_split(numbered(1, 1), rng=rng())
    with pytest.raises(ValueError, match="single example"):
        train_validation_split(numbered(3, 3), rng=rng())
    line = Dataset("d", np.zeros((9, 1), np.float32), np.zeros(9, np.float32), ("x",), ("y",), "regression")
    with pytest.raises(ValueError, match="only a classification"):
        train_validation_split(line, rng=rng(), stratify=True)
    assert train_validation_split(line, rng=rng())[1].n_samples == 2


# --- batches


@given(n=st.integers(1, 50), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=20), shuffle=st.booleans())
def test_every_example_comes_once_an_epoch_whatever_happens_to_the_batch_size(n, sizes, shuffle):
    x = np.arange(n)[:, None]
    batches = Batches((x, np.arange(n) * 10), sizes[0], rng(), shuffle)
    batches.start_epoch()
    seen, i = [], 0
    while not batches.done:
        batches.batch_size = sizes[i % len(sizes)]
        part, target = batches.next_batch()
        assert 0 < len(part) <= batches.batch_size
        np.testing.assert_array_equal(part[:, 0] * 10, target)
        seen += part[:, 0].tolist()
        i += 1
        assert batches.position == i
    assert sorted(seen) == list(range(n))
    if not shuffle:
        assert seen == list(range(n))
    with pytest.raises(StopIteration):
        batches.next_batch()


def test_epochs_differ_in_order_and_iterate():
    batches = Batches((np.arange(30)[:, None], np.arange(30)), 8, rng())
    first, second = ([t.tolist() for _, t in batches] for _ in range(2))
    assert first != second
    assert [len(t) for t in first] == [8, 8, 8, 6]
    assert len(batches) == 4


@given(before=st.integers(0, 6))
def test_a_saved_place_goes_on_as_if_nothing_had_happened(before):
    generator = rng(5)
    batches = Batches((np.arange(20)[:, None], np.arange(20)), 3, generator)
    batches.start_epoch()
    for _ in range(before):
        batches.next_batch()
    place, state = batches.state_dict(), generator.bit_generator.state
    rest = []
    while not batches.done:
        rest.append(batches.next_batch()[1].tolist())
    rest.append([t.tolist() for _, t in batches])

    other = rng(99)
    again = Batches((np.arange(20)[:, None], np.arange(20)), 7, other)
    again.load_state_dict(place)
    other.bit_generator.state = state
    assert again.position == before
    resumed = []
    while not again.done:
        resumed.append(again.next_batch()[1].tolist())
    resumed.append([t.tolist() for _, t in again])
    assert resumed == rest


def test_what_batches_refuse():
    x = np.zeros((4, 1))
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, not 0"):
        Batches((x, np.zeros(4)), 0, rng())
    with pytest.raises(ValueError, match="4 examples and 3 targets"):
        Batches((x, np.zeros(3)), 2, rng())
    with pytest.raises(ValueError, match="the state is of 9 examples"):
        Batches((x, np.zeros(4)), 2, rng()).load_state_dict(
            Batches((np.zeros((9, 1)), np.zeros(9)), 2, rng()).state_dict()
        )


# --- scaling

SCALERS = (StandardScaler, MinMaxScaler)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_by_its_definition(dtype):
    x = rng().normal(3, 5, (40, 3)).astype(dtype)
    standard = StandardScaler().fit_transform(x)
    np.testing.assert_allclose(standard, (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-4, atol=1e-5)
    boxed = MinMaxScaler((-1, 1)).fit_transform(x)
    np.testing.assert_allclose([boxed.min(axis=0), boxed.max(axis=0)], [[-1] * 3, [1] * 3], rtol=1e-5)
    for scaler in (StandardScaler(), MinMaxScaler()):
        scaled = scaler.fit_transform(x)
        assert scaled.dtype == dtype
        np.testing.assert_allclose(scaler.inverse_transform(scaled), x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("column", [0.0, 7.0, 0.1, 1e-20, 1e20])
def test_scaling_agrees_with_scikit_learn(scaler, column):
    preprocessing = pytest.importorskip(
        "sklearn.preprocessing", reason="scikit-learn is the independent implementation"
    )
    x = rng().normal(size=(50, 4)) * [1, 1e-3, 1e6, 0] + [0, 5, 1e6, column]
    ours, theirs = scaler().fit(x), getattr(preprocessing, scaler.__name__)().fit(x)
    np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-9)
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scaler", SCALERS)
def test_what_a_scaler_refuses(scaler):
    with pytest.raises(ValueError, match="not fitted yet"):
        scaler().transform(np.ones((2, 2)))
    with pytest.raises(ValueError, match="fitted on 2 features"):
        scaler().fit(np.ones((3, 2))).transform(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"\(samples, features\)"):
        scaler().fit(np.ones(3))
    with pytest.raises(ValueError, match="must rise"):
        MinMaxScaler((1, 1))


def test_integers_are_scaled_in_float64():
    assert StandardScaler().fit_transform(np.array([[1], [3]])).dtype == np.float64
