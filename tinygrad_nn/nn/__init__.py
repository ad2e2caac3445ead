"""Networks: modules, layers, activations, initialisers, losses and penalties, with PyTorch's names.

    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    loss = nn.BCEWithLogitsLoss()(model(x), target)

Initialisers are in `nn.init`.
"""

from . import init
from .activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .convolution import AvgPool2d, Conv1d, Conv2d, MaxPool2d
from .layers import Dropout, Flatten, Identity, Linear, ModuleList, Residual, Sequential
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from .model_summary import Summary, summary
from .module import Module, Parameter, RemovableHandle
from .normalization import BatchNorm1d, LayerNorm
from .penalties import elastic_net_penalty, l1_penalty, l2_penalty, soft_threshold_, weights
from .serialization import load, save

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "RemovableHandle",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Summary",
    "Tanh",
    "elastic_net_penalty",
    "init",
    "l1_penalty",
    "l2_penalty",
    "load",
    "save",
    "soft_threshold_",
    "summary",
    "weights",
]
