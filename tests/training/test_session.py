from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import examples
from tinygrad_nn import nn, optim
from tinygrad_nn.data import Dataset
from tinygrad_nn.training import Experiment, Hyperparameters, NeedsRestart, Session


def small(**changes) -> Session:
    hp = Hyperparameters(hidden=(5,), activation="tanh", lr=0.05, epochs=4, batch_size=64).replace(**changes)
    return Session(Experiment("xor", hp))


def weights_of(session: Session) -> list[np.ndarray]:
    return [p.data.copy() for p in session.model.parameters()]


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_digits_pass_95_percent_within_30_epochs_of_the_defaults_and_nothing_is_found():
    session = Session(Experiment("digits"))
    while not session.finished:
        session.next()
    assert session.epoch == 30
    assert max(r.val_metric for r in session.history) > 0.95
    assert session.findings() == ()


def test_epoch_0_is_the_network_before_its_first_step():
    session = small()
    (record,) = session.history
    assert (record.epoch, record.step, session.epoch, session.steps) == (0, 0, 0, 0)
    assert record.train_loss == pytest.approx(math.log(2), abs=0.3)
    assert all(x.gradient_norm > 0 for x in record.layers)
    assert math.isnan(record.layers[0].update_ratio)
    assert all(p.grad is None for p in session.model.parameters())


def test_looking_first_does_not_disturb_the_run():
    class Blind(Session):
        def _first_look(self):
            return ()

    hp = Hyperparameters(hidden=(5,), activation="tanh", dropout=0.5, epochs=2)
    seen, blind = Session(Experiment("xor", hp)), Blind(Experiment("xor", hp))
    for _ in range(5):
        assert seen.step().loss == blind.step().loss
    assert same(weights_of(seen), weights_of(blind))


@examples(15)
@given(
    optimizer=st.sampled_from(["sgd", "rmsprop", "adagrad", "adam", "adamw"]),
    dropout=st.sampled_from([0.0, 0.3]),
    l1=st.sampled_from([0.0, 0.01]),
    batch_size=st.integers(1, 500),
    observe=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_the_same_seed_gives_the_same_run_bit_for_bit_however_closely_it_is_watched(
    optimizer, dropout, l1, batch_size, observe
):
    changes = {"optimizer": optimizer, "dropout": dropout, "l1": l1, "batch_size": batch_size}
    a, b = small(**changes), small(**changes)
    for close in observe:
        assert a.step(observe=close).loss == b.step().loss
    assert same(weights_of(a), weights_of(b))


def test_another_seed_is_another_run():
    assert not same(weights_of(small(seed=1)), weights_of(small(seed=2)))


def test_an_epoch_is_as_many_steps_as_batches_and_next_ends_one():
    session = small()
    assert len(session.batches) == math.ceil(400 / 64)
    session.step()
    record = session.next()
    assert record.epoch == session.epoch == 1
    assert session.steps == record.step == len(session.batches)
    assert session.next().epoch == 2


def test_the_record_of_an_epoch_is_what_happened():
    session = small(epochs=1)
    before = weights_of(session)
    losses, squares = [], []
    while not session.finished:
        losses.append((session.step().loss, len(session.batches)))
        squares.append([sum(float((p.grad.data**2).sum()) for p in x.parameters) for x in session.probe.layers])
    record = session.history[-1]
    sizes = [64] * 6 + [16]
    assert record.train_loss == pytest.approx(np.average([x for x, _ in losses], weights=sizes))
    for layer, column in zip(record.layers, np.mean(squares, axis=0), strict=True):
        assert layer.gradient_norm == pytest.approx(math.sqrt(column), rel=1e-4)
        assert layer.gradient_rms == pytest.approx(math.sqrt(column / layer.parameters), rel=1e-4)
    after = weights_of(session)
    first = record.layers[0]
    assert first.weight_norm == pytest.approx(math.sqrt(sum((p**2).sum() for p in after[:2])), rel=1e-4)
    assert first.weights.counts.sum() == after[0].size
    assert first.weights.low == pytest.approx(after[0].min())
    assert not same(before, after)
    with np.errstate(all="raise"):
        loss, accuracy = session.evaluate(session.validation.x, session._validation_targets)
    assert (loss, accuracy) == (record.val_loss, record.val_metric)
    assert record.seconds > 0


def test_the_update_ratio_is_that_of_the_last_step():
    session = small()
    session.step()
    before = weights_of(session)
    layers = session.step(observe=True).layers
    after = weights_of(session)
    moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after[:2], before[:2], strict=True)))
    whole = math.sqrt(sum((b**2).sum() for b in before[:2]))
    assert layers[0].update_ratio == pytest.approx(moved / whole, rel=1e-4)


def test_the_layers_are_measured_after_their_activation_even_if_it_is_a_plain_call():
    class Net(nn.Module):
        def __init__(self, rng):
            self.out = nn.Linear(4, 1, rng=rng)  # assigned first, runs last
            self.inner = nn.Linear(2, 4, rng=rng)

        def forward(self, x):
            return self.out(self.inner(x).relu())

    class Plain(Experiment):
        dataset = "xor"

        def model(self, hp, train, rng):
            return Net(rng)

    session = Session(Plain())
    first, last = session.layers
    assert (first.name, last.name) == ("inner", "out")
    assert (first.index, last.index) == (1, 2)
    x = session.train.x[:256]
    hidden = np.maximum(x @ session.model.inner.weight.data.T + session.model.inner.bias.data, 0)
    assert first.zero_fraction == pytest.approx((hidden == 0).mean())
    assert first.activation_mean == pytest.approx(hidden.mean(), rel=1e-4)
    assert math.isnan(first.saturated_fraction)
    assert math.isnan(last.zero_fraction)


def test_saturation_is_counted_within_5_percent_of_the_limits():
    class Saturated(Experiment):
        dataset = "xor"

        def model(self, hp, train, rng):
            net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 1, rng=rng))
            net[0].weight.data[...] = 0
            net[0].bias.data[...] = [0, 2.9, -3]  # sigmoid 0.5, 0.948, 0.047
            return net

    assert Session(Saturated()).layers[0].saturated_fraction == pytest.approx(1 / 3)


# --- in flight


def test_a_change_in_flight_applies_from_the_next_batch_and_is_remembered():
    session = small(optimizer="sgd", momentum=0.0)
    session.step()
    before = weights_of(session)
    session.set(lr=1e-30)
    session.step()
    assert same(before, weights_of(session))
    (change,) = session.changes
    assert (change.step, change.name, change.before, change.after) == (1, "lr", 0.05, 1e-30)
    assert 0 < change.epoch < 1


def test_batch_size_dropout_momentum_and_optimizer_change_in_flight():
    session = small(optimizer="sgd", momentum=0.0)
    session.step()
    session.set(batch_size=10, dropout=0.4, momentum=0.7)
    assert session.optimizer.param_groups[0]["momentum"] == 0.7
    assert [m.p for m in session.model.modules() if isinstance(m, nn.Dropout)] == [0.4]
    assert session.step().batch == 2
    session.set(weight_decay=0.25)
    assert session.optimizer.param_groups[0]["weight_decay"] == 0.25
    for name, kind in [
        ("rmsprop", optim.RMSprop),
        ("adagrad", optim.Adagrad),
        ("adamw", optim.AdamW),
        ("adam", optim.Adam),
    ]:
        session.set(optimizer=name)
        assert type(session.optimizer) is kind
        assert session.optimizer.param_groups[0]["weight_decay"] == 0.25
    session.next()
    assert session.steps == 1 + math.ceil((400 - 64) / 10)


def test_what_needs_another_network_is_refused_and_changes_nothing():
    session = small()
    with pytest.raises(NeedsRestart, match="activation makes another network"):
        session.set(lr=0.5, activation="relu")
    with pytest.raises(ValueError, match="momentum must be"):
        session.set(lr=0.5, momentum=2)
    assert session.hyperparameters.lr == 0.05
    assert session.changes == []


def test_the_learning_rate_decays_each_epoch():
    session = small(lr_decay=0.5)
    assert [session.next().lr for _ in range(3)] == [0.05, 0.025, 0.0125]


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        (
            {"schedule": "cosine", "epochs": 4},
            [0.1, 0.1 * (1 + math.sqrt(0.5)) / 2, 0.05, 0.1 * (1 - math.sqrt(0.5)) / 2],
        ),
        ({"schedule": "step", "epochs": 6}, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
        ({"warmup": 4, "epochs": 6}, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]),
        ({"warmup": 2, "lr_decay": 0.5, "epochs": 3}, [0.05, 0.05, 0.025]),
    ],
    ids=str,
)
def test_the_learning_rate_follows_its_schedule(changes, rates):
    session = small(lr=0.1, **changes)
    seen = []
    while not session.finished:
        seen.append(session.next().lr)
    assert seen == pytest.approx(rates)


def test_early_stopping_and_the_goal():
    session = small(epochs=500, lr=0.05, goal=0.2)
    while not session.finished:
        session.next()
    assert session.epoch < 500
    assert session.history[-1].train_loss <= 0.2 < session.history[-2].train_loss
    assert "reached the goal of 0.2" in session.stopped_early
    session.set(goal=0.0)
    assert not session.finished

    patient = small(epochs=500, lr=0.5, patience=3)
    while not patient.finished:
        patient.next()
    losses = [r.val_loss for r in patient.history[1:]]
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    assert "for 3 epochs" in patient.stopped_early


def test_the_gradient_is_clipped_to_its_norm_and_shown_as_it_was():
    free, clipped = small(optimizer="sgd", momentum=0.0), small(optimizer="sgd", momentum=0.0, clip_norm=0.01)
    before = weights_of(clipped)
    unclipped = free.step(observe=True).layers
    layers = clipped.step(observe=True).layers
    moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(weights_of(clipped), before, strict=True)))
    assert moved == pytest.approx(0.05 * 0.01, rel=1e-3)
    assert [x.gradient_norm for x in layers] == [x.gradient_norm for x in unclipped]


def test_the_gradient_is_clipped_by_value_and_then_by_norm():
    session = small(optimizer="sgd", momentum=0.0, clip_value=1e-3)
    before = weights_of(session)
    session.step()
    moves = np.concatenate([(a - b).ravel() for a, b in zip(weights_of(session), before, strict=True)])
    assert np.abs(moves).max() == pytest.approx(0.05 * 1e-3, rel=1e-3)
    assert np.unique(np.abs(moves).round(9)).size > 1  # what is smaller stays
    both = small(optimizer="sgd", momentum=0.0, clip_value=1e-3, clip_norm=1e-4)
    both.step()
    moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(weights_of(both), before, strict=True)))
    assert moved == pytest.approx(0.05 * 1e-4, rel=2e-2)


def test_nesterov_looks_ahead_from_the_second_step_on_and_comes_and_goes_in_flight():
    plain, ahead = (small(optimizer="sgd", momentum=0.5, nesterov=on) for on in (False, True))
    before = weights_of(plain)
    plain.step()
    ahead.step()
    for start, a, b in zip(before, weights_of(plain), weights_of(ahead), strict=True):
        np.testing.assert_allclose(b - start, 1.5 * (a - start), rtol=1e-3, atol=1e-7)  # g + momentum · g
    still = small(optimizer="sgd", momentum=0.0, nesterov=True)
    assert still.step().loss == small(optimizer="sgd", momentum=0.0).step().loss
    still.set(momentum=0.5)
    assert still.optimizer.param_groups[0]["nesterov"] is True
    still.set(nesterov=False)
    assert still.optimizer.param_groups[0]["nesterov"] is False
    still.step()


@pytest.mark.parametrize("normalization", ["batch", "layer"])
@pytest.mark.parametrize("batch_size", [1, 57])
def test_normalisation_trains_whatever_the_batches_are_and_repeats(normalization, batch_size):
    a, b = (small(normalization=normalization, batch_size=batch_size) for _ in range(2))
    a.next()
    b.next()
    assert same(weights_of(a), weights_of(b))
    assert a.history[-1].train_loss < a.history[0].train_loss + 0.1


def test_groups_of_a_recipe_keep_their_ratio_to_the_learning_rate():
    class Slow(Experiment):
        dataset = "xor"

        def optimizer(self, hp, parameters):
            first, *others = parameters
            return optim.SGD([{"params": [first], "lr": hp.lr / 10}, {"params": others}], lr=hp.lr)

    session = Session(Slow(hyperparameters=Hyperparameters(lr=0.1)))
    session.set(lr=0.5)
    session.step()
    assert [g["lr"] for g in session.optimizer.param_groups] == pytest.approx([0.05, 0.5])


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_penalties_shrink_the_weights_but_not_the_biases_and_stay_out_of_the_loss(penalty):
    free, held = (small(optimizer="sgd", momentum=0.0, lr=1e-9, **{penalty: value}) for value in (0.0, 5.0))
    assert free.step().loss == held.step().loss
    weight, bias = (p.grad.data for p in list(held.model.parameters())[:2])
    plain_weight, plain_bias = (p.grad.data for p in list(free.model.parameters())[:2])
    start = next(held.model.parameters()).data
    expected = 5.0 * (np.sign(start) if penalty == "l1" else start)
    np.testing.assert_allclose(weight - plain_weight, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(bias, plain_bias)


def test_proximal_l1_ends_in_the_minimum_of_the_lasso_with_exact_zeros_where_the_penalty_has_none():
    hp = Hyperparameters(hidden=(), optimizer="sgd", momentum=0.0, lr=0.1, l1=0.2, epochs=300, batch_size=1000)
    slopes = {}
    for mode in ("penalty", "proximal"):
        session = Session(Experiment("diabetes", hp.replace(l1_mode=mode)))
        while not session.finished:
            session.next()
        weight = next(session.model.parameters())
        session.optimizer.zero_grad()
        x, target = session.batches.arrays
        session.loss(session.model(nn.Parameter(x)), target).backward()
        slopes[mode] = weight.data, weight.grad.data
    assert (slopes["penalty"][0] != 0).all()
    w, g = slopes["proximal"]
    assert 0.3 < (w == 0).mean() < 0.9
    np.testing.assert_allclose(g[w != 0], -0.2 * np.sign(w[w != 0]), rtol=1e-4)  # the subgradient is 0 here
    assert (np.abs(g[w == 0]) <= 0.2).all()  # and contains 0 here


def test_the_proximal_step_is_the_learning_rate_times_lambda_after_the_optimisers():
    free, held = (small(l1=value, l1_mode="proximal") for value in (0.0, 3.0))
    free.step()
    held.step()
    for a, b in zip(weights_of(free), weights_of(held), strict=True):
        shrunk = np.sign(a) * np.maximum(np.abs(a) - 0.05 * 3.0, 0) if a.ndim == 2 else a
        np.testing.assert_allclose(b, shrunk, atol=1e-7)
        assert ((b == 0) == (shrunk == 0)).all()


def test_each_group_of_a_recipe_is_shrunk_at_its_own_learning_rate():
    class Slow(Experiment):
        dataset = "xor"

        def optimizer(self, hp, parameters):
            first, *others = parameters
            return optim.SGD([{"params": [first], "lr": hp.lr / 10}, {"params": others}], lr=hp.lr)

    runs = [Session(Slow(hyperparameters=Hyperparameters(lr=0.1, l1=l1, l1_mode="proximal"))) for l1 in (0.0, 0.1)]
    for session in runs:
        session.step()
    free, held = (weights_of(session) for session in runs)
    for i, threshold in ((0, 0.001), (2, 0.01)):
        np.testing.assert_allclose(np.abs(free[i] - held[i]).max(), threshold, rtol=1e-3)


# --- tasks


def test_a_regression_is_measured_by_r2():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5]).astype(np.float32)
    data = Dataset("line", x, y, ("a", "b", "c"), ("y",), "regression")
    session = Session(Experiment(data, Hyperparameters(hidden=(), lr=0.05, epochs=30)))
    assert session.metric_name == "R²"
    while not session.finished:
        session.next()
    assert session.history[0].val_metric < 0.9
    assert session.history[-1].val_metric > 0.999
    prediction = session.model(nn.Parameter(session.validation.x)).data[:, 0]
    y = session.validation.y
    r2 = 1 - ((prediction - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    assert session.history[-1].val_metric == pytest.approx(r2, rel=1e-5)


def test_the_target_of_a_regression_is_scaled_by_the_training_part_alone():
    session = Session(Experiment("diabetes"))
    assert session.train.y.mean() == pytest.approx(0, abs=1e-5)
    assert session.train.y.std() == pytest.approx(1, abs=1e-5)
    assert abs(session.validation.y.mean()) > 1e-3
    raw = Session(Experiment("diabetes", Hyperparameters(target_scaling="none")))
    assert raw.train.y.min() >= 25
    assert session.history[0].train_loss < 10 < raw.history[0].train_loss


@pytest.mark.parametrize(("name", "units"), [("iris", 3), ("xor", 1), ("digits", 10)])
def test_two_classes_get_one_logit_and_more_get_one_each(name, units):
    session = Session(Experiment(name))
    assert list(session.model.parameters())[-1].shape == (units,)


def test_inputs_are_scaled_by_the_training_part_alone():
    session = Session(Experiment("iris", Hyperparameters(scaling="standard")))
    np.testing.assert_allclose(session.train.x.mean(axis=0), 0, atol=1e-5)
    assert np.abs(session.validation.x.mean(axis=0)).max() > 1e-3
    unscaled = Session(Experiment("iris", Hyperparameters(scaling="none")))
    assert unscaled.train.x.min() > 0
    boxed = Session(Experiment("iris", Hyperparameters(scaling="minmax")))
    assert (boxed.train.x.min(), boxed.train.x.max()) == (0, 1)


def test_steps_too_long_to_hold_are_a_fault_in_the_very_first_epoch():
    session = Session(Experiment("digits", Hyperparameters(optimizer="sgd", lr=50)))
    with np.errstate(all="ignore"):
        session.next()
    assert [f.rule for f in session.findings()] == ["not_finite"]


def test_shortcuts_let_a_deep_network_learn_that_learns_nothing_without():
    deep = {"hidden": (16,) * 20, "activation": "tanh", "init": "normal", "lr": 0.01, "epochs": 20}
    best = {}
    for residual in (False, True):
        session = Session(Experiment("moons", Hyperparameters(residual=residual, **deep)))
        assert sum(isinstance(m, nn.Residual) for m in session.model.modules()) == 19 * residual
        session.next(20)
        best[residual] = max(record.val_metric for record in session.history)
    assert best[False] < 0.7
    assert best[True] > 0.85


def test_constant_weights_leave_the_units_of_a_layer_alike():
    session = small(init="constant")
    session.next(2)
    first = next(session.model.parameters()).data
    assert np.ptp(first, axis=0).max() < 1e-6
    assert np.abs(first).max() > 0
