"""Each optimiser against its formula, written out, and against PyTorch."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tinygrad_nn import Tensor, no_grad, optim

STEPS = 50
RECIPES = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "momentum": (optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "dampening": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.01}),
    "weight decay": (optim.SGD, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.01}),
    "adam": (optim.Adam, {"lr": 0.01}),
    "adam with settings": (optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    "adamw": (optim.AdamW, {}),
    "adamw with settings": (optim.AdamW, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.3}),
    "amsgrad": (optim.Adam, {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True}),
    "amsgrad with decay": (optim.Adam, {"lr": 0.1, "betas": (0.5, 0.6), "weight_decay": 0.1, "amsgrad": True}),
    "adamw with amsgrad": (optim.AdamW, {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True}),
    "rmsprop": (optim.RMSprop, {}),
    "rmsprop with settings": (optim.RMSprop, {"lr": 0.02, "alpha": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    "rmsprop with momentum": (optim.RMSprop, {"lr": 0.005, "momentum": 0.9, "weight_decay": 0.01}),
    "rmsprop centered": (optim.RMSprop, {"lr": 0.01, "centered": True}),
    "rmsprop with everything": (optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True}),
    "adagrad": (optim.Adagrad, {}),
    "adagrad with settings": (
        optim.Adagrad,
        {"lr": 0.2, "lr_decay": 0.05, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-4},
    ),
}


def start() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.normal(size=(4, 3)), rng.normal(size=4), np.array(0.5)]


def loss_of(w, b, c, x, target):
    """Works on our tensors and on PyTorch's."""
    error = (x @ w.T + b) * c - target
    return (error * error).mean() + (w**4).sum() * 0.01


def trajectory(make, steps=STEPS, skip=()):
    """The parameters after each step of ours; in the steps of `skip` the bias gets no gradient."""
    rng = np.random.default_rng(7)
    params = [Tensor(p, requires_grad=True) for p in start()]
    optimizer = make(params)
    seen = []
    for i in range(steps):
        x, target = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
        optimizer.zero_grad()
        loss_of(*params, Tensor(x), Tensor(target)).backward()
        if i in skip:
            params[1].grad = None
        optimizer.step()
        seen.append([p.data.copy() for p in params])
    return seen


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("skip", [(), (0, 3, 4)], ids=["every step", "without a gradient at times"])
def test_follows_pytorch(name, skip):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    kind, settings = RECIPES[name]
    ours = trajectory(lambda params: kind(params, **settings), skip=skip)
    rng = np.random.default_rng(7)
    params = [torch.tensor(p, requires_grad=True) for p in start()]
    theirs = getattr(torch.optim, kind.__name__)(params, **settings)
    for i in range(STEPS):
        x, target = (torch.tensor(rng.normal(size=s)) for s in ((8, 3), (8, 4)))
        theirs.zero_grad()
        loss_of(*params, x, target).backward()
        if i in skip:
            params[1].grad = None
        theirs.step()
        for a, b in zip(ours[i], params, strict=True):
            np.testing.assert_allclose(a, b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_by_its_formula(nesterov):
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9, nesterov=nesterov)
    value, velocity = w.data.copy(), np.zeros(2)
    for _ in range(5):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        velocity = 0.9 * velocity + g
        value = value - 0.1 * (g + 0.9 * velocity if nesterov else velocity)
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_dampening_by_its_formula():
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.SGD([w], 0.1, 0.9, 0.3)  # PyTorch's order of the arguments
    value, velocity = w.data.copy(), None
    for _ in range(5):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        velocity = g if velocity is None else 0.9 * velocity + 0.7 * g
        value = value - 0.1 * velocity
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_amsgrad_by_its_formula():
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.Adam([w], lr=0.3, betas=(0.5, 0.6), amsgrad=True)
    value, m, v, largest = w.data.copy(), np.zeros(2), np.zeros(2), np.zeros(2)
    for t in range(1, 9):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        m, v = 0.5 * m + 0.5 * g, 0.6 * v + 0.4 * g * g
        largest = np.maximum(largest, v)
        value = value - 0.3 * (m / (1 - 0.5**t)) / (np.sqrt(largest / (1 - 0.6**t)) + 1e-8)
        np.testing.assert_allclose(w.data, value, rtol=1e-11)
    assert (largest > v).all()  # it has made a difference
    state = optimizer.state_dict()
    assert state["state"][0].keys() == {"step", "m", "v", "max_v"}
    assert "max_v" not in optim.Adam([w]).state_dict()["state"][0]
    again = optim.Adam([w], amsgrad=True)
    again.load_state_dict(state)
    np.testing.assert_array_equal(again.state_dict()["state"][0]["max_v"], state["state"][0]["max_v"])
    again = optim.Adam([w])  # it takes the setting over, and what belongs to it
    again.load_state_dict(state)
    np.testing.assert_array_equal(again.state_dict()["state"][0]["max_v"], state["state"][0]["max_v"])


def test_amsgrad_may_be_one_groups():
    a, b = (Tensor(np.array([1.0, -2.0]), requires_grad=True) for _ in range(2))
    optimizer = optim.Adam([{"params": [a]}, {"params": [b], "amsgrad": True}], lr=0.3, betas=(0.5, 0.6))
    alone = (
        trajectory_of(optim.Adam, {"lr": 0.3, "betas": (0.5, 0.6)}),
        trajectory_of(optim.Adam, {"lr": 0.3, "betas": (0.5, 0.6), "amsgrad": True}),
    )
    for _ in range(9):
        optimizer.zero_grad()
        ((a * a).sum() + (b * b).sum()).backward()
        optimizer.step()
    np.testing.assert_array_equal([a.data, b.data], alone)
    assert (a.data != b.data).any()


def trajectory_of(kind, settings, steps=9):
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = kind([w], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
    return w.data


def test_betas_may_change_between_steps_and_saved_moments_keep_theirs():
    betas = [(0.9, 0.999), (0.5, 0.9), (0.5, 0.9), (0.8, 0.99)]
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1, amsgrad=True)
    value, m, v, largest = w.data.copy(), np.zeros(2), np.zeros(2), np.zeros(2)
    for t, (b1, b2) in enumerate(betas, start=1):
        optimizer.param_groups[0]["betas"] = (b1, b2)
        state = optimizer.state_dict()  # saved between the change and the step
        optimizer = optim.Adam([w], amsgrad=True)
        optimizer.load_state_dict(state)
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v)
        value = value - 0.1 * (m / (1 - b1**t)) / (np.sqrt(largest / (1 - b2**t)) + 1e-8)
        np.testing.assert_allclose(w.data, value, rtol=1e-11)


def test_a_step_with_a_closure_asks_it_for_the_loss_with_gradients():
    w = Tensor(np.array([1.0]), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with no_grad():
        assert optimizer.step(closure).item() == 1
    assert w.tolist() == [0.5]
    assert optimizer.step() is None


def test_gradients_set_to_zeros_stay_and_none_stays_none():
    a, b = (Tensor(np.array([1.0, 2.0]), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([a, b], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (a * a).sum().backward()
        optimizer.zero_grad(set_to_none=False)
        kept = a.grad
        assert kept.tolist() == [0, 0]
        assert b.grad is None
        (a * a).sum().backward()
        np.testing.assert_allclose(a.grad.data, 2 * a.data)
        before = a.data.copy()
        optimizer.step()
        np.testing.assert_allclose(a.data, 0.8 * before)
        optimizer.zero_grad(set_to_none=False)
        before = a.data.copy()
        optimizer.step()
        np.testing.assert_array_equal(a.data, before)


def test_every_optimizer_shared_with_pytorch_is_compared():
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    shared = {name for name in optim.__all__ if hasattr(torch.optim, name)}
    compared = {kind.__name__ for kind, _ in RECIPES.values()}
    assert shared == compared | {"Optimizer", "lr_scheduler"}
    for name in ("NAdam", "LBFGS", "SparseAdam", "swa_utils"):
        assert hasattr(torch.optim, name)
        with pytest.raises(AttributeError, match=f"tinygrad_nn.optim has no {name}: "):
            getattr(optim, name)


@pytest.mark.parametrize("name", RECIPES)
def test_arguments_come_in_pytorchs_order(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    kind = RECIPES[name][0]
    ours, theirs = (list(inspect.signature(k).parameters) for k in (kind, getattr(torch.optim, kind.__name__)))
    assert ours == theirs[: len(ours)]


def test_adam_by_its_formula():
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    value, m, v = w.data.copy(), np.zeros(2), np.zeros(2)
    for t in range(1, 6):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        value = value - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_adamw_by_its_formula():
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.AdamW([w], lr=0.1, weight_decay=0.2)
    value, m, v = w.data.copy(), np.zeros(2), np.zeros(2)
    for t in range(1, 6):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        value = value - 0.1 * (adam + 0.2 * value)
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_adamw_without_decay_is_adam():
    ours, adam = (trajectory(lambda p, kind=kind: kind(p, weight_decay=0.0)) for kind in (optim.AdamW, optim.Adam))
    for a, b in zip(ours[-1], adam[-1], strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_by_its_formula(centered):
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.RMSprop([w], lr=0.1, alpha=0.9, momentum=0.5, centered=centered)
    value, square, mean, velocity = w.data.copy(), np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(5):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        square, mean = 0.9 * square + 0.1 * g * g, 0.9 * mean + 0.1 * g
        velocity = 0.5 * velocity + g / (np.sqrt(square - (mean**2 if centered else 0)) + 1e-8)
        value = value - 0.1 * velocity
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_centered_rmsprop_bears_a_variance_that_rounds_below_0():
    w = Tensor(np.linspace(0.1, 1, 200), requires_grad=True)
    optimizer = optim.RMSprop([w], lr=1e-9, alpha=0.1, centered=True)
    slope = w.data.copy()
    for _ in range(60):  # the gradient stays the same
        optimizer.zero_grad()
        (w * slope).sum().backward()
        optimizer.step()
    state = optimizer.state_dict()["state"][0]
    assert (state["square_avg"] < state["grad_avg"] ** 2).any()  # the case in question has come up
    assert np.isfinite(w.data).all()


def test_adagrad_by_its_formula():
    w = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    optimizer = optim.Adagrad([w], lr=0.5, lr_decay=0.1, initial_accumulator_value=2.0)
    value, total = w.data.copy(), np.full(2, 2.0)
    for t in range(1, 6):
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()
        g = 2 * value
        total = total + g * g
        value = value - 0.5 / (1 + (t - 1) * 0.1) * g / (np.sqrt(total) + 1e-10)
        np.testing.assert_allclose(w.data, value, rtol=1e-12)


def test_adagrad_groups_begin_with_sums_of_their_own():
    a, b, c = (Tensor(np.ones(2), requires_grad=True) for _ in range(3))
    optimizer = optim.Adagrad([{"params": [a]}, {"params": [b], "initial_accumulator_value": 3.0}])
    optimizer.add_param_group({"params": c, "initial_accumulator_value": 8.0})
    state = optimizer.state_dict()["state"]
    assert [state[i]["sum"].tolist() for i in range(3)] == [[0.0, 0.0], [3.0, 3.0], [8.0, 8.0]]


@pytest.mark.parametrize("name", RECIPES)
def test_a_saved_state_goes_on_bit_for_bit(name):
    kind, settings = RECIPES[name]
    whole = trajectory(lambda params: kind(params, **settings))

    rng = np.random.default_rng(7)
    params = [Tensor(p, requires_grad=True) for p in start()]
    optimizer = kind(params, **settings)
    for i in range(STEPS):
        if i == 20:  # everything anew, from what was saved
            state = optimizer.state_dict()
            params = [Tensor(p.data.copy(), requires_grad=True) for p in params]
            optimizer = kind(params, lr=123.0)
            optimizer.load_state_dict(state)
        x, target = rng.normal(size=(8, 3)), rng.normal(size=(8, 4))
        optimizer.zero_grad()
        loss_of(*params, Tensor(x), Tensor(target)).backward()
        optimizer.step()
    for a, b in zip(whole[-1], params, strict=True):
        assert np.array_equal(a, b.data)


def test_groups_have_settings_of_their_own():
    a, b = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
    (a.sum() + b.sum()).backward()
    optimizer.step()
    np.testing.assert_allclose(a.data, 0.9)
    np.testing.assert_allclose(b.data, 0.5)


def test_mixed_dtypes_keep_theirs():
    a = Tensor(np.ones(2, np.float32), requires_grad=True)
    b = Tensor(np.ones(3, np.float64), requires_grad=True)
    optimizer = optim.Adam([a, b])
    (a.sum() + b.sum()).backward()
    optimizer.step()
    assert (a.dtype, b.dtype) == (np.float32, np.float64)
    assert [state["m"].dtype for state in optimizer.state_dict()["state"].values()] == [np.float32, np.float64]


def test_a_parameter_whose_data_was_replaced_is_taken_in_again():
    w = Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    w.data = np.full(2, 5.0)
    w.sum().backward()
    optimizer.step()
    np.testing.assert_allclose(w.data, 4.9)


def test_backward_after_a_step_is_refused():
    w = Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    stale = (w * w).sum()
    (w * 3).sum().backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="changed in place"):
        stale.backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD([], lr=1), "no parameters"),
        (lambda p: optim.SGD([p], lr=-1), "lr must be at least 0, not -1"),
        (lambda p: optim.SGD([p], momentum=1.0), r"momentum must be in \[0, 1\), not 1.0"),
        (lambda p: optim.SGD([p], nesterov=True), "needs momentum"),
        (lambda p: optim.SGD([p], 0.1, 0.9, 0.5, nesterov=True), "no dampening, not 0.5"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), r"beta2 must be in \[0, 1\)"),
        (lambda p: optim.Adam([p], eps=float("nan")), "eps must be at least 0"),
        (lambda p: optim.AdamW([p], weight_decay=-0.1), "weight_decay must be at least 0, not -0.1"),
        (lambda p: optim.AdamW([p], betas=(-0.1, 0.9)), r"beta1 must be in \[0, 1\), not -0.1"),
        (lambda p: optim.RMSprop([p], lr=-1.0), "lr must be at least 0, not -1.0"),
        (lambda p: optim.RMSprop([p], alpha=1.0), r"alpha must be in \[0, 1\), not 1.0"),
        (lambda p: optim.RMSprop([p], eps=-1e-8), "eps must be at least 0, not -1e-08"),
        (lambda p: optim.RMSprop([p], momentum=-0.5), r"momentum must be in \[0, 1\), not -0.5"),
        (lambda p: optim.Adagrad([p], lr_decay=-1), "lr_decay must be at least 0, not -1"),
        (lambda p: optim.Adagrad([p], initial_accumulator_value=-1), "initial_accumulator_value must be at least 0"),
        (lambda p: optim.Adagrad([p], eps=float("inf")), "eps must be at least 0, not inf"),
        (lambda p: optim.SGD([p, p]), "given to the optimizer twice"),
        (lambda p: optim.SGD([{"params": [p], "speed": 1}]), "no setting 'speed'"),
    ],
)
def test_a_wrong_setting_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Tensor(np.ones(2), requires_grad=True))


def test_the_defaults_are_pytorchs():
    p = Tensor(np.ones(2), requires_grad=True)
    rates = {"SGD": 1e-3, "Adam": 1e-3, "AdamW": 1e-3, "RMSprop": 1e-2, "Adagrad": 1e-2}
    assert {name: getattr(optim, name)([p]).defaults["lr"] for name in rates} == rates
    assert optim.SGD([p]).defaults["momentum"] == 0
    assert optim.RMSprop([p]).defaults["centered"] is False


@pytest.mark.parametrize("wrong", [Tensor(np.ones(2)), np.ones(2), Tensor(np.ones(2), requires_grad=True) * 2])
def test_only_leaves_that_require_gradients_are_taken(wrong):
    with pytest.raises(TypeError, match="leaf tensors that require gradients"):
        optim.SGD([wrong])


def test_a_state_that_does_not_fit_changes_nothing():
    a = optim.Adam([Tensor(np.ones(2), requires_grad=True)])
    b = optim.Adam([Tensor(np.ones(3), requires_grad=True)], lr=0.5)
    with pytest.raises(ValueError, match=r"no m of shape \(3,\)"):
        b.load_state_dict(a.state_dict())
    assert b.param_groups[0]["lr"] == 0.5
    with pytest.raises(ValueError, match="other parameter groups"):
        b.load_state_dict({"state": {}, "param_groups": []})


def test_an_optimizer_without_a_rule_says_so():
    w = Tensor(np.ones(2), requires_grad=True)
    optimizer = optim.Optimizer([w], {"lr": 0.1, "weight_decay": 0.0})
    w.sum().backward()
    with pytest.raises(NotImplementedError, match="Optimizer has no update rule"):
        optimizer.step()


def test_settings_may_be_changed_or_replaced_between_steps():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.0)
    for settings in ({"lr": 1.0}, {"lr": 0.5}):
        optimizer.param_groups[0] = {**optimizer.param_groups[0], **settings}
        p.grad = Tensor([1.0])
        optimizer.step()
    assert p.data.tolist() == [-0.5]
