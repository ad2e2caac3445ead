"""Experiment: the recipe of a run. From hyperparameters to data, model, loss and optimiser.

The base class is the built-in recipe, a multilayer perceptron on a named data set. A recipe of one's
own overrides what differs:

    class Wide(Experiment):
        hyperparameters = Hyperparameters(lr=0.01, hidden=(256,))

        def data(self, hp, rng):
            return load_iris()

        def model(self, hp, train, rng):
            return nn.Sequential(nn.Linear(train.n_features, 256, rng=rng), nn.ReLU(), ...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from .. import nn, optim
from ..core.node import Array
from ..data import Dataset, Task, registry
from ..memory import refuse_above
from ..nn.activations import ACTIVATIONS
from ..nn.init import INITIALISERS, auto
from ..tensors import Tensor
from .blame import ExperimentError
from .defaults import for_table, in_words
from .hyperparameters import Hyperparameters

COPIES = 6  # of the weights: themselves, gradients, two of Adam's, the best, and the snapshots'

LOSSES: dict[str, type[nn.MSELoss] | type[nn.L1Loss] | type[nn.HuberLoss]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "huber": nn.HuberLoss,
}


class Experiment:
    """A recipe; each method may be overridden. All randomness comes from the generators handed in.

    What is drawn without one, by `nn.Linear(2, 3)` or `randn(4)`, comes from the default generator. Meanwhile that is
    the one handed in, and while the network trains it is one of the run's own: it repeats as well.

    `dataset` is a `Dataset` or the name of one that ships (`tinygrad_nn.data.registry.names()`).
    `hyperparameters` are where a run starts; a subclass may set its own. On a `Dataset` of one's own the size decides
    where nobody has: `training.defaults`. `notes` say what was done to make the data,
    a decision a line.
    """

    hyperparameters: Hyperparameters = Hyperparameters()
    dataset: str | Dataset = "digits"
    notes: tuple[str, ...] = ()
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        # Where a shipped set needs another start than the defaults to be learnt in good time.
        "spiral": {"hidden": (32, 32), "lr": 0.01, "epochs": 150},
        "xor": {"hidden": (8,), "activation": "tanh", "lr": 0.01, "epochs": 60},
        "circle": {"hidden": (8,), "activation": "tanh", "lr": 0.01, "epochs": 60},
        "moons": {"hidden": (16,), "activation": "tanh", "lr": 0.01, "epochs": 100, "noise": 0.1},
        "gaussians": {"hidden": (4,), "activation": "tanh", "lr": 0.01, "epochs": 30},
        "wine": {"hidden": (16,), "lr": 0.01, "epochs": 40},
        "breast_cancer": {"hidden": (16,), "epochs": 40},
        "diabetes": {"hidden": (8,), "lr": 0.003, "l2": 0.01, "epochs": 60},
        "iris": {"hidden": (16,), "lr": 0.01, "epochs": 100},
    }

    _name = ""

    def __init__(
        self,
        dataset: str | Dataset | None = None,
        hyperparameters: Hyperparameters | None = None,
        *,
        name: str = "",
        notes: tuple[str, ...] = (),
    ) -> None:
        self._name = name or self._name
        self.notes = notes or self.notes
        if dataset is not None:
            self.dataset = dataset
        if hyperparameters is not None:
            self.hyperparameters = hyperparameters
        elif isinstance(dataset, str):
            self.hyperparameters = self.hyperparameters.replace(**self.presets.get(dataset, {}))
        elif dataset is not None and self.hyperparameters is Experiment.hyperparameters:
            chosen = for_table(dataset, self.hyperparameters)
            self.hyperparameters = self.hyperparameters.replace(**chosen)
            self.notes = (*self.notes, in_words(chosen, dataset))

    @property
    def name(self) -> str:
        """What the run is called on the screen: its own name, or else the name of its class or data."""
        if self._name:
            return self._name
        if type(self) is not Experiment:
            return type(self).__name__
        return self.dataset if isinstance(self.dataset, str) else self.dataset.name

    def data(self, hp: Hyperparameters, rng: np.random.Generator) -> Dataset:
        """All examples, before the split and the scaling."""
        if not isinstance(self.dataset, str):
            return self.dataset
        return registry.load(self.dataset, rng=rng, noise=hp.noise if self.dataset in registry.GENERATED else None)

    def model(self, hp: Hyperparameters, train: Dataset, rng: np.random.Generator) -> nn.Module:
        """The network: `hp.hidden` layers with normalisation, activation and dropout, then the output layer.

        With `hp.residual` a hidden layer that keeps the width has a shortcut past it. Two classes get one
        logit (binary cross-entropy), more classes one each.
        """
        sizes = (train.n_features, *hp.hidden, outputs(train))
        weights = sum(n_in * n_out for n_in, n_out in pairwise(sizes))
        try:
            refuse_above(COPIES * 4 * weights, f"a network of {weights:,} weights", "set hidden smaller")
        except ValueError as error:
            raise ExperimentError(str(error)) from None
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
            hidden = i <= len(hp.hidden)
            linear = nn.Linear(n_in, n_out, bias=False, rng=rng)
            linear.initialiser = auto(hp.activation if hidden else "linear") if hp.init == "auto" else hp.init
            INITIALISERS[linear.initialiser](linear.weight, rng=rng)
            linear.bias = nn.Parameter(np.zeros(n_out, np.float32))
            block: list[nn.Module] = [linear]
            if hidden:
                if hp.normalization != "none":
                    block.append(nn.BatchNorm1d(n_out) if hp.normalization == "batch" else nn.LayerNorm(n_out))
                block += [ACTIVATIONS[hp.activation](), nn.Dropout(hp.dropout)]
            shortcut = hp.residual and hidden and n_in == n_out
            layers += [nn.Residual(nn.Sequential(*block))] if shortcut else block
        return nn.Sequential(*layers)

    def loss(self, hp: Hyperparameters, train: Dataset) -> Callable[[Tensor, Any], Tensor]:
        """From the model's output and the targets of a batch to the mean loss."""
        if train.task == "regression":
            return LOSSES[hp.loss]()
        weight = class_weights(train) if hp.class_weight == "balanced" else None
        if train.n_classes == 2 and outputs(train) == 1:
            if weight is None:
                return nn.BCEWithLogitsLoss(label_smoothing=hp.label_smoothing)
            pos_weight = weight[1] / weight[0]
            return nn.BCEWithLogitsLoss(weight[0], pos_weight=pos_weight, label_smoothing=hp.label_smoothing)
        return nn.CrossEntropyLoss(weight, label_smoothing=hp.label_smoothing)

    def targets(self, hp: Hyperparameters, part: Dataset) -> Array:
        """The targets of a part of the data as the loss takes them: a column of floats for a single output."""
        if part.task == "regression" or outputs(part) == 1:
            return part.y.astype(np.float32).reshape(len(part.y), -1)
        return part.y

    def score(self, task: Task, output: Array, target: Array) -> float:
        """What the metric sums up over a batch: right answers for classes, squared errors for numbers.

        Which class the outputs mean is for `predicted_classes` to say.
        """
        if task == "regression":
            return float(np.square(output - target).sum())
        return int(np.count_nonzero(predicted_classes(output) == target.reshape(-1)))

    def optimizer(self, hp: Hyperparameters, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """The optimiser over the model's parameters; its learning rate follows `hp.lr` and `hp.lr_decay`."""
        lr, decay = hp.lr, hp.weight_decay
        match hp.optimizer:
            case "sgd":
                sgd = optim.SGD(parameters, lr, momentum=hp.momentum, weight_decay=decay)
                for group in sgd.param_groups:  # SGD() refuses it without momentum, which may come in flight
                    group["nesterov"] = hp.nesterov
                return sgd
            case "rmsprop":
                return optim.RMSprop(parameters, lr, momentum=hp.momentum, weight_decay=decay)
            case "adagrad":
                return optim.Adagrad(parameters, lr, weight_decay=decay)
            case "adamw":
                return optim.AdamW(parameters, lr, weight_decay=decay)
        return optim.Adam(parameters, lr, weight_decay=decay)


def outputs(train: Dataset) -> int:
    """How many numbers the network of the built-in recipe must give for one example."""
    if train.task == "regression":
        return 1 if train.y.ndim == 1 else train.y.shape[1]
    return 1 if train.n_classes == 2 else train.n_classes


def predicted_classes(output: Array) -> Array:
    """The class that each row of outputs means: of one column, a logit, 1 right of 0; of several, the largest."""
    return np.asarray(output.argmax(axis=1) if output.shape[1] > 1 else output[:, 0] > 0)


def class_weights(train: Dataset) -> Array:
    """A weight (classes,) for the examples of each class, n / (classes · n_c): scikit-learn's "balanced".

    Every class then counts the same in all, and an example 1 on average. Only classes that have examples are
    counted; the others' weight is 0.
    """
    counts = np.bincount(train.y, minlength=train.n_classes)
    shares = np.count_nonzero(counts) * counts / train.n_samples
    return np.divide(1, shares, out=np.zeros(len(counts)), where=counts > 0)
