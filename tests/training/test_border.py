"""What an author's methods return, enumerated: each wrong value is told in the author's terms."""

from __future__ import annotations

import re
import sys
from itertools import product

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, optim
from tinygrad_nn.data import load_iris
from tinygrad_nn.training import Experiment, Hyperparameters, Session, lr_range_test
from tinygrad_nn.training.border import described
from tinygrad_nn.training.files import ExperimentError, load_experiment, user_traceback

HEAD = """
import numpy as np
from tinygrad_nn import Tensor, nn, optim
from tinygrad_nn.data import Dataset, load_iris
from tinygrad_nn.training import Experiment, Hyperparameters

class Net(nn.Module):
    def __init__(self, rng, *more):
        super().__init__()
        self.fc = nn.Linear(4, 3, rng=rng)
    def forward(self, x):
        return self.fc(x)

class Mine(Experiment):
    dataset = "iris"
    hyperparameters = Hyperparameters(epochs=1)
"""
PARAMETERS = {
    "data": "hp, rng",
    "model": "hp, train, rng",
    "loss": "hp, train",
    "targets": "hp, part",
    "score": "task, output, target",
    "optimizer": "hp, parameters",
}
WANTED = {
    "data": "must return a Dataset",
    "model": "must return an nn.Module",
    "loss": "must return a function of output and target",
    "targets": "must return a NumPy array of numbers with 120 rows",
    "score": "must return a number",
    "optimizer": "must return an optim.Optimizer",
}
WRONG = {
    "None": "None",
    "lambda *_: None": "a function (mine.py, line ",
    "(1, 2)": "a tuple of 2 (int)",
    "[1.5, None]": "a list of 2 (float, NoneType)",
    "{'a': 1}": "a dict of 1 (int)",
    "{1, 2}": "a set of 2 (int)",
    "'abc'": "'abc', a str",
    "7": "7, an int",
    "2.5": "2.5, a float",
    "np.zeros((7, 2))": "an array of shape (7, 2), float64",
    "np.array(['a'] * 120)": "an array of shape (120,), <U1",
    "np.array([None] * 120)": "an array of shape (120,), object",
    "Tensor(np.zeros(120))": "a Tensor of shape (120,), float64",
    "Net": "the class Net, not one of its kind: Net(...) makes one",
    "Dataset": "the class Dataset, not one of its kind: Dataset(...) makes one",
    "optim.SGD": "the class SGD, not one of its kind: SGD(...) makes one",
    "nn.MSELoss": "the class MSELoss, not one of its kind: MSELoss(...) makes one",
    "load_iris()": "a tinygrad_nn Dataset",
    "(i for i in [1])": "a generator",
    "__import__('pandas').DataFrame({'a': range(150), 'b': 1})": "a pandas DataFrame of shape (150, 2)",
}
FINE = {("loss", "lambda *_: None"), ("score", "7"), ("score", "2.5"), ("data", "load_iris()")}


def written(tmp_path, text: str):
    (tmp_path / "mine.py").write_text(HEAD + text)
    return tmp_path / "mine.py"


def refused(tmp_path, monkeypatch, text: str) -> str:
    """What is said of an experiment, by its file and as the commands show it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is asserted below
        Session(load_experiment(written(tmp_path, text))).next()
    assert isinstance(raised.value, ExperimentError), raised.value
    told = user_traceback(raised.value)
    assert told == str(raised.value)
    assert "\n" not in told
    assert "tinygrad_nn/" not in told
    assert 'File "' not in told
    return told


def line_of(tmp_path, text: str) -> int:
    lines = (tmp_path / "mine.py").read_text().splitlines()
    (number,) = [i for i, line in enumerate(lines, 1) if text in line]
    return number


@pytest.mark.parametrize(("name", "value"), [pair for pair in product(PARAMETERS, WRONG) if pair not in FINE])
def test_what_a_method_must_not_return(name, value, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, f"    def {name}(self, {PARAMETERS[name]}):\n        return {value}\n")
    assert told.startswith(f"Mine.{name} (mine.py, line {line_of(tmp_path, f'def {name}(')}) {WANTED[name]}")
    assert f"; it returned {WRONG[value]}" in told
    assert told.endswith("is `return` missing?") == (value == "None")


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_method_that_takes_something_else(name, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, f"    def {name}(self, only):\n        return None\n")
    line = line_of(tmp_path, f"def {name}(")
    assert told.startswith(f"Mine.{name} (mine.py, line {line}) must take (self, {PARAMETERS[name]}): ")
    told = refused(tmp_path, monkeypatch, f"    {name} = 5\n")
    assert told.startswith(f"Mine.{name} must be a method; it is 5, an int")


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_the_authors_own_lines_raise_is_told_as_it_is(name, tmp_path):
    path = written(tmp_path, f"    def {name}(self, {PARAMETERS[name]}):\n        raise TypeError('mine')\n")
    with pytest.raises(TypeError, match="mine") as raised:
        Session(load_experiment(path)).next()
    told = user_traceback(raised.value)
    assert told.count('mine.py", line ') == 1
    assert "tinygrad_nn/" not in told


@pytest.mark.parametrize(
    ("value", "came"),
    [
        ("None", "None"),
        ("0.5", "0.5, a float"),
        ("(1, 2)", "a tuple of 2"),
        ("'low'", "'low', a str"),
        ("np.zeros(3)", "an array of shape (3,)"),
        ("(o - 1) ** 2", "a Tensor of shape (120, 3), float32: take its mean()"),
        ("o.argmax()", "a Tensor of shape (), int64"),
        ("(o * 0).mean().detach()", "the model's parameters have no part in it"),
        ("Tensor(1.0)", "the model's parameters have no part in it"),
    ],
)
def test_what_the_loss_must_not_give(value, came, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, f"    def loss(self, hp, train):\n        return lambda o, y: {value}\n")
    line = line_of(tmp_path, "def loss(")
    assert told.startswith(f"Mine.loss (mine.py, line {line}) must return a function that gives a Tensor of one")
    assert came in told


@pytest.mark.parametrize(
    ("value", "came"),
    [
        ("None", "None"),
        ("x.numpy()", "an array of shape (120, 4), float32"),
        ("(x, x)", "a tuple of 2 (Tensor)"),
        ("x.sum()", "a Tensor of shape (), float32"),
        ("x[:7]", "a Tensor of shape (7, 4), float32"),
        ("x.T", "a Tensor of shape (4, 120), float32"),
    ],
)
def test_what_forward_must_not_return(value, came, tmp_path, monkeypatch):
    told = refused(
        tmp_path,
        monkeypatch,
        "    def model(self, hp, train, rng):\n"
        "        class Own(Net):\n"
        f"            def forward(self, x):\n                return {value}\n"
        "        return Own(rng)\n",
    )
    (line, _) = [
        i for i, text in enumerate((tmp_path / "mine.py").read_text().splitlines(), 1) if "def forward" in text
    ][::-1]
    assert told == (
        f"Own.forward (mine.py, line {line}) must return a Tensor of 120 rows, an example each; it returned {came}"
    )


@pytest.mark.parametrize(
    ("text", "culprit", "what"),
    [
        ("    def model(self, hp, train, rng):\n        return nn.Linear(5, 3, rng=rng)\n", "model", "(120, 4)"),
        ("    def model(self, hp, train, rng):\n        return nn.Linear(4, 2, rng=rng)\n", "model", "(120, 2)"),
        ("    def loss(self, hp, train):\n        return nn.MSELoss()\n", "loss", "(120, 3)"),
        ("    def loss(self, hp, train):\n        return lambda only: only.mean()\n", "loss", "1 positional"),
        ("    def targets(self, hp, part):\n        return part.y.astype(float)\n", "targets", "float64"),
        (
            "    dataset = 'xor'\n    def model(self, hp, train, rng):\n"
            "        return nn.Sequential(nn.Linear(2, 1, rng=rng), nn.Flatten(0))\n"
            "    def loss(self, hp, train):\n        return lambda o, y: nn.BCEWithLogitsLoss()(o, y.reshape(-1))\n",
            "model",
            "shape",
        ),
    ],
    ids=["too few inputs", "too few outputs", "shapes of the loss", "arguments of the loss", "dtype", "score"],
)
def test_what_does_not_fit_together_is_told_by_shapes(text, culprit, what, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, text)
    assert told.startswith(f"Mine.{culprit} (mine.py, line ")
    assert what in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pair
        for pair in product(("hyperparameters", "dataset", "notes", "name"), (v for v in WRONG if "pandas" not in v))
        if pair not in {("dataset", "load_iris()"), ("name", "'abc'")}
    ],
)
def test_what_an_attribute_must_not_be(name, value, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, f"    {name} = {value}\n")
    if (name, value) == ("dataset", "'abc'"):
        assert "there is no data set 'abc'" in told
        return
    came = WRONG[value]
    if value == "lambda *_: None":  # which makes it a method
        came = "a function (mine.py, line "
    number = [i for i, text in enumerate((tmp_path / "mine.py").read_text().splitlines(), 1) if f"    {name} =" in text]
    assert re.match(rf"Mine\.{name} \(mine\.py, line ({'|'.join(map(str, number))})\) must be ", told)
    assert f"; it is {came}" in told


def test_settings_in_a_dict_are_told_how_to_write(tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, "    hyperparameters = {'lr': 0.1, 'hidden': (8,)}\n")
    assert told.endswith("it is a dict of 2 (float, tuple): Hyperparameters(lr=0.1, hidden=(8,)) makes them")


def test_an_optimiser_of_others_parameters(tmp_path, monkeypatch):
    told = refused(
        tmp_path,
        monkeypatch,
        "    def optimizer(self, hp, parameters):\n"
        "        return optim.SGD(Net(np.random.default_rng(0)).parameters(), 0.1)\n",
    )
    assert told.endswith(
        "must return an optimiser of the parameters that it is given; it returned a tinygrad_nn SGD, of others"
    )


# --- what a network is made of

LISTS = {
    "[nn.Linear(4, 4, rng=rng), nn.Linear(4, 4, rng=rng)]": ("a list of 2 (Linear)", "2 layers", "ModuleList"),
    "(nn.Linear(4, 4, rng=rng),)": ("a tuple of 1 (Linear)", "1 layer", "ModuleList"),
    "{'a': nn.Linear(4, 4, rng=rng)}": ("a dict of 1 (Linear)", "1 layer", "ModuleDict"),
    "[[nn.Linear(4, 4, rng=rng)], nn.ReLU()]": ("a list of 2 (list, ReLU)", "1 layer", "ModuleList"),
    "[nn.Parameter(np.zeros(3))]": ("a list of 1 (Parameter)", "1 parameter", "ParameterList"),
    "{'w': nn.Parameter(np.zeros(3))}": ("a dict of 1 (Parameter)", "1 parameter", "ParameterDict"),
    "Tensor(np.zeros((4, 3)), requires_grad=True)": ("a Tensor of shape (4, 3), float64", "parameter", "Parameter"),
}


@pytest.mark.parametrize("where", ["Net", "inner"])
@pytest.mark.parametrize("value", LISTS)
def test_layers_that_a_module_does_not_know_of(value, where, tmp_path, monkeypatch):
    held, lost, wanted = LISTS[value]
    told = refused(
        tmp_path,
        monkeypatch,
        f"    def model(self, hp, train, rng):\n        net = Own(rng)\n"
        f"        return net if {where == 'Net'} else nn.Sequential(nn.Linear(4, 4, rng=rng), net)\n"
        "class Own(Net):\n    def __init__(self, rng):\n        super().__init__(rng)\n"
        f"        self.more = {value}\n",
    )
    assert told.startswith(f"Own.more (mine.py, line {line_of(tmp_path, 'self.more =')}) is {held}")
    assert lost in told
    assert (f"nn.{wanted}" in told) == hasattr(nn, wanted)


def test_a_parameter_from_elsewhere_is_found_by_what_the_loss_comes_from(tmp_path, monkeypatch):
    told = refused(
        tmp_path,
        monkeypatch,
        "    def model(self, hp, train, rng):\n        net = Own(rng)\n        return net\n"
        "hidden = nn.Linear(3, 3)\n"
        "class Own(Net):\n    def forward(self, x):\n        return hidden(self.fc(x))\n",
    )
    assert told.startswith("Mine.model (mine.py, line ")
    assert re.search(r"computes with a Parameter of shape \(3,( 3)?\) that model\.parameters\(\) does not give", told)


@pytest.mark.parametrize(
    ("network", "has"),
    [
        ("nn.Sequential(nn.ReLU())", "Sequential has no parameters"),
        ("Net(rng).requires_grad_(False)", "Net has only parameters that are frozen"),
    ],
)
def test_a_network_that_cannot_learn(network, has, tmp_path, monkeypatch):
    told = refused(tmp_path, monkeypatch, f"    def model(self, hp, train, rng):\n        return {network}\n")
    assert told.startswith("Mine.model (mine.py, line ")
    assert told.endswith(has)


def test_what_looks_like_it_and_is_right_is_let_through():
    class Fine(nn.Module):
        def __init__(self, rng):
            super().__init__()
            self.fc = nn.Linear(4, 3, rng=rng)
            self.twice = [self.fc]  # known already
            self.teacher = [nn.Linear(4, 3, rng=rng).requires_grad_(False)]
            self.blocks = nn.ModuleList([nn.Linear(3, 3, rng=rng)])
            self.sizes = [1, 2]
            self.names = {"a": "b"}
            self.register_buffer("scale", Tensor(np.ones(3)))
            self.loop = [self.sizes]
            self.loop.append(self.loop)

        def forward(self, x):
            x = Tensor(x.numpy(), requires_grad=True)  # to take gradients by the input
            return self.blocks[0](self.fc(x)) + self.teacher[0](x)

    class Mine(Experiment):
        dataset = load_iris()

        def model(self, hp, train, rng):
            return Fine(rng)

        def optimizer(self, hp, parameters):
            return optim.SGD([{"params": parameters, "lr": hp.lr * 2}], lr=hp.lr)

        def score(self, task, output, target):
            return np.float32(super().score(task, output, target))

    Session(Mine(), Hyperparameters(epochs=1)).next()


def test_a_class_in_the_place_of_an_experiment_is_told_too():
    with pytest.raises(ExperimentError, match=r"an experiment must be an Experiment; it is the class Experiment"):
        Session(Experiment)  # type: ignore[arg-type]


def test_the_range_test_checks_too():
    class Mine(Experiment):
        hyperparameters = {"lr": 0.1}  # type: ignore[assignment]  # noqa: RUF012

    with pytest.raises(ExperimentError, match="must be Hyperparameters"):
        lr_range_test(Mine())


def test_what_the_methods_read_is_known():
    class Mine(Experiment):
        dataset = "iris"

        def model(self, hp, train, rng):
            assert hp == Hyperparameters(**vars(hp.replace()))
            return nn.Linear(4, hp.hidden[0] - 61, rng=rng)

    heard = Session(Mine(), Hyperparameters(epochs=1)).border.reads
    assert "hidden" in heard
    assert "optimizer" in heard
    heard = Session(Experiment("iris"), Hyperparameters(epochs=1)).border.reads
    assert {"activation", "init", "hidden", "normalization", "residual", "dropout"} <= heard


@pytest.mark.parametrize(
    "value", [1, 1.5, "x" * 1000, b"x", range(9), np.float32(1), sys, object(), print], ids=lambda v: type(v).__name__
)
def test_any_value_is_described_in_a_line(value):
    assert 0 < len(described(value)) < 100
    assert "\n" not in described(value)
