"""The cells and the attention of docs/sequences.md: by their formulas, and against PyTorch's modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import nn
from tinygrad_nn.testing import gradcheck

PAGE = (Path(__file__).parents[1] / "docs" / "sequences.md").read_text(encoding="utf-8")
RNG = np.random.default_rng(12)
X, H, C = (np.asarray(RNG.normal(size=shape)) for shape in ((5, 3), (5, 4), (5, 4)))
SEQUENCES = np.asarray(RNG.normal(size=(2, 6, 8)))


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page defines, without its training."""
    found: dict[str, Any] = {}
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec("\n".join(block for block in examples if "optim.Adam" not in block), found)
    return found


def made(page: dict[str, Any], name: str, *sizes: int) -> nn.Module:
    tn.manual_seed(3)
    module: nn.Module = page[name](*sizes).double()
    return module


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_cells_by_their_formulas(page):
    x, h, c = (tn.tensor(a, requires_grad=True) for a in (X, H, C))
    rnn, gru, lstm = (made(page, f"{kind}Cell", 3, 4) for kind in ("RNN", "GRU", "LSTM"))

    def sums(cell: Any, parts: int) -> list[tuple[np.ndarray, np.ndarray]]:
        both = [g @ p.weight.data.T + p.bias.data for g, p in ((X, cell.input), (H, cell.hidden))]
        return list(zip(*(np.split(s, parts, axis=1) for s in both), strict=True))

    ((a, b),) = sums(rnn, 1)
    np.testing.assert_allclose(rnn(x, h).data, np.tanh(a + b))
    (r, r_h), (z, z_h), (n, n_h) = sums(gru, 3)
    update, new = sigmoid(z + z_h), np.tanh(n + sigmoid(r + r_h) * n_h)
    np.testing.assert_allclose(gru(x, h).data, (1 - update) * new + update * H)
    i, f, g, o = (a + b for a, b in sums(lstm, 4))
    cell = sigmoid(f) * C + sigmoid(i) * np.tanh(g)
    state = lstm(x, (h, c))
    np.testing.assert_allclose(state[1].data, cell)
    np.testing.assert_allclose(state[0].data, sigmoid(o) * np.tanh(cell))
    assert gradcheck(rnn, (x, h))
    assert gradcheck(gru, (x, h))
    assert gradcheck(lambda x, h, c: lstm(x, (h, c)), (x, h, c))


def test_attention_by_its_formula(page):
    query, key, value = (tn.tensor(SEQUENCES + k, requires_grad=True) for k in range(3))
    scores = query.data @ key.data.transpose(0, 2, 1) / np.sqrt(8)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(page["attention"](query, key, value).data, weights @ value.data)
    mask = np.tri(6, dtype=bool)
    weights = np.exp(scores) * mask
    weights /= weights.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(page["attention"](query, key, value, mask).data, weights @ value.data)
    assert gradcheck(lambda *given: page["attention"](*given, mask), (query, key, value))
    changed = SEQUENCES.copy()
    changed[:, 4:] = 0  # what comes later is not seen
    module = made(page, "MultiheadAttention", 8, 2)
    both = [module(tn.tensor(x), mask).data[:, :4] for x in (SEQUENCES, changed)]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_cells_are_pytorchs(page, kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = made(page, f"{kind}Cell", 3, 4), getattr(torch.nn, f"{kind}Cell")(3, 4).double()
    pairs = {"input.weight": "weight_ih", "input.bias": "bias_ih"}
    pairs |= {"hidden.weight": "weight_hh", "hidden.bias": "bias_hh"}
    ours.load_state_dict({a: theirs.state_dict()[b].numpy() for a, b in pairs.items()})
    x, h, c = (tn.tensor(a, requires_grad=True) for a in (X, H, C))
    t, u, v = (torch.tensor(a, requires_grad=True) for a in (X, H, C))
    mine, other = (ours(x, (h, c)), theirs(t, (u, v))) if kind == "LSTM" else ((ours(x, h),), (theirs(t, u),))
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-10, atol=1e-12)
    sum((a * a).sum() for a in mine).backward()
    sum((b * b).sum() for b in other).backward()
    given = ((x, t), (h, u), *(((c, v),) if kind == "LSTM" else ()))
    learnt = [(ours.get_parameter(a), theirs.get_parameter(b)) for a, b in pairs.items()]
    for a, b in (*given, *learnt):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_multihead_attention_is_pytorchs(page, causal):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = made(page, "MultiheadAttention", 8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_bias.normal_()
    pairs = {"input.weight": "in_proj_weight", "input.bias": "in_proj_bias"}
    pairs |= {"output.weight": "out_proj.weight", "output.bias": "out_proj.bias"}
    ours.load_state_dict({a: theirs.state_dict()[b].numpy() for a, b in pairs.items()})
    mask = np.tri(6, dtype=bool) if causal else None
    x, t = tn.tensor(SEQUENCES, requires_grad=True), torch.tensor(SEQUENCES, requires_grad=True)
    y = ours(x, mask)
    u, _ = theirs(t, t, t, attn_mask=None if mask is None else torch.tensor(~mask))
    np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-10, atol=1e-12)
    (y * y).sum().backward()
    (u * u).sum().backward()
    for a, b in ((x, t), *((ours.get_parameter(a), theirs.get_parameter(b)) for a, b in pairs.items())):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-10, atol=1e-12)
    theirs = torch.nn.functional.scaled_dot_product_attention(t, t, t, is_causal=causal)
    np.testing.assert_allclose(page["attention"](x, x, x, mask).data, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
