"""Rewind, fork and checkout: whatever way a moment is reached, the numbers are the same, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tn
from tests.lanes import examples
from tinygrad_nn import nn
from tinygrad_nn.data import make_moons
from tinygrad_nn.training import Experiment, Hyperparameters, NeedsRestart, Session, Snapshot
from tinygrad_nn.training.report import evaluate

OPTIMIZERS = ("sgd", "rmsprop", "adagrad", "adam", "adamw")
FULL = Hyperparameters(
    hidden=(6, 5), dropout=0.3, normalization="batch", schedule="cosine", lr=0.02, batch_size=64, epochs=20, l1=1e-4
)


def session(**changes) -> Session:
    return Session(Experiment("moons", FULL.replace(**changes)))


def state(s: Session) -> dict[str, np.ndarray]:
    """All numbers that the run has come to: parameters, buffers, the optimiser's state."""
    arrays = {name: t.data.copy() for name, t in s._tensors()}
    for i, entry in s.optimizer.state_dict()["state"].items():
        arrays |= {f"{i}.{name}": np.asarray(value) for name, value in entry.items()}
    return arrays


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def losses(s: Session) -> list[tuple[float, ...]]:
    return [(r.train_loss, r.val_loss, r.train_metric, r.lr) for r in s.history]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rewound_forked_and_restored_runs_end_bit_identical(optimizer):
    straight = session(optimizer=optimizer)
    straight.next(20)
    end, seen = state(straight), losses(straight)

    straight.rewind(7)
    assert (straight.epoch, len(straight.history)) == (7, 8)
    straight.next(13)
    assert_same(state(straight), end)
    assert losses(straight) == seen

    straight.fork(7)
    assert (straight.epoch, straight.branch.name, straight.branch.parent.name) == (7, "fork 1", "main")
    straight.next(13)
    assert_same(state(straight), end)
    assert losses(straight) == seen

    fresh = session(optimizer=optimizer)
    saved = Snapshot.unpack(straight.branches[0].snapshots[7].pack())
    fresh.restore(saved.state, straight.history)
    while not fresh.finished:
        fresh.train_batch()
    assert_same(state(fresh), end)
    assert straight.repeatable


CHANGES = (
    {"lr": 0.1},
    {"dropout": 0.0},
    {"batch_size": 50},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "nesterov": True},
    {"schedule": "plateau", "plateau_patience": 0},
    {"l1_mode": "proximal"},
    {"clip_value": 0.01},
)
verbs = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 9)),
        st.tuples(st.just("rewind"), st.floats(0, 1)),
        st.tuples(st.just("to_step"), st.floats(0, 1)),
        st.tuples(st.just("fork"), st.floats(0, 1)),
        st.tuples(st.just("set"), st.sampled_from(CHANGES)),
        st.tuples(st.just("other"), st.sampled_from([{"hidden": (3,)}, {"seed": 5}, {"activation": "tanh"}])),
        st.tuples(st.just("checkout"), st.floats(0, 1)),
    ),
    min_size=2,
    max_size=8,
)


@examples(40)
@given(
    optimizer=st.sampled_from(OPTIMIZERS),
    batch_size=st.integers(40, 200),
    commands=verbs,
    budget=st.sampled_from([0, 10**9]),
)
def test_whatever_the_verbs_every_branch_runs_again_to_the_same_numbers(optimizer, batch_size, commands, budget):
    hp = FULL.replace(optimizer=optimizer, batch_size=batch_size)
    s = Session(Experiment("xor", hp), budget=budget)
    for verb, value in commands:
        match verb:
            case "step":
                s.step(value)
            case "rewind":
                s.rewind(round(value * (len(s.branch.history) - 1)))
            case "to_step":
                s.rewind(step=round(value * s.branch.frontier))
            case "fork":
                s.fork(round(value * (len(s.branch.history) - 1)))
            case "set":
                s.set(**value)
            case "other":
                s.fork(0, **value)
            case "checkout":
                s.checkout(s.branches[round(value * (len(s.branches) - 1))])
    for branch in s.branches:
        s.checkout(branch)
        end, seen = state(s), losses(s)
        s.rewind(0)
        assert s.steps == 0
        if branch.frontier:
            s.step(branch.frontier)
        assert s.branch is branch
        assert_same(state(s), end)
        assert losses(s) == seen
    assert s.repeatable


def test_the_layers_of_a_moment_are_the_same_however_one_came_there():
    """Their gradients are over the epoch's steps at its end, and not of the last step alone."""
    s = Session(Experiment("moons", FULL.replace(batch_size=40, epochs=4)))
    for epoch in range(1, 5):
        s.next()
        there = s.layers
        assert there == s.history[-1].layers
        s.rewind(epoch - 1)
        s.rewind(epoch)
        assert s.layers == there
        s.rewind(epoch - 1)
        s.next()
        assert repr(s.layers) == repr(there)


def test_a_change_in_the_past_makes_a_branch_and_leaves_the_original():
    s = session()
    s.next(6)
    original = losses(s)
    s.rewind(3)
    s.set(lr=0.5)
    assert s.branch.name == "fork 1"
    assert s.branch.title == "fork 1: lr 0.5"
    assert s.branch.edge == {"lr": (0.02, 0.5)}
    assert (s.branch.parent, s.branch.epoch) == (s.branches[0], 3)
    s.next(3)
    assert losses(s)[:4] == original[:4]
    assert losses(s)[4:] != original[4:]
    s.checkout("main")
    assert losses(s) == original


def test_a_fork_is_the_run_that_had_the_change_from_the_start():
    s = session()
    s.next(3)
    s.fork(0, hidden=(4,), activation="tanh")
    assert s.branch.edge == {"hidden": ((6, 5), (4,)), "activation": ("relu", "tanh")}
    s.next(4)
    alone = session(hidden=(4,), activation="tanh")
    alone.next(4)
    assert_same(state(s), state(alone))
    assert losses(s) == losses(alone)


def test_a_changed_branch_goes_back_past_its_fork_and_meets_the_change_again():
    s = session()
    s.next(4)
    s.fork(2, lr=0.1)
    s.next(2)
    end = state(s)
    s.rewind(1)
    assert s.hyperparameters.lr == 0.02
    s.next(3)
    assert s.hyperparameters.lr == 0.1
    assert_same(state(s), end)


def test_another_network_in_the_middle_is_refused_and_nothing_has_changed():
    s = session()
    s.next(2)
    before = state(s)
    with pytest.raises(NeedsRestart, match="hidden makes another network, loss or data: fork from epoch 0"):
        s.fork(1, hidden=(3,))
    with pytest.raises(NeedsRestart, match="takes a fork from epoch 0"):
        s.set(hidden=(3,))
    with pytest.raises(ValueError, match="lr must be a number"):
        s.fork(1, lr=-1)
    with pytest.raises(ValueError, match="has seen the epochs 0 to 2, not 3"):
        s.rewind(3)
    with pytest.raises(ValueError, match="an epoch or a step"):
        s.rewind(1, step=3)
    with pytest.raises(ValueError, match="has seen the steps 0 to"):
        s.rewind(step=10**6)
    with pytest.raises(ValueError, match="there is no branch 'x': there are main"):
        s.checkout("x")
    assert len(s.branches) == 1
    assert s.epoch == 2
    assert_same(state(s), before)


def test_snapshots_stay_in_their_budget_and_are_spread_evenly():
    s = session(epochs=60)
    one = s.branch.snapshots[0].nbytes
    s.budget = 10 * one
    s.next(60)
    kept = [x.epoch for x in s.branch.snapshots]
    assert sum(x.nbytes for x in s.branch.snapshots) <= s.budget
    assert kept[0] == 0
    assert kept[-1] == 60
    assert max(np.diff(kept)) <= 4 * 60 / len(kept)
    end = losses(s)
    s.rewind(31)
    assert losses(s) == end[:32]
    s.next(29)
    assert losses(s) == end


class Noisy(nn.Module):
    """A layer of one's own with a generator of its own, and a buffer."""

    def __init__(self, rng):
        self.rng = rng
        self.register_buffer("calls", nn.Parameter(np.zeros(1, np.float32)).detach())

    def forward(self, x):
        if self.training:
            self.calls.data[...] += 1
            x = x + self.rng.normal(size=x.shape).astype(np.float32)
        return x


class WithNoise(Experiment):
    dataset = "xor"
    hyperparameters = FULL

    def model(self, hp, train, rng):
        return nn.Sequential(Noisy(np.random.default_rng(3)), super().model(hp, train, rng))


def test_generators_and_buffers_of_ones_own_modules_are_part_of_a_snapshot():
    s = Session(WithNoise())
    s.next(5)
    end, seen = state(s), losses(s)
    s.rewind(2)
    s.next(3)
    assert_same(state(s), end)
    assert losses(s) == seen
    assert s.repeatable


class Jitter(nn.Module):
    """Noise from the default generator, in evaluation too."""

    def forward(self, x):
        return x + 0.1 * tn.randn_like(x)


class Unseeded(Experiment):
    """A recipe that names no generator anywhere: what it draws is drawn from the default."""

    hyperparameters = FULL.replace(dropout=0.0, normalization="none")

    def data(self, hp, rng):
        return make_moons(120, hp.noise)

    def model(self, hp, train, rng):
        hidden = nn.Linear(2, hp.hidden[0])
        nn.init.normal_(hidden.weight)
        return nn.Sequential(hidden, nn.Tanh(), nn.Dropout(0.3), Jitter(), nn.Linear(hp.hidden[0], 1))

    def loss(self, hp, train):
        scale = tn.rand(()).item()
        return lambda output, target: scale * nn.BCEWithLogitsLoss()(output + 0.01 * tn.randn(1), target)


def test_a_recipe_that_names_no_generator_repeats_bit_for_bit():
    tn.manual_seed(1)
    s = Session(Unseeded())
    s.next(6)
    end, seen = state(s), losses(s)

    tn.manual_seed(2)  # a run has generators of its own
    tn.rand(10)
    again = Session(Unseeded())
    before = tn.generator.default_generator().bit_generator.state
    again.next(6)
    assert_same(state(again), end)
    assert losses(again) == seen
    assert tn.generator.default_generator().bit_generator.state == before

    s.rewind(2)
    s.rewind(step=s.steps + 1)  # into an epoch
    s.next(4)
    assert_same(state(s), end)
    s.fork(3)
    s.next(3)
    assert_same(state(s), end)
    s.fork(0, hidden=(9,))
    s.next(2)
    s.checkout("main", 0)
    s.next(6)
    assert_same(state(s), end)
    assert losses(s) == seen

    fresh = Session(Unseeded())
    fresh.restore(Snapshot.unpack(s.branches[0].snapshots[3].pack()).state, s.history)
    fresh.next(3)
    assert_same(state(fresh), end)
    other = Session(Unseeded(hyperparameters=Unseeded.hyperparameters.replace(seed=1)))
    other.next(6)
    assert losses(other) != seen
    assert s.repeatable


def test_the_default_draws_what_the_generators_handed_in_draw():
    class Named(Unseeded):
        def data(self, hp, rng):
            return make_moons(120, hp.noise, rng=rng)

        def model(self, hp, train, rng):
            hidden = nn.Linear(2, hp.hidden[0], rng=rng)
            nn.init.normal_(hidden.weight, rng=rng)
            last = nn.Linear(hp.hidden[0], 1, rng=rng)
            return nn.Sequential(hidden, nn.Tanh(), nn.Dropout(0.3, rng=rng), Jitter(), last)

    a, b = Session(Unseeded()), Session(Named())
    a.next(2)
    b.next(2)
    assert_same(state(a), state(b))


def test_a_seed_set_by_a_recipe_is_its_runs_own():
    class Seeded(Unseeded):
        def model(self, hp, train, rng):
            tn.manual_seed(hp.seed + 7)
            return super().model(hp, train, rng)

    before = tn.generator.default_generator().bit_generator.state
    a, b = Session(Seeded()), Session(Seeded())
    assert_same(state(a), state(b))
    assert tn.generator.default_generator().bit_generator.state == before
    expected = np.random.default_rng(7)
    nn.init.uniform_(tn.zeros(FULL.hidden[0], 2), rng=expected)
    nn.init.uniform_(tn.zeros(FULL.hidden[0]), rng=expected)
    weight = nn.init.normal_(tn.zeros(FULL.hidden[0], 2), rng=expected)
    np.testing.assert_array_equal(a.model[0].weight.data, weight.data)


def test_a_report_on_a_run_that_draws_changes_nothing():
    s, other = Session(Unseeded()), Session(Unseeded())
    s.next(2)
    other.next(2)
    first, second = evaluate(s), evaluate(s)
    assert repr(first) == repr(second)
    s.next(2)
    other.next(2)
    assert_same(state(s), state(other))


class Forgetful(Experiment):
    """Draws from the world instead of from the generators handed in."""

    dataset = "xor"
    hyperparameters = FULL

    def model(self, hp, train, rng):
        class Noise(nn.Module):
            def forward(self, x):
                return x + np.random.default_rng().normal(size=x.shape).astype(np.float32)

        return nn.Sequential(Noise(), super().model(hp, train, rng))


def test_a_run_that_cannot_be_repeated_is_noticed():
    s = Session(Forgetful())
    s.next(2)
    s.rewind(0)
    s.next(2)
    assert not s.repeatable


class Logarithm(Experiment):
    """log(x) of an output that the optimiser soon makes negative."""

    dataset = "xor"
    hyperparameters = Hyperparameters(optimizer="sgd", momentum=0.0, lr=0.5, hidden=(4,), epochs=10, batch_size=100)

    def loss(self, hp, train):
        return lambda output, target: (output + 3).log().sum()


def test_a_loss_that_is_nan_stops_before_the_step_and_names_the_operation():
    s = Session(Logarithm())
    with np.errstate(all="ignore"):
        stop = s.run_until()
    assert stop.kind == "fault"
    assert f"the loss of step {s.steps + 1} is not a finite number" in stop.text
    assert "log gave NaN from finite inputs" in stop.text
    assert "test_time_travel.py" in stop.text
    assert "(output + 3).log().sum()" in stop.text
    assert s.steps < s.branch.frontier
    assert np.isnan(s.branch.history[-1].train_loss)  # it has ended its epoch, and is known
    assert np.isfinite(s.history[-1].train_loss)
    assert all(np.isfinite(t.data).all() for _, t in s._tensors())
    (finding,) = s.findings()
    assert finding.rule == "not_finite"
    assert "log gave NaN" in finding.explanation
    s.rewind(0)
    s.set(lr=1e-6)
    assert s.branch.name == "fork 1"
    assert s.findings() == ()
    with np.errstate(all="ignore"):
        assert s.run_until().kind == "finished"


def test_where_the_recipe_is_built_in_no_line_is_the_users():
    s = Session(Experiment("diabetes", Hyperparameters(optimizer="sgd", lr=1000.0)))
    with np.errstate(all="ignore"):
        stop = s.run_until()
    assert stop.kind == "fault"
    assert "gave infinity from finite inputs\n  in module MSELoss\n  input 0: shape" in stop.text


def test_run_until_stops_for_a_condition_a_pause_or_the_end():
    s = session(epochs=3)
    stop = s.run_until(lambda record: record.step == 5)
    assert (stop.kind, s.steps) == ("condition", 5)

    def pausing(record):
        s.pause()
        return False

    stop = s.run_until(pausing)
    assert (stop.kind, s.steps) == ("paused", 6)
    stop = s.run_until()
    assert (stop.kind, s.epoch) == ("finished", 3)
    assert "last epoch" in stop.text


def test_restart_goes_to_the_beginning_and_with_changes_makes_a_branch():
    s = session()
    s.next(2)
    assert s.restart().name == "main"
    assert s.epoch == 0
    s.next(1)
    assert s.restart(seed=4).title == "fork 1: seed 4"
    assert s.hyperparameters.seed == 4
    assert s.epoch == 0
