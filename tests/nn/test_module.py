"""Module: what it finds in itself, saving and loading, hooks, text."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, tensor


class Scale(nn.Module):
    """A module with a parameter, a buffer, and a buffer that is not saved."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", tensor(np.array(0)))
        self.scale = nn.Parameter([1.0, 2.0])
        self.register_buffer("scratch", tensor([0.0]), persistent=False)
        self.steps = 0

    def forward(self, x: Tensor, *, times: int = 1) -> Tensor:
        return x * self.scale * times


class Net(nn.Module):
    """Children, and a parameter of its own that is assigned after them."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        self.first = nn.Linear(2, 2, rng=rng)
        self.inner = nn.Sequential(Scale(), nn.Tanh())
        self.shift = nn.Parameter([0.5, 0.5])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(self.first(x)) + self.shift
        return y


class Tied(nn.Module):
    """One layer under two names, and one parameter in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 2)
        self.b = self.a
        self.c = nn.Linear(2, 2)
        self.c.weight = self.a.weight


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


# --- Parameter


def test_a_parameter_requires_gradients_and_its_results_are_plain_tensors() -> None:
    p = nn.Parameter([1.0, 2.0])
    assert p.requires_grad
    assert p.is_leaf
    assert p.dtype == np.float32
    assert type(p * 2) is Tensor
    (p * p).sum().backward()
    assert p.grad is not None
    assert p.grad.data.tolist() == [2, 4]


def test_a_parameter_shares_the_array_it_is_given() -> None:
    data = np.zeros(3)
    p = nn.Parameter(data)
    assert p.data is data
    assert nn.Parameter(tensor([1.0]), requires_grad=False).requires_grad is False


def test_a_parameter_of_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="floating-point"):
        nn.Parameter(np.arange(3))


def test_the_repr_of_a_parameter_says_that_it_is_one() -> None:
    assert repr(nn.Parameter([1.0])).startswith("Parameter containing:\ntensor([1.]")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copied_parameter_gets_its_own_gradient(copied: Any) -> None:
    p = nn.Parameter([1.0, 2.0])
    q = copied(p)
    assert type(q) is nn.Parameter
    (q * q).sum().backward()
    assert p.grad is None
    assert q.grad is not None
    assert q.grad.data.tolist() == [2, 4]
    q.data[0] = 9
    assert p.data[0] == 1


# --- what a module finds in itself


def test_parameters_come_own_first_then_the_childrens_in_order_of_assignment() -> None:
    expected = ["shift", "first.weight", "first.bias", "inner.0.scale"]
    assert names(Net().named_parameters()) == expected
    assert names(Net().named_parameters(recurse=False)) == ["shift"]
    assert names(Net().named_parameters(prefix="net")) == [f"net.{name}" for name in expected]


def test_modules_come_depth_first_and_children_are_one_level() -> None:
    net = Net()
    assert names(net.named_modules()) == ["", "first", "inner", "inner.0", "inner.1"]
    assert list(net.modules())[1] is net.first
    assert names(net.named_children()) == ["first", "inner"]
    assert list(net.children()) == [net.first, net.inner]


def test_buffers_are_named_and_are_no_parameters() -> None:
    net = Net()
    assert names(net.named_buffers()) == ["inner.0.seen", "inner.0.scratch"]
    assert [b.shape for b in net.buffers()] == [(), (1,)]


def test_shared_parameters_and_modules_come_once_unless_asked() -> None:
    net = Tied()
    assert names(net.named_parameters()) == ["a.weight", "a.bias", "c.bias"]
    assert len(list(net.parameters())) == 3
    assert names(net.named_modules()) == ["", "a", "c"]
    assert names(net.named_children()) == ["a", "c"]
    every = ["a.weight", "a.bias", "b.weight", "b.bias", "c.weight", "c.bias"]
    assert names(net.named_parameters(remove_duplicate=False)) == every


def test_deleted_is_gone_reassigned_keeps_its_place_and_assigned_again_comes_last() -> None:
    net: Any = Net()
    net.first = nn.Identity()
    assert names(net.named_children()) == ["first", "inner"]
    del net.first
    assert names(net.named_modules()) == ["", "inner", "inner.0", "inner.1"]
    net.first = nn.Linear(2, 2)
    assert names(net.named_children()) == ["inner", "first"]
    net.shift = None
    assert "shift" not in names(net.named_parameters())
    net.shift = nn.Parameter([1.0])
    assert "shift" in names(net.named_parameters())


def test_a_parameter_or_module_is_not_replaced_by_something_that_learns_nothing() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"'shift' of Net is a Parameter, which no Tensor can replace"):
        net.shift = net.shift * 2  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"'first' of Net is a Linear, which no function can replace"):
        net.first = lambda x: x  # type: ignore[assignment]
    assert names(net.named_parameters())[:2] == ["shift", "first.weight"]


def test_a_buffer_stays_one_when_a_tensor_is_assigned() -> None:
    scale = Scale()
    scale.seen = scale.seen + 1
    assert scale.state_dict()["seen"] == 1
    with pytest.raises(TypeError, match="'seen' of Scale is a buffer: assign a Tensor, not int"):
        scale.seen = 3  # type: ignore[assignment]


def test_an_empty_buffer_is_left_out_until_it_is_filled() -> None:
    module = nn.Module()
    module.register_buffer("mean", None)
    assert module.state_dict() == {}
    module.mean = tensor([1.0])
    assert names(module.named_buffers()) == ["mean"]


@pytest.mark.parametrize("name", ["forward", "training", "scale", "a.b"])
def test_a_buffer_needs_a_free_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a buffer"):
        Scale().register_buffer(name, tensor([1.0]))


@pytest.mark.parametrize("value", [np.zeros(2), nn.Parameter([1.0])])
def test_a_buffer_is_a_plain_tensor(value: Any) -> None:
    with pytest.raises(TypeError, match="must be a plain Tensor"):
        Scale().register_buffer("more", value)


def test_nothing_hangs_on_super_init() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layer(x)
            return y

    net = Forgetful()
    assert net(tensor([[1.0, 2.0]])).shape == (1, 1)
    assert names(net.named_parameters()) == ["layer.weight", "layer.bias"]
    assert net.training


def test_two_modules_share_no_state() -> None:
    a, b = nn.Identity(), nn.Identity()
    a.register_buffer("count", tensor([1.0]))
    a.register_forward_hook(lambda module, inputs, output: output * 2)
    a.eval()
    assert list(b.named_buffers()) == []
    assert b(tensor([1.0])).data.tolist() == [1]
    assert b.training


def test_a_deep_copy_is_independent() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    x = tensor([[1.0, 2.0]])
    assert (twin(x).data == net(x).data).all()
    twin(x).sum().backward()
    assert all(p.grad is None for p in net.parameters())
    assert all(p.grad is not None for p in twin.parameters())


# --- calling it


def test_calling_passes_positions_and_keywords_on() -> None:
    assert Scale()(tensor([1.0, 1.0]), times=3).data.tolist() == [3, 6]


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"Module defines no forward\(\)"):
        nn.Module()(tensor([1.0]))


# --- hooks


def test_a_forward_hook_sees_inputs_and_output_until_it_is_removed() -> None:
    module, seen = nn.Tanh(), []
    handle = module.register_forward_hook(lambda *args: seen.append(args))
    x = tensor([0.0])
    y = module(x)
    assert len(seen) == 1
    assert seen[0][0] is module
    assert seen[0][1][0] is x
    assert seen[0][2] is y
    handle.remove()
    handle.remove()
    module(x)
    assert len(seen) == 1


def test_hooks_replace_inputs_and_outputs_in_the_order_of_registration() -> None:
    module = nn.Identity()
    module.register_forward_pre_hook(lambda module, inputs: inputs[0] + 1)
    module.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 10,))
    module.register_forward_hook(lambda module, inputs, output: output + inputs[0])
    module.register_forward_hook(lambda module, inputs, output: output - 1)
    assert module(tensor([1.0])).data.tolist() == [39]


def test_one_function_registered_twice_runs_twice() -> None:
    module, calls = nn.Identity(), []

    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls.append(1)

    first = module.register_forward_pre_hook(hook)
    module.register_forward_pre_hook(hook)
    module(tensor([1.0]))
    first.remove()
    module(tensor([1.0]))
    assert len(calls) == 3


def test_a_hook_may_remove_itself_while_it_runs() -> None:
    module, calls = nn.Identity(), []

    def once(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls.append("once")
        handle.remove()

    handle = module.register_forward_hook(once)
    module.register_forward_hook(lambda *_: calls.append("always"))
    module(tensor([1.0]))
    module(tensor([1.0]))
    assert calls == ["once", "always", "always"]


def test_a_handle_removes_its_hook_at_the_end_of_a_with_block() -> None:
    module = nn.Identity()
    with module.register_forward_hook(lambda module, inputs, output: output * 2):
        assert module(tensor([1.0])).item() == 2
    assert module(tensor([1.0])).item() == 1


# --- changing all of it


def test_train_and_eval_reach_every_module() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    net.inner.eval()
    assert [m.training for m in net.modules()] == [True, True, False, False, False]


def test_zero_grad_takes_all_gradients_away() -> None:
    net = Net()
    net(tensor([[1.0, 2.0]])).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_frozen_part_gets_no_gradients() -> None:
    net = Net()
    assert net.first.requires_grad_(False) is net.first
    net(tensor([[1.0, 2.0]])).sum().backward()
    assert net.first.weight.grad is None
    assert net.shift.grad is not None
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_apply_visits_children_before_their_parent() -> None:
    visited: list[str] = []
    net = Net()
    assert net.apply(lambda module: visited.append(type(module).__name__)) is net
    assert visited == ["Linear", "Scale", "Tanh", "Sequential", "Net"]


# --- state_dict


def test_a_state_dict_holds_copies_in_order_without_the_buffers_that_are_not_kept() -> None:
    net = Net()
    state = net.state_dict()
    assert list(state) == ["shift", "first.weight", "first.bias", "inner.0.scale", "inner.0.seen"]
    assert all(type(value) is np.ndarray for value in state.values())
    before = net.shift.data.copy()
    state["shift"][:] = 99
    assert (net.shift.data == before).all()


def test_a_state_dict_has_shared_parameters_under_each_name() -> None:
    expected = ["a.weight", "a.bias", "b.weight", "b.bias", "c.weight", "c.bias"]
    assert list(Tied().state_dict()) == expected


def test_loading_gives_back_what_was_saved_in_the_same_arrays() -> None:
    source, target = Net(), Net()
    for p in source.parameters():
        p.data += 1
    source.inner[0].seen = tensor(np.array(7))
    arrays = {name: p.data for name, p in target.named_parameters()}
    keys = target.load_state_dict(source.state_dict())
    assert keys == ([], [])
    for name, value in source.state_dict().items():
        assert (target.state_dict()[name] == value).all()
    assert all(p.data is arrays[name] for name, p in target.named_parameters())


def test_loading_casts_to_the_dtype_of_the_parameter_and_takes_tensors() -> None:
    module = Scale()
    module.load_state_dict({"scale": tensor(np.array([3.0, 4.0])), "seen": np.array(2)})
    assert module.scale.dtype == np.float32
    assert module.scale.data.tolist() == [3, 4]


def test_a_misfit_names_every_entry_and_changes_nothing() -> None:
    net = Net()
    state = net.state_dict()
    before = {name: value.copy() for name, value in state.items()}
    state = {name: value + 1 for name, value in state.items()}
    del state["first.bias"], state["inner.0.seen"]
    state["old"] = state["older"] = np.zeros(1)
    state["shift"] = np.zeros((2, 1))
    state["first.weight"] = np.zeros(4)
    with pytest.raises(ValueError, match="this state_dict does not fit Net") as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "this state_dict does not fit Net: missing first.bias, inner.0.seen; unexpected old, older; "
        "shift is (2, 1) and should be (2,); first.weight is (4,) and should be (2, 2)"
    )
    assert all((net.state_dict()[name] == value).all() for name, value in before.items())


def test_numbers_of_a_kind_that_would_lose_its_meaning_are_refused() -> None:
    module = Scale()
    with pytest.raises(ValueError, match=r"does not fit Scale: seen is float64 and should be int64$"):
        module.load_state_dict({"scale": np.zeros(2, np.float64), "seen": np.array(2.5)})
    assert module.scale.data.tolist() == [1, 2]


def test_without_strict_only_shapes_are_demanded() -> None:
    net = Net()
    keys = net.load_state_dict({"shift": np.array([7.0, 8.0]), "old": np.zeros(1)}, strict=False)
    assert keys.missing_keys == ["first.weight", "first.bias", "inner.0.scale", "inner.0.seen"]
    assert keys.unexpected_keys == ["old"]
    assert net.shift.data.tolist() == [7, 8]
    with pytest.raises(ValueError, match=r"shift is \(3,\)"):
        net.load_state_dict({"shift": np.zeros(3)}, strict=False)


def test_a_backward_pass_through_values_that_loading_replaced_is_an_error() -> None:
    net = Net()
    loss = net(tensor([[1.0, 2.0]])).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# --- text


def test_the_repr_nests() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 3), nn.Residual(nn.Tanh()))

        def extra_repr(self) -> str:
            return "depth=2"

    assert repr(Holder()) == (
        "Holder(\n"
        "  depth=2\n"
        "  (net): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "    (1): Residual(\n"
        "      (module): Tanh()\n"
        "    )\n"
        "  )\n"
        ")"
    )
