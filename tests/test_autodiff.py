from __future__ import annotations

import threading

import numpy as np
import pytest

from tinygrad_nn import Tensor, detect_anomaly, enable_grad, grad, is_grad_enabled, no_grad
from tinygrad_nn.core.backward import backward
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.observe import mode
from tinygrad_nn.ops import Primitive


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_gradients_add_up_over_passes_and_uses():
    x = leaf(3.0)
    for times in (1, 2):
        (x * x + x).sum().backward()
        assert x.grad.data.tolist() == [7.0 * times]


def test_a_gradient_weighs_the_output():
    x = leaf(1.0, 2.0)
    (x * x).backward([10.0, 1.0])
    assert x.grad.data.tolist() == [20, 4]
    with pytest.raises(ValueError, match=r"only at a single element, this output has shape \(2,\): reduce it"):
        (x * x).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the output has \(2,\)"):
        (x * x).backward(np.ones(3))
    with pytest.raises(RuntimeError, match="does not require gradients"):
        Tensor([1.0]).backward()


def test_a_leaf_is_its_own_gradient_source():
    x = leaf(2.0)
    x.backward()
    assert x.grad.data.tolist() == [1.0]
    x.grad.data += 1
    y = leaf(2.0)
    y.backward()
    assert y.grad.data.tolist() == [1.0]


def test_leaves_that_get_one_gradient_do_not_share_it():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    assert not np.shares_memory(a.grad.data, b.grad.data)
    a.grad.data += 5
    assert b.grad.data.tolist() == [1, 1]


def test_a_freed_graph_says_so_and_a_retained_one_serves_again():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.data.tolist() == [8.0]
    with pytest.raises(RuntimeError, match=r"the graph behind this sum has been freed.*retain_graph=True"):
        y.backward()


def test_what_is_not_needed_is_dropped_as_the_walk_goes():
    x = leaf(2.0)
    middle = x * x
    middle.sum().backward()
    assert isinstance(middle.node, Node)
    assert middle.node.arrays is None
    assert middle.node.output is None


def test_grad_returns_and_leaves_grad_alone():
    x, y = leaf(2.0), leaf(5.0)
    z = x * y * y
    gx, gy = grad(z.sum(), (x, y), retain_graph=True)
    assert (gx.item(), gy.item()) == (25, 20)
    assert x.grad is None
    assert grad((z, x * 3), x, ([2.0], None))[0].item() == 53


def test_an_input_given_twice_gets_two_gradients():
    x = leaf(2.0)
    first, second = grad((x * x).sum(), (x, x))
    first.data[0] = 7
    assert second.item() == 4


def test_grad_of_a_tensor_on_the_way():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gy, gx = grad(z.sum(), (y, x))
    assert (gy.item(), gx.item()) == (8, 32)


def test_unused_inputs_are_an_error_or_zeros():
    x, unused = leaf(2.0), leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="no output depends on input 1: pass allow_unused=True"):
        grad((x * x).sum(), (x, unused))
    _, zero = grad((x * x).sum(), (x, unused), allow_unused=True)
    assert zero.data.tolist() == [0, 0]
    with pytest.raises(RuntimeError, match=r"input 0 of .* does not require gradients"):
        grad((x * x).sum(), Tensor([1.0]))


def test_only_what_leads_to_the_inputs_is_computed():
    def forbidden(g, y, x):
        raise AssertionError("this gradient was not asked for")

    poisoned = Primitive("poisoned", lambda x: x * 1.0, forbidden)
    x, other = leaf(2.0), leaf(3.0)
    y = x * x + poisoned(other * 1.0) * 2
    assert grad(y.sum(), x, retain_graph=True)[0].item() == 4
    aside, seen = other * 5, []
    other.register_hook(seen.append)
    assert grad((y, aside, other), x)[0].item() == 4
    assert seen == []
    assert grad(aside, other)[0].item() == 5  # what was not walked is not freed
    one_sided = Primitive("one_sided", np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: forbidden(g, y, b))
    assert grad(one_sided(x, other), x)[0].item() == 3


def test_higher_orders():
    x = leaf(2.0)
    y = (x**4).sum()
    for order, wanted in enumerate((32, 48, 48, 24, 0), start=1):
        (y,) = grad(y, x, create_graph=True, allow_unused=True)
        assert y.item() == pytest.approx(wanted), order
        if not y.requires_grad:
            break
        y = y.sum()


def test_create_graph_records_where_recording_is_off_and_keeps_the_graph_unless_told_otherwise():
    x = leaf(2.0)
    y = (x * x).sum()
    with no_grad():
        (g,) = grad(y, x, create_graph=True)
        assert not (x * 2).requires_grad
    assert grad(g, x)[0].item() == 2
    (g,) = grad(y, x, retain_graph=False, create_graph=True)
    assert grad(g, x)[0].item() == 2
    with pytest.raises(RuntimeError, match="has been freed"):
        y.backward()


def test_backward_with_create_graph_gives_a_gradient_to_differentiate():
    x = leaf(3.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert first.item() == 27
    x.grad = None
    first.sum().backward()
    assert x.grad.item() == 18


def test_gradients_of_recorded_passes_add_up_and_are_differentiated_until_an_ordinary_one():
    x = Tensor(np.array(2.0), requires_grad=True)
    y = x * x * x
    y.backward(create_graph=True)
    y.backward(create_graph=True)  # which keeps the graph as well
    assert x.grad.item() == 24
    assert grad(x.grad, x, retain_graph=True)[0].item() == 24
    y.backward()
    assert x.grad.item() == 36
    assert not x.grad.requires_grad
    assert isinstance(x.grad, Tensor)
    assert type(x.grad.data) is np.ndarray


def test_by_default_nothing_is_recorded_or_kept():
    x = leaf(2.0)
    for differentiate in (lambda y: grad(y, x)[0], lambda y: backward(y) or x.grad):
        y = (x * x).sum()
        assert not differentiate(y).requires_grad
        with pytest.raises(RuntimeError, match="has been freed"):
            y.backward()


def test_gradients_of_single_elements_are_arrays_in_their_tensors_dtype():
    x = Tensor(np.array(2.0, np.float32), requires_grad=True)
    for y in (x, x + x, x * x * x):
        (g,) = grad(y, x)
        assert type(g.data) is np.ndarray
        assert (g.shape, g.dtype) == ((), np.float32)


def test_no_grad_as_context_and_decorator_nests_and_is_of_one_thread():
    x = leaf(1.0)

    @no_grad()
    def double(x):
        return x * 2

    assert not double(x).requires_grad
    assert not double(x=x).requires_grad
    with no_grad():
        assert not (x * 2).requires_grad
        with enable_grad():
            assert (x * 2).requires_grad
        seen = []
        thread = threading.Thread(target=lambda: seen.append((is_grad_enabled(), (x * 2).requires_grad)))
        thread.start()
        thread.join()
        assert seen == [(True, True)]
    assert is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_outputs_may_be_given_in_any_order():
    x = leaf(3.0)
    for older_first in (True, False):
        y = x * 2
        z = y * y
        assert grad([y, z] if older_first else [z, y], x)[0].item() == 2 + 8 * 3


def test_what_one_thread_sets_another_does_not_notice():
    inside, go_on = threading.Event(), threading.Event()
    x = leaf(1.0)
    seen = []

    def elsewhere():
        with no_grad(), detect_anomaly():
            inside.set()
            go_on.wait(10)
            seen.append((x * 2).requires_grad)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    assert inside.wait(10)
    assert not mode.get().observers
    assert (x * 2).requires_grad
    with no_grad(), no_grad(), enable_grad():
        assert (x * 2).requires_grad
    go_on.set()
    thread.join()
    assert seen == [False]


@pytest.mark.parametrize("asked", [True, False])
def test_repeated_diamonds_take_linear_time(asked):
    calls = []
    counted = Primitive("counted", lambda x: x * 1.0, lambda g, y, x: (calls.append(1), g)[1])
    x = leaf(1.0)
    y = x
    for _ in range(200):
        y = counted(y)
        y = y + y * -0.5
    if asked:
        (g,) = grad(y.sum(), x)
    else:
        y.sum().backward()
        g = x.grad
    assert len(calls) == 200
    assert g.item() == pytest.approx(0.5**200)


@pytest.mark.parametrize("walked", [True, False])
def test_a_hundred_thousand_operations_run_and_go_away_without_recursion(walked):
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 0.5
    if walked:
        y.sum().backward()
        assert x.grad.item() == 1
    del y


def test_an_own_function_in_a_few_lines():
    cube = Primitive("cube", lambda x: x * x * x, lambda g, y, x: g * (3 * x * x))
    x = leaf(2.0)
    (g,) = grad(cube(x).sum(), x, create_graph=True)
    assert (g.item(), grad(g, x)[0].item()) == (12, 12)
    assert cube(2.0) == 8
    assert repr(cube) == "<primitive cube>"


def test_broadcasting_is_undone():
    for shape in [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 1)]:
        x = Tensor(np.ones(shape), requires_grad=True)
        (x * np.arange(12.0).reshape(2, 2, 3)).sum().backward()
        assert x.grad.shape == shape
        assert x.grad.data.sum() == 66


def test_a_gradient_is_an_array_of_its_owner_alone():
    weights = np.array([1.0, 2.0])
    x = leaf(3.0, 4.0)
    y = x + 0.0
    z = y * 1.0
    w = z + 0.0
    z.retain_grad()
    w.retain_grad()
    w.backward(weights, retain_graph=True)
    gradients = [
        x.grad,
        z.grad,
        w.grad,
        *grad(w.sum(), (x, y, z, w, x), retain_graph=True),
        *grad(w, (y, w), weights, retain_graph=True),
        *grad(w.sum() + 0.0, (x, y, z), create_graph=True),
        *grad(x, x, weights),
    ]
    arrays = [g.data for g in gradients]
    for i, a in enumerate(arrays):
        assert type(a) is np.ndarray
        assert a.flags.writeable, i
        others = [weights, x.data, w.data, *arrays[:i]]
        assert not any(np.shares_memory(a, other) for other in others), i


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_own_their_gradients(create_graph):
    a, b, scale = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(0.5)
    (a + b + scale).sum().backward(create_graph=create_graph)
    own = np.ones(2)
    c = leaf(1.0, 2.0)
    c.backward(own, create_graph=create_graph)
    for x in (a, b, scale, c):
        assert x.grad.data.flags.writeable
        x.grad.data[:] = 7
    assert own.tolist() == [1, 1]
    (fresh,) = grad(scale.sum(), scale)  # nor is anything kept from pass to pass changed
    assert fresh.data.tolist() == [1]


def test_grad_outputs_are_one_for_each_output_or_the_weights_of_the_only_one():
    x = leaf(1.0, 2.0)
    for weights in ([3.0, 4.0], (3.0, 4.0), [[3.0, 4.0]], [Tensor([3.0, 4.0])], np.array([3.0, 4.0])):
        assert grad(x * 2, x, weights)[0].data.tolist() == [6, 8]
        assert grad([x * 2], x, weights)[0].data.tolist() == [6, 8]
    for weights in ([[3.0, 4.0]], [[[3.0, 4.0]]]):
        assert grad((x * 2).reshape(1, 2), x, weights)[0].data.tolist() == [6, 8]
    for weights in ([3.0], [None], None, 3.0):
        wanted = 3.0 if weights in ([3.0], 3.0) else 1.0
        assert grad((x * 2).sum(), x, weights)[0].data.tolist() == [2 * wanted] * 2
    assert grad((x * 2, x * 3), x, np.array([1.0, 2.0]))[0].data.tolist() == [5, 10]
    assert isinstance(grad((x.sum(), x.max()), x), tuple)
    with pytest.raises(ValueError, match=r"gradient has shape \(\), the output has \(2,\)"):
        grad((x, x), x, [1.0, 2.0])
    for outputs, weights in ((x * 2, [1.0, 2.0, 3.0]), ((x, x), [np.ones(2)]), (x, [None, None])):
        with pytest.raises(ValueError, match=r"grad_outputs has \d gradients, there are \d outputs"):
            grad(outputs, x, weights)


def test_a_leaf_that_is_gone_takes_no_gradient():
    gone, x, z = leaf(3.0), leaf(2.0), leaf(5.0)
    y = (gone * x * z).sum()
    del gone
    y.backward()
    assert (x.grad.item(), z.grad.item()) == (15, 6)


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_two_gradients_share_their_memory(create_graph):
    x, y, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), Tensor([5.0, 6.0], dtype="float64")
    z = x + y
    u = (z + 0.0).reshape(1, 2)
    found = grad([u.reshape(2), x], [z, x, x, y, u], [seed, seed], create_graph=create_graph)
    x.backward(seed)
    gradients = [*found, x.grad, seed]
    for i, a in enumerate(gradients):
        assert not any(np.shares_memory(a.data, b.data) for b in gradients[:i])
        a.data += 1
    assert [g.data.ravel().tolist() for g in found] == [[6, 7], [11, 13], [11, 13], [6, 7], [6, 7]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_that_one_gradient_reaches_unchanged_get_one_each(create_graph):
    x, y, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), Tensor([5.0, 6.0], dtype="float64")
    (x + y).backward(seed, create_graph=create_graph)
    x.grad.data += 1
    assert (y.grad.data.tolist(), seed.data.tolist()) == ([5, 6], [5, 6])
    y.grad.data += 1
    assert (x.grad.data.tolist(), seed.data.tolist()) == ([6, 7], [5, 6])


def test_a_gradient_that_is_given_keeps_the_precision_of_the_output():
    x = leaf(1.0, 2.0)
    assert grad(x * 1.0, x, [[0.1, 0.2]])[0].data.tolist() == [0.1, 0.2]
    (x * 1.0).backward([0.1, 0.2])
    assert x.grad.data.tolist() == [0.1, 0.2]
    single = Tensor([1.0, 2.0], requires_grad=True)
    (single * 1).backward(np.array([0.5, 0.25]))
    assert single.grad.dtype == np.float32
    assert grad(single, single, Tensor(np.array([0.5, 0.25])))[0].dtype == np.float32


def test_a_long_recorded_backward_pass_goes_away_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    (g,) = grad(y.sum(), x, create_graph=True)
    del y
    assert g.item() == 1
    del g


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "logsumexp", "var"])
def test_an_axis_may_be_a_number_of_numpy(reduce):
    x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    for axis in (np.int64(1), (np.int64(0), np.int64(1))):
        usual = int(axis) if isinstance(axis, np.int64) else (0, 1)
        g, wanted = (grad(getattr(x, reduce)(axis=a).sum(), x)[0] for a in (axis, usual))
        np.testing.assert_array_equal(g.data, wanted.data)
