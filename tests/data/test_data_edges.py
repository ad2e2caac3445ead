"""The data package where it ends: memory layouts, saved places that are none, splits and scalers at their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import (
    Batches,
    Dataset,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
    load_digits,
    registry,
    train_validation_split,
)
from tinygrad_nn.data.dataset import Array


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def remaining(batches: Batches) -> list[list[int]]:
    targets = []
    while not batches.done:
        targets.append(batches.next_batch()[1].tolist())
    return targets


# --- Dataset


def regression(x: Array, y: Array, names: tuple[str, ...] = ("t",)) -> Dataset:
    return Dataset("line", x, y, tuple(f"x{i}" for i in range(x.shape[1])), names, "regression")


def test_a_regression_of_several_targets_is_float32_and_named_column_by_column():
    x, y = np.ones((3, 2)), np.arange(6.0).reshape(3, 2)
    data = regression(x, y, ("a", "b"))
    assert (data.x.dtype, data.y.dtype, data.n_classes) == (np.float32, np.float32, 0)
    with pytest.raises(ValueError, match="2 targets but 1 names"):
        regression(x, y)
    y[1, 1] = np.nan
    with pytest.raises(ValueError, match="row 1, target column 'b' is nan"):
        regression(x, y, ("a", "b"))
    with pytest.raises(ValueError, match=r"targets must be .* not \(3, 1, 2\)"):
        regression(x, np.ones((3, 1, 2)), ("a", "b"))


def test_a_value_beyond_float32_is_named_as_it_was_given():
    x = np.ones((2, 2))
    x[1, 0] = 1e39
    with pytest.raises(ValueError, match=r"row 1, column 'x0' is 1e\+39, not a finite float32 number"):
        regression(x, np.ones(2))
    with pytest.raises(ValueError, match="x must be real numbers, not complex128"):
        regression(x.astype(complex), np.ones(2))


def test_an_unknown_task_and_an_image_that_does_not_fit_are_refused():
    digits = load_digits()
    fields = {name: getattr(digits, name) for name in digits.__dataclass_fields__}
    with pytest.raises(ValueError, match="task must be classification or regression, not 'ranking'"):
        Dataset(**{**fields, "task": "ranking"})
    with pytest.raises(ValueError, match=r"64 features do not make an image of \(8, 9\)"):
        Dataset(**{**fields, "image_shape": (8, 9)})


def test_take_keeps_what_is_known_of_the_examples():
    digits = load_digits()
    few = digits.take(np.array([5, 3]))
    np.testing.assert_array_equal(few.x, digits.x[[5, 3]])
    np.testing.assert_array_equal(few.y, digits.y[[5, 3]])
    assert (few.name, few.target_names, few.image_shape) == ("digits", digits.target_names, (8, 8))
    assert few.n_classes == 10  # those it has names for, not those that happen to be there


@pytest.mark.parametrize("name", registry.names())
def test_a_set_is_described_alike_by_its_name_and_by_itself(name):
    data = registry.load(name, rng=rng())
    assert registry.describe(name).removeprefix("generated: ") == data.description
    assert "\n" not in data.description


# --- batches


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1].copy()[::-1]],
    ids=["columns first", "every other column", "backwards"],
)
def test_batches_are_the_same_from_any_memory_layout(layout):
    x, y = rng().normal(size=(23, 4)), np.arange(46).reshape(23, 2)
    plain, laid_out = Batches((x, y), 5, rng(1)), Batches((layout(x), layout(y)), 5, rng(1))
    for (a, s), (b, t) in zip(plain, laid_out, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(s, t)
        assert b.flags.c_contiguous


def test_batches_copy_contiguous_data_never_and_other_data_once():
    x, y = np.zeros((6, 3), np.float32), np.zeros(6)
    plain = Batches((x, y), 2, rng())
    assert plain.x is x
    assert plain.targets is y
    strided = Batches((np.asfortranarray(x), np.zeros((6, 2))[:, 0]), 2, rng())
    assert all(array.flags.c_contiguous for array in strided.arrays)


def test_a_batch_is_a_copy():
    x = np.zeros((4, 2))
    batches = Batches((x, np.zeros(4)), 4, rng(), shuffle=False)
    batches.start_epoch()
    batches.next_batch()[0][:] = 1
    assert not x.any()


def test_a_dataset_is_batched_as_its_arrays_are():
    digits = load_digits()
    assert Batches(digits, 32, rng()).arrays[0] is digits.x
    assert len(Batches(digits, 32, rng())) == 57  # 56 whole ones of 32, and 5 examples


@given(n=st.integers(1, 40), size=st.integers(1, 40))
def test_drop_last_gives_whole_batches_alone(n, size):
    data = np.zeros((n, 1)), np.arange(n)
    if size > n:
        with pytest.raises(ValueError, match=f"batch_size {size} with drop_last leaves nothing of {n}"):
            Batches(data, size, rng(), drop_last=True)
        return
    batches = Batches(data, size, rng(), drop_last=True)
    assert batches.done
    given_out = [targets for _, targets in batches]
    assert [len(targets) for targets in given_out] == [size] * (n // size)
    assert len(batches) == n // size
    assert len(set(np.concatenate(given_out).tolist())) == size * (n // size)


def test_more_than_all_is_one_batch():
    batches = Batches((np.zeros((3, 1)), np.arange(3)), 1000, rng())
    assert len(batches) == 1
    assert [sorted(targets) for _, targets in batches] == [[0, 1, 2]]


def test_an_epoch_begun_anew_forgets_where_the_last_one_was():
    batches = Batches((np.zeros((9, 1)), np.arange(9)), 2, rng())
    assert batches.done  # no epoch has begun
    batches.start_epoch()
    batches.next_batch()
    batches.start_epoch()
    assert (batches.position, batches.done) == (0, False)
    assert sorted(target for batch in remaining(batches) for target in batch) == list(range(9))


def test_without_shuffling_the_generator_is_left_alone():
    generator = rng()
    before = generator.bit_generator.state
    list(Batches((np.zeros((9, 1)), np.arange(9)), 2, generator, shuffle=False))
    assert generator.bit_generator.state == before


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, "8", None])
def test_a_wrong_batch_size_is_refused_and_the_old_one_stays(wrong):
    batches = Batches((np.zeros((9, 1)), np.arange(9)), 2, rng())
    with pytest.raises(ValueError, match="whole number of at least 1"):
        batches.batch_size = wrong
    assert batches.batch_size == 2


@given(
    n=st.integers(1, 30),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
    before=st.integers(0, 30),
    seed=st.integers(0, 5),
)
def test_a_place_saved_after_changes_of_the_batch_size_goes_on_alike(n, sizes, before, seed):
    data, generator = (np.zeros((n, 1)), np.arange(n)), rng(seed)
    batches = Batches(data, sizes[0], generator)
    batches.start_epoch()
    for i in range(before):
        if batches.done:
            batches.start_epoch()
        batches.batch_size = sizes[i % len(sizes)]
        batches.next_batch()
    place, state = batches.state_dict(), generator.bit_generator.state
    rest = [remaining(batches), [t.tolist() for _, t in batches]]

    other = rng(99)
    again = Batches(data, 5, other)
    again.load_state_dict(place)
    other.bit_generator.state = state
    assert (again.batch_size, again.position) == (place["batch_size"], place["position"])
    assert [remaining(again), [t.tolist() for _, t in again]] == rest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": np.array([0, 0, 1, 2])}, "does not hold each of the 4 examples once"),
        ({"order": np.array([1, 2, 3, 4])}, "does not hold each of the 4 examples once"),
        ({"order": np.arange(5)}, "the state is of 5 examples, there are 4"),
        ({"seen": 5}, "1 batches, 5 of 4 examples seen"),
        ({"position": 3}, "3 batches, 2 of 4 examples seen"),
        ({"position": -1}, "-1 batches"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_a_state_that_is_no_place_is_refused_and_nothing_changes(change, message):
    batches = Batches((np.zeros((4, 1)), np.arange(4)), 2, rng())
    batches.start_epoch()
    batches.next_batch()
    before = batches.state_dict()
    with pytest.raises(ValueError, match=message):
        batches.load_state_dict({**before, **change})
    after = batches.state_dict()
    np.testing.assert_array_equal(after.pop("order"), before.pop("order"))
    assert after == before


def test_a_saved_state_is_not_touched_by_what_comes_after():
    batches = Batches((np.zeros((9, 1)), np.arange(9)), 2, rng(), shuffle=False)
    batches.start_epoch()
    state = batches.state_dict()
    state["order"][:] = 0
    assert remaining(batches)[0] == [0, 1]


# --- splitting


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_every_class_is_split_by_its_share_to_within_one(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    n = len(y)
    if max(counts) < 2:
        return
    data = Dataset("d", np.arange(n)[:, None], y, ("i",), tuple("abcde"[: len(counts)]), "classification")
    train, validation = train_validation_split(data, fraction, rng=rng(seed))
    assert sorted([*train.x[:, 0], *validation.x[:, 0]]) == list(range(n))
    held_back = min(max(round(fraction * n), 1), n - 1)
    assert 1 <= validation.n_samples <= held_back
    for label, count in enumerate(counts):
        assert abs((validation.y == label).sum() - held_back * count / n) <= 1
        assert (train.y == label).any()
    np.testing.assert_array_equal(y[train.x[:, 0].astype(int)], train.y)  # a target stays with its example


def test_a_split_repeats_with_the_generator_and_is_not_always_the_same():
    digits = load_digits()
    one, two, three = (train_validation_split(digits, 0.25, rng=rng(seed))[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.x, two.x)
    assert not np.array_equal(one.x, three.x)
    assert one.n_samples == round(0.25 * 1797)


def test_a_classification_may_be_split_without_regard_to_classes():
    y = np.repeat([0, 1], [99, 1])
    data = Dataset("rare", np.zeros((100, 1)), y, ("x",), ("often", "rarely"), "classification")
    splits = [train_validation_split(data, 0.5, rng=rng(seed), stratify=False) for seed in range(20)]
    assert {validation.n_samples for _, validation in splits} == {50}
    assert {int(validation.y.sum()) for _, validation in splits} == {0, 1}  # stratified, it would be 0 each time


# --- scaling


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler])
def test_scaling_float32_agrees_with_scikit_learn(scaler):
    preprocessing = pytest.importorskip(
        "sklearn.preprocessing", reason="scikit-learn is the independent implementation"
    )
    x = load_digits().x  # some pixels are always 0
    ours, theirs = scaler().fit(x), getattr(preprocessing, scaler.__name__)().fit(x)
    assert ours.transform(x).dtype == theirs.transform(x).dtype == np.float32
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.inverse_transform(ours.transform(x)), x, atol=1e-5)
    for name in ("mean_", "var_", "data_min_", "data_max_", "min_", "scale_"):
        if hasattr(theirs, name):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-12)
            assert getattr(ours, name).dtype == np.float64


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler])
def test_a_scaler_leaves_its_input_alone_and_forgets_the_last_fit(scaler):
    x = rng().normal(size=(9, 2))
    kept = x.copy()
    fitted = scaler()
    fitted.fit(np.ones((3, 5))).fit(x)
    np.testing.assert_array_equal(fitted.transform(x), scaler().fit_transform(x))
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_scaler_is_not_fitted_on_what_is_not_finite(scaler, bad):
    x = np.ones((3, 2))
    x[2, 1] = bad
    with pytest.raises(ValueError, match=f"row 2, column 1 is {bad}"):
        scaler().fit(x)
    with pytest.raises(ValueError, match="not fitted yet"):
        scaler().inverse_transform(x)


def test_a_mean_far_above_the_spread_costs_float32_no_digits():
    x = (1e6 + np.arange(64)).astype(np.float32)[:, None]
    np.testing.assert_allclose(StandardScaler().fit_transform(x).std(), 1, rtol=1e-6)
    np.testing.assert_allclose(MinMaxScaler().fit_transform(x)[:, 0], np.arange(64) / 63, atol=1e-7)
