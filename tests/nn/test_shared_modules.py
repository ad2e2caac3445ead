"""Modules that PyTorch has too: against the functions they call, and the same module in PyTorch.

Every name that `nn` shares with `torch.nn` has a row here; what a module learns is exchanged both ways.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tn
from tinygrad_nn import Tensor, nn, optim
from tinygrad_nn.graph import graph, to_onnx, trace
from tinygrad_nn.nn import functional as F
from tinygrad_nn.testing import gradcheck

RNG = np.random.default_rng(8)
ROWS = np.asarray(RNG.normal(size=(6, 4)))
SEQUENCES = np.asarray(RNG.normal(size=(5, 4, 3)))
IMAGES = np.asarray(RNG.normal(size=(3, 4, 6, 5)))
CLASSES = RNG.integers(0, 4, 6)
SOME = np.where(CLASSES == 1, -100, CLASSES)
SHARES = RNG.dirichlet(np.ones(4), 6)
INDICES = RNG.integers(0, 7, (2, 5))
CUBE = np.asarray(RNG.normal(size=(2, 3, 8)))
W = RNG.uniform(0.5, 2, 4)
HALF = 1 / (1 + np.exp(-ROWS))
LOG = ROWS - np.log(np.exp(ROWS).sum(axis=1, keepdims=True))

# Each module: how it is made (`nn` is either library's), its inputs, what it computes by functions (`m` is itself).
BATCH = "F.batch_norm(x, None, None, m.weight, m.bias, True)"
Row = tuple[str, tuple[np.ndarray, ...], str]
MODULES: dict[str, list[Row]] = {
    "AvgPool2d": [
        ("nn.AvgPool2d(2)", (IMAGES,), "F.avg_pool2d(x, 2)"),
        ("nn.AvgPool2d(3, 2, 1, count_include_pad=False)", (IMAGES,), "F.avg_pool2d(x, 3, 2, 1, False, False)"),
    ],
    "BCELoss": [
        ("nn.BCELoss()", (HALF, SHARES), "F.binary_cross_entropy(x, t)"),
        (
            "nn.BCELoss(weight=array(W), reduction='sum')",
            (HALF, SHARES),
            "F.binary_cross_entropy(x, t, W, reduction='sum')",
        ),
    ],
    "BCEWithLogitsLoss": [
        ("nn.BCEWithLogitsLoss()", (ROWS, SHARES), "F.binary_cross_entropy_with_logits(x, t)"),
        (
            "nn.BCEWithLogitsLoss(pos_weight=array(W), reduction='none')",
            (ROWS, SHARES),
            "F.binary_cross_entropy_with_logits(x, t, pos_weight=W, reduction='none')",
        ),
    ],
    "BatchNorm1d": [
        ("nn.BatchNorm1d(4)", (ROWS,), BATCH),
        ("nn.BatchNorm1d(4, 0.1, 0.3)", (SEQUENCES,), "F.batch_norm(x, None, None, m.weight, m.bias, True, eps=0.1)"),
        ("nn.BatchNorm1d(4, affine=False)", (ROWS,), "F.batch_norm(x, None, None, training=True)"),
        (
            "nn.BatchNorm1d(4, track_running_stats=False)",
            (ROWS,),
            BATCH,
        ),
        ("nn.BatchNorm1d(4, momentum=None)", (ROWS,), BATCH),
    ],
    "BatchNorm2d": [
        ("nn.BatchNorm2d(4)", (IMAGES,), BATCH),
        ("nn.BatchNorm2d(4, bias=False)", (IMAGES,), "F.batch_norm(x, None, None, m.weight, training=True)"),
        ("nn.BatchNorm2d(4, momentum=None, affine=False)", (IMAGES,), "F.batch_norm(x, None, None, training=True)"),
        (
            "nn.BatchNorm2d(4, track_running_stats=False)",
            (IMAGES,),
            BATCH,
        ),
    ],
    "Conv1d": [
        ("nn.Conv1d(4, 2, 3)", (SEQUENCES,), "F.conv1d(x, m.weight, m.bias)"),
        (
            "nn.Conv1d(4, 4, 3, padding='same', groups=2)",
            (SEQUENCES,),
            "F.conv1d(x, m.weight, m.bias, 1, 'same', 1, 2)",
        ),
    ],
    "Conv2d": [
        ("nn.Conv2d(4, 4, 3, 1, 2, 2, 4)", (IMAGES,), "F.conv2d(x, m.weight, m.bias, 1, 2, 2, 4)"),
        ("nn.Conv2d(4, 2, 3)", (IMAGES,), "F.conv2d(x, m.weight, m.bias)"),
        ("nn.Conv2d(4, 2, (3, 2), 2, 1, bias=False)", (IMAGES,), "F.conv2d(x, m.weight, None, 2, 1)"),
    ],
    "CrossEntropyLoss": [
        ("nn.CrossEntropyLoss()", (ROWS, CLASSES), "F.cross_entropy(x, t)"),
        ("nn.CrossEntropyLoss()", (ROWS, SOME), "F.cross_entropy(x, t)"),
        ("nn.CrossEntropyLoss(array(W), ignore_index=2)", (ROWS, CLASSES), "F.cross_entropy(x, t, W, ignore_index=2)"),
        (
            "nn.CrossEntropyLoss(label_smoothing=0.1, reduction='none')",
            (ROWS, SHARES),
            "F.cross_entropy(x, t, label_smoothing=0.1, reduction='none')",
        ),
    ],
    "Dropout": [("nn.Dropout(0.0)", (ROWS,), "x"), ("nn.Dropout(1.0)", (ROWS,), "x * 0")],
    "Dropout2d": [("nn.Dropout2d(0.0)", (IMAGES,), "x"), ("nn.Dropout2d(p=1.0)", (IMAGES,), "x * 0")],
    "ELU": [("nn.ELU(1.5)", (ROWS,), "F.elu(x, 1.5)")],
    "Embedding": [
        ("nn.Embedding(7, 3)", (INDICES,), "F.embedding(x, m.weight)"),
        ("nn.Embedding(7, 3, padding_idx=2)", (INDICES,), "F.embedding(x, m.weight, 2)"),
        ("nn.Embedding(7, 3, padding_idx=-1)", (INDICES,), "F.embedding(x, m.weight, 6)"),
        ("nn.Embedding.from_pretrained(array(W[:, None]), freeze=False)", (CLASSES,), "F.embedding(x, m.weight)"),
    ],
    "Flatten": [
        ("nn.Flatten()", (IMAGES,), "x.reshape(3, 120)"),
        ("nn.Flatten(0, 1)", (SEQUENCES,), "x.reshape(20, 3)"),
    ],
    "GELU": [("nn.GELU()", (ROWS,), "F.gelu(x)"), ("nn.GELU('tanh')", (ROWS,), "F.gelu(x, 'tanh')")],
    "GroupNorm": [
        ("nn.GroupNorm(2, 4)", (IMAGES,), "F.group_norm(x, 2, m.weight, m.bias)"),
        ("nn.GroupNorm(2, 4, bias=False)", (SEQUENCES,), "F.group_norm(x, 2, m.weight)"),
        ("nn.GroupNorm(4, 4, eps=0.1, affine=False)", (SEQUENCES,), "F.group_norm(x, 4, eps=0.1)"),
    ],
    "Hardtanh": [("nn.Hardtanh(-0.5, 1.5)", (ROWS,), "F.hardtanh(x, -0.5, 1.5)")],
    "HuberLoss": [("nn.HuberLoss('sum', 0.5)", (ROWS, SHARES), "F.huber_loss(x, t, 'sum', 0.5)")],
    "Identity": [("nn.Identity()", (ROWS,), "x")],
    "KLDivLoss": [
        ("nn.KLDivLoss(reduction='batchmean')", (LOG, SHARES), "F.kl_div(x, t, reduction='batchmean')"),
        (
            "nn.KLDivLoss(reduction='sum', log_target=True)",
            (LOG, LOG),
            "F.kl_div(x, t, reduction='sum', log_target=True)",
        ),
    ],
    "L1Loss": [("nn.L1Loss(reduction='none')", (ROWS, SHARES), "F.l1_loss(x, t, reduction='none')")],
    "LayerNorm": [
        ("nn.LayerNorm(4)", (ROWS,), "F.layer_norm(x, 4, m.weight, m.bias)"),
        ("nn.LayerNorm((4, 3), eps=0.1)", (SEQUENCES,), "F.layer_norm(x, (4, 3), m.weight, m.bias, 0.1)"),
        ("nn.LayerNorm([6, 5], elementwise_affine=False)", (IMAGES,), "F.layer_norm(x, (6, 5))"),
        ("nn.LayerNorm(3, bias=False)", (SEQUENCES,), "F.layer_norm(x, 3, m.weight)"),
    ],
    "LeakyReLU": [("nn.LeakyReLU(0.2)", (ROWS,), "F.leaky_relu(x, 0.2)")],
    "Linear": [
        ("nn.Linear(4, 3)", (ROWS,), "F.linear(x, m.weight, m.bias)"),
        ("nn.Linear(3, 2, bias=False)", (SEQUENCES,), "F.linear(x, m.weight)"),
    ],
    "LogSigmoid": [("nn.LogSigmoid()", (ROWS,), "F.logsigmoid(x)")],
    "LogSoftmax": [("nn.LogSoftmax(dim=1)", (SEQUENCES,), "F.log_softmax(x, 1)")],
    "MSELoss": [("nn.MSELoss()", (ROWS, SHARES), "F.mse_loss(x, t)")],
    "MaxPool2d": [
        ("nn.MaxPool2d(2)", (IMAGES,), "F.max_pool2d(x, 2)"),
        ("nn.MaxPool2d(3, stride=1)", (IMAGES,), "F.max_pool2d(x, 3, 1)"),
    ],
    "ModuleDict": [],
    "ModuleList": [],
    "NLLLoss": [
        ("nn.NLLLoss()", (LOG, SOME), "F.nll_loss(x, t)"),
        (
            "nn.NLLLoss(array(W), ignore_index=0, reduction='sum')",
            (LOG, CLASSES),
            "F.nll_loss(x, t, W, ignore_index=0, reduction='sum')",
        ),
    ],
    "ParameterList": [],
    "ReLU": [("nn.ReLU()", (ROWS,), "F.relu(x)")],
    "ReLU6": [("nn.ReLU6()", (9 * ROWS,), "F.relu6(x)")],
    "Sequential": [
        ("nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))", (ROWS,), "m[2](F.relu(m[0](x)))"),
        (
            "nn.Sequential(OrderedDict([('a', nn.Linear(4, 3)), ('b', nn.BatchNorm1d(3)), ('c', nn.SiLU(True))]))",
            (ROWS,),
            "F.silu(F.batch_norm(m.a(x), None, None, m.b.weight, m.b.bias, True))",
        ),
    ],
    "SiLU": [("nn.SiLU()", (ROWS,), "F.silu(x)")],
    "Sigmoid": [("nn.Sigmoid()", (ROWS,), "F.sigmoid(x)")],
    "SmoothL1Loss": [("nn.SmoothL1Loss(beta=0.3)", (ROWS, SHARES), "F.smooth_l1_loss(x, t, beta=0.3)")],
    "Softmax": [("nn.Softmax(dim=-2)", (SEQUENCES,), "F.softmax(x, 1)"), ("nn.Softmax(1)", (ROWS,), "F.softmax(x, 1)")],
    "Softplus": [
        ("nn.Softplus()", (ROWS,), "F.softplus(x)"),
        ("nn.Softplus(2, threshold=1)", (ROWS,), "F.softplus(x, 2, 1)"),
    ],
    "Tanh": [("nn.Tanh()", (ROWS,), "F.tanh(x)")],
    "Unflatten": [
        ("nn.Unflatten(-1, (2, 4))", (CUBE,), "x.reshape(2, 3, 2, 4)"),
        ("nn.Unflatten(2, (-1, 2))", (CUBE,), "x.reshape(2, 3, 4, 2)"),
    ],
}
ALL = [row for rows in MODULES.values() for row in rows]
IDS = [f"{i} {row[0]}" for i, row in enumerate(ALL)]

NET = (
    "nn.Sequential(OrderedDict([('a', nn.Linear(2, 3)), ('b', nn.ModuleDict({'c': nn.BatchNorm1d(3), 'd': nn.Tanh()})),"
    " ('e', nn.ModuleList([nn.Linear(3, 1), nn.Embedding(2, 2)])), ('f', nn.ParameterList([nn.Parameter(zeros(2))]))]))"
)
# Expressions that give plain values, the same in both libraries; `net` is NET, made anew for each.
EXPRESSIONS: dict[str, list[str]] = {
    "Module": [
        "[n for n, _ in net.named_modules()]",
        "[n for n, _ in net.named_modules(prefix='p')]",
        "len(list(net.modules()))",
        "[n for n, _ in net.named_children()]",
        "[type(m).__name__ for m in net.children()]",
        "[n for n, _ in net.named_parameters()]",
        "[n for n, _ in net.b.named_parameters(prefix='p', recurse=False)]",
        "[tuple(p.shape) for p in net.parameters()]",
        "[n for n, _ in net.named_buffers()]",
        "[tuple(b.shape) for b in net.buffers()]",
        "list(net.state_dict())",
        "net.train() is net and net.b['c'].training",
        "net.eval() is net and net.b['c'].training",
        "net.requires_grad_(False) is net and any(p.requires_grad for p in net.parameters())",
        "collected(net.apply)",
        "type(net.get_submodule('b.c')).__name__",
        "net.get_submodule('') is net",
        "tuple(net.get_parameter('e.0.weight').shape)",
        "tuple(net.get_buffer('b.c.running_var').shape)",
        "failing(net.get_submodule, 'b.z')",
        "failing(net.get_parameter, 'a.z')",
        "failing(net.get_buffer, 'a.weight')",
        "[net.add_module('g', nn.Tanh()), type(net.g).__name__]",
        "[net.register_module('g', nn.Tanh()), type(net.g).__name__]",
        "[net.register_parameter('g', nn.Parameter(zeros(3))), [n for n, _ in net.named_parameters()][0]]",
        "[net.register_parameter('g', None), net.g]",
        "[net.register_buffer('g', zeros(3)), [n for n, _ in net.named_buffers()][0]]",
        "str(net.double().a.weight.dtype)[-7:]",
        "str(net.half().b['c'].running_mean.dtype)[-7:]",
        "str(net.b['c'].half().num_batches_tracked.dtype)[-5:]",
        "str(net.double().float().a.weight.dtype)[-7:]",
        "str(net.to(F64).a.weight.dtype)[-7:]",
        "str(net.to('cpu').a.weight.dtype)[-7:]",
        "str(net.to('cpu', F64).a.weight.dtype)[-7:]",
        "str(net.to(device='cpu', dtype=F64).a.weight.dtype)[-7:]",
        "str(net.to(zeros(2, dtype=F64)).a.weight.dtype)[-7:]",
        "net.to(F64) is net.cpu() is net.float()",
        "failing(net.to, INTEGER)",
        "failing(net.add_module, 'a.b', nn.Tanh())",
        "failing(net.add_module, 'forward', nn.Tanh())",
        "failing(net.add_module, 'g', 3)",
        "failing(net.register_parameter, 'g', zeros(3))",
        "backward(net.a) + [net.zero_grad(), net.a.weight.grad is None]",
        "backward(net.a) + [net.zero_grad(set_to_none=False), net.a.weight.grad.tolist()]",
        "hooked(net.a)",
        "net.a.extra_repr()",
        "[net.load_state_dict(net.state_dict()).missing_keys]",
    ],
    "Parameter": [
        "nn.Parameter(zeros(2)).requires_grad",
        "nn.Parameter(zeros(2), requires_grad=False).requires_grad",
        "nn.Parameter(zeros(2)).is_leaf",
    ],
    "ModuleDict": [
        "list(net.b.keys())",
        "[type(m).__name__ for m in net.b.values()]",
        "[n for n, _ in net.b.items()]",
        "len(net.b), 'c' in net.b, 'z' in net.b, list(net.b)",
        "[net.b.update({'z': nn.ReLU(), 'c': nn.Tanh()}), list(net.b), type(net.b['c']).__name__]",
        "[type(net.b.pop('c')).__name__, list(net.b)]",
        "[net.b.clear(), len(net.b)]",
        "[net.b.__setitem__('z', nn.ReLU()), net.b.__delitem__('c'), list(net.b)]",
        "failing(net.b.__getitem__, 'z')",
        "repr(nn.ModuleDict({'a': nn.Tanh()}))",
    ],
    "ModuleList": [
        "len(net.e), type(net.e[0]).__name__, type(net.e[-1]).__name__, [type(m).__name__ for m in net.e[::-1]]",
        "type(net.e.append(nn.ReLU())[2]).__name__",
        "[type(m).__name__ for m in net.e.extend([nn.ReLU(), nn.Tanh()])]",
        "[net.e.insert(1, nn.ReLU()), [type(m).__name__ for m in net.e], list(net.e.state_dict())]",
        "[net.e.__setitem__(-1, nn.ReLU()), [type(m).__name__ for m in net.e]]",
        "[net.e.__delitem__(0), [n for n, _ in net.e.named_parameters()]]",
        "failing(net.e.__getitem__, 5)",
        "failing(net.e.append, 3)",
        "repr(nn.ModuleList([nn.Tanh()]))",
    ],
    "Sequential": [
        "list(nn.Sequential(nn.Linear(1, 1), nn.Tanh()).append(nn.Linear(1, 1)).state_dict())",
        "[type(m).__name__ for m in nn.Sequential(nn.Tanh(), nn.ReLU())[1:]]",
        "repr(nn.Sequential(OrderedDict(a=nn.Tanh(), b=nn.Flatten())))",
        "len(nn.Sequential())",
        "failing(nn.Sequential, 3)",
    ],
    "ParameterList": [
        "len(net.f), tuple(net.f[0].shape), [n for n, _ in net.f.named_parameters()]",
        "len(net.f.append(nn.Parameter(zeros(3)))), [tuple(p.shape) for p in net.f]",
        "[tuple(p.shape) for p in net.f.extend([zeros(3), zeros(4)])]",
        "net.f.append(zeros(3))[-1].requires_grad",
        "[net.f.__setitem__(0, nn.Parameter(zeros(5))), tuple(net.f[0].shape)]",
        "len(net.f[:1])",
    ],
    "functional": [],  # test_functional
    "init": [],  # test_init
    "utils": [],  # below
}


def scope_of(library: Any) -> dict[str, Any]:
    """What expressions may use, of either library."""
    ours = library is tn
    make = tn.tensor if ours else library.tensor

    def collected(apply: Any) -> list[str]:
        seen: list[str] = []
        apply(lambda module: seen.append(type(module).__name__))
        return seen

    def failing(function: Any, *arguments: Any) -> bool:
        try:
            function(*arguments)
        except Exception:
            return True
        return False

    def backward(module: Any) -> list[Any]:
        module(make(np.ones((1, 2), np.float32))).sum().backward()
        return [module.weight.grad.tolist()]

    def hooked(module: Any) -> list[Any]:
        seen: list[Any] = []
        first = module.register_forward_pre_hook(lambda m, given: seen.append(len(given)))
        second = module.register_forward_hook(lambda m, given, out: seen.append(tuple(out.shape)))
        module(make(np.ones((1, 2), np.float32)))
        first.remove()
        second.remove()
        module(make(np.ones((1, 2), np.float32)))
        return seen

    float64, integer = (np.float64, np.int64) if ours else (library.float64, library.int64)
    return {
        "nn": library.nn,
        "zeros": library.zeros,
        "array": make,
        "F64": float64,
        "INTEGER": integer,
        "OrderedDict": OrderedDict,
        "W": W,
        "collected": collected,
        "failing": failing,
        "backward": backward,
        "hooked": hooked,
    }


def made(how: str, library: Any = tn) -> Any:
    return eval(how, scope_of(library)).double()


def tensors(inputs: tuple[np.ndarray, ...]) -> list[Tensor]:
    return [tn.tensor(a, requires_grad=a.dtype.kind == "f" and not i) for i, a in enumerate(inputs)]


@pytest.mark.parametrize(("how", "inputs", "function"), ALL, ids=IDS)
def test_a_module_computes_what_its_function_does(how, inputs, function):
    m = made(how)
    x, *rest = tensors(inputs)
    scope = {"F": F, "m": m, "x": x, "W": W} | ({"t": rest[0]} if rest else {})
    wanted = eval(function, scope)
    y = m(x, *rest)
    np.testing.assert_allclose(y.data, wanted.data, rtol=1e-12, atol=1e-14)
    if x.requires_grad and y.requires_grad and not how.startswith("nn.ReLU6"):
        assert gradcheck(lambda *values: m(*values, *rest), x)
    elif y.requires_grad:
        y.sum().backward()
        assert all(p.grad is not None for p in m.parameters())


@pytest.mark.parametrize(("how", "inputs", "function"), ALL, ids=IDS)
def test_the_same_module_in_pytorch(how, inputs, function):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = made(how), made(how, torch)
    kept = theirs.state_dict()
    assert [(n, v.shape) for n, v in ours.state_dict().items()] == [(n, tuple(v.shape)) for n, v in kept.items()]
    ours.load_state_dict(kept)
    assert all((ours.state_dict()[n] == v.numpy()).all() for n, v in kept.items())  # to the last digit
    for mode in (True, True, False):
        ours.train(mode)
        theirs.train(mode)
        x, *rest = tensors(inputs)
        t = torch.tensor(inputs[0], requires_grad=x.requires_grad)
        y, u = ours(x, *rest), theirs(t, *map(torch.tensor, inputs[1:]))
        np.testing.assert_allclose(y.data, u.detach().numpy(), rtol=1e-10, atol=1e-10)
        assert y.requires_grad == u.requires_grad
        weights = np.asarray(np.random.default_rng(1).normal(size=y.shape))
        ours.zero_grad()
        theirs.zero_grad()
        y.backward(weights)
        u.backward(torch.tensor(weights))
        pairs = [
            (x.grad, t.grad),
            *((p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)),
        ]
        for mine, other in pairs:
            assert (mine is None) == (other is None)
            if mine is not None:
                np.testing.assert_allclose(mine.data, other.numpy(), rtol=1e-10, atol=1e-10)
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=1e-10, atol=1e-10, err_msg=name)
    theirs.load_state_dict({n: torch.tensor(v) for n, v in ours.state_dict().items()})


@pytest.mark.parametrize("expression", [e for rows in EXPRESSIONS.values() for e in rows])
def test_the_same_expression_in_pytorch(expression):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    values = []
    for library in (tn, torch):
        scope = scope_of(library)
        values.append(eval(expression, scope | {"net": eval(NET, scope)}))
    assert values[0] == values[1]


def test_every_name_shared_with_pytorch_has_a_row():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    shared = {name for name in nn.__all__ if hasattr(torch.nn, name)}
    assert shared == MODULES.keys() | EXPRESSIONS.keys()
    for name in shared:
        rows = MODULES.get(name, []) or EXPRESSIONS[name]
        assert rows or isinstance(getattr(nn, name), ModuleType), name


def test_every_method_of_a_module_shared_with_pytorch_is_used():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    shared = {n for n in dir(nn.Module) if n[0] != "_" and hasattr(torch.nn.Module, n)}
    hooks = {"register_forward_hook", "register_forward_pre_hook"}  # by `hooked`
    used = set(re.findall(r"\w+", " ".join(EXPRESSIONS["Module"]))) | hooks
    assert shared - used <= {"cuda", "forward"}


def test_names_that_are_not_there_say_what_to_do():
    torch = pytest.importorskip("torch", reason="knows PyTorch's names")
    for name in ("LSTM", "MultiheadAttention", "ZeroPad2d", "Softmax2d", "TransformerEncoderLayer"):
        assert hasattr(torch.nn, name)
        with pytest.raises(AttributeError, match=f"tinygrad_nn.nn has no {name}: .*(docs/sequences.md|use|write)"):
            getattr(nn, name)
    with pytest.raises(AttributeError, match="did you mean BatchNorm2d"):
        nn.BatchNorm3d  # noqa: B018


# --- what is its own


def test_modules_on_one_device_and_in_other_dtypes():
    net = eval(NET, scope_of(tn))
    weight = net.a.weight
    backward = scope_of(tn)["backward"]
    backward(net.a)
    assert net.double().a.weight is weight
    assert weight.grad.dtype == np.float64
    for device in ("cuda", "cuda:0", "mps"):
        with pytest.raises(RuntimeError, match=f"device '{device}' is not here"):
            net.to(device)
    with pytest.raises(RuntimeError, match="device 'cuda' is not here"):
        net.cuda()
    with pytest.raises(TypeError, match="floating-point dtype, not to int64"):
        net.to(np.int64)
    net.half()
    y = net.a(tn.ones(1, 2, dtype=np.float16))
    assert y.dtype == np.float16


def test_a_cast_model_learns_with_an_optimizer_that_is_made_afterwards():
    model = nn.Linear(2, 1)
    optim.SGD(model.parameters(), lr=0.1).zero_grad()  # lends memory of the old dtype
    before = optim.SGD(model.parameters(), lr=0.1)
    model.double()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loss = model(tn.ones(1, 2, dtype=np.float64)).sum()
    loss.backward()
    assert model.weight.grad.dtype == np.float64
    optimizer.step()
    assert model.weight.dtype == np.float64
    with pytest.raises(ValueError, match="of float32 has become one of float64: make the optimizer after the cast"):
        before.step()


def test_zeroed_gradients_stay_and_are_the_same_memory():
    layer = nn.Linear(2, 1)
    layer(tn.ones(1, 2)).sum().backward()
    kept = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is kept
    assert kept.tolist() == [[0, 0]]
    layer(tn.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1]]


def test_running_means_over_all_batches():
    layer = nn.BatchNorm1d(4, momentum=None).double()
    parts = [ROWS, 2 * ROWS + 1, ROWS - 3]
    for part in parts:
        layer(tn.tensor(part))
    np.testing.assert_allclose(layer.running_mean.data, np.mean([p.mean(axis=0) for p in parts], axis=0))
    np.testing.assert_allclose(layer.running_var.data, np.mean([p.var(axis=0, ddof=1) for p in parts], axis=0))
    assert layer.num_batches_tracked.item() == 3


def test_one_element_a_channel_has_no_spread_of_its_own():
    for layer, shape in ((nn.BatchNorm1d(4), (1, 4)), (nn.BatchNorm2d(4), (1, 4, 1, 1))):
        x = tn.randn(*shape)
        np.testing.assert_allclose(layer(x).data, x.data, rtol=1e-4)
        assert layer.num_batches_tracked.item() == 0
    with pytest.raises(ValueError, match="2 elements a channel or more"):
        nn.BatchNorm1d(4, track_running_stats=False)(tn.zeros(1, 4))


REFUSED = [
    (lambda: nn.BatchNorm2d(3)(tn.zeros(2, 3)), ValueError, r"takes inputs \(batch, 3, height, width\), not \(2, 3\)"),
    (lambda: nn.LayerNorm((3, 4))(tn.zeros(2, 4)), ValueError, r"takes inputs \(..., 3, 4\), not \(2, 4\)"),
    (lambda: nn.GroupNorm(3, 4), ValueError, "4 channels do not make 3 groups"),
    (lambda: nn.GroupNorm(2, 4)(tn.zeros(2, 3)), ValueError, r"takes inputs \(batch, 4, ...\)"),
    (lambda: nn.Embedding(0, 2), ValueError, "at least one row"),
    (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "padding_idx 3 is not one of 3 rows"),
    (lambda: nn.Embedding(3, 2)(tn.tensor([3])), IndexError, "numbered from 0 to 2, not 3 to 3"),
    (lambda: nn.Unflatten(1, (2, 3))(tn.zeros(2, 5)), ValueError, "cannot make the axis of length 5"),
    (lambda: nn.Unflatten(2, (2, 3))(tn.zeros(2, 6)), ValueError, "does not fit an input"),
    (lambda: nn.Hardtanh(1.0, 0.0), ValueError, "min_val must be less"),
    (lambda: nn.Softplus(0), ValueError, "beta other than 0"),
    (lambda: nn.KLDivLoss("x"), ValueError, "or 'batchmean', not 'x'"),
    (lambda: nn.SmoothL1Loss(beta=-1.0), ValueError, "beta must be positive"),
    (lambda: nn.ParameterList([3]), TypeError, "ParameterList takes parameters, position 0 is 3"),
    (lambda: nn.ModuleDict({"a": 3}), TypeError, "ModuleDict takes modules, 'a' is 3"),
    (lambda: nn.ModuleDict({"a.b": nn.Tanh()}), ValueError, "empty or contains a dot"),
    (lambda: nn.ModuleDict({"keys": nn.Tanh()}), ValueError, "an attribute of ModuleDict already"),
    (lambda: nn.ModuleDict({3: nn.Tanh()}), TypeError, "the name of a module is a text"),
    (lambda: nn.ModuleDict()["a"], KeyError, "no module 'a' among none"),
    (lambda: nn.Sequential({"a": nn.Tanh}), TypeError, r"the class Tanh: write Tanh\(\)"),
    (lambda: nn.Module().register_parameter("training", nn.Parameter([1.0])), ValueError, "an attribute"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_network_of_the_new_layers_in_summary_graph_files_and_onnx(tmp_path):
    pytest.importorskip("safetensors", reason="weights are kept as safetensors")

    class Words(nn.Module):
        def __init__(self):
            self.words = nn.Embedding(7, 4, padding_idx=0)
            self.body = nn.Sequential(
                nn.Unflatten(1, (5, 1)), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Flatten(), nn.LayerNorm((20,))
            )
            self.heads = nn.ModuleDict({"a": nn.Linear(20, 3), "b": nn.GroupNorm(2, 20)})
            self.scales = nn.ParameterList([nn.Parameter(tn.ones(3).data)])
            self.last = nn.LogSoftmax(dim=-1)

        def forward(self, x):
            return self.last(self.heads["a"](self.heads["b"](self.body(self.words(x)))) * self.scales[0])

    model, other = Words(), Words()
    x = tn.tensor(INDICES)
    for _ in range(3):
        model(x).sum().backward()
    nn.save(model, tmp_path / "words.safetensors")
    other.load_state_dict(nn.load(tmp_path / "words.safetensors"))
    np.testing.assert_array_equal(model.eval()(x).data, other.eval()(x).data)
    text = repr(nn.summary(nn.Sequential(*list(model.body)), (5, 4)))
    assert "BatchNorm2d" in text
    with trace():
        found = graph(model(x), model=model)
    titles = {group.title for group in found.groups}
    assert {"words Embedding", "body.1 BatchNorm2d", "body.4 LayerNorm", "heads.b GroupNorm"} <= titles
    pytest.importorskip("onnx", reason="the graph is written as ONNX")
    from onnx.reference import ReferenceEvaluator

    written = ReferenceEvaluator(str(to_onnx(model, INDICES, tmp_path / "words.onnx")))
    for indices in (INDICES, RNG.integers(0, 7, (9, 5))):
        (found,) = written.run(None, {"input": indices})
        np.testing.assert_allclose(found, model(tn.tensor(indices)).data, rtol=1e-5, atol=1e-6)
