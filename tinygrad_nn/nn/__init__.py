"""Networks: modules, layers, activations, initialisers, losses and penalties, with PyTorch's names.

    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    loss = nn.BCEWithLogitsLoss()(model(x), target)

Initialisers are in `nn.init`, functions without a state in `nn.functional`, gradient clipping in `nn.utils`.
"""

from typing import TYPE_CHECKING

from ..missing import missing
from . import functional, init, utils
from .activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .containers import ModuleDict, ModuleList, ParameterList, Sequential
from .convolution import AvgPool2d, Conv1d, Conv2d, MaxPool2d
from .layers import Dropout, Dropout2d, Embedding, Flatten, Identity, Linear, Residual, Unflatten
from .losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from .model_summary import Summary, summary
from .module import Module, Parameter, RemovableHandle
from .normalization import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm
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
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterList",
    "ReLU",
    "ReLU6",
    "RemovableHandle",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Summary",
    "Tanh",
    "Unflatten",
    "elastic_net_penalty",
    "functional",
    "init",
    "l1_penalty",
    "l2_penalty",
    "load",
    "save",
    "soft_threshold_",
    "summary",
    "utils",
    "weights",
]

RECURRENT = "docs/sequences.md composes recurrent cells in a few lines"
PADS = ("Circular", "Constant", "Reflection", "Replication")
PARTS = ("", "Cell", "Base", "CellBase")
ATTENTION = "docs/sequences.md composes attention in a few lines"

if not TYPE_CHECKING:  # a type checker shall know that there are no other names
    __getattr__ = missing(
        __name__,
        lambda: __all__,
        {
            **{
                f"{kind}{part}": RECURRENT
                for kind in ("RNN", "GRU", "LSTM")
                for part in ("", "Cell", "Base", "CellBase")
            },
            "MultiheadAttention": ATTENTION,
            "Transformer": ATTENTION,
            **{f"Transformer{part}": ATTENTION for part in ("Encoder", "EncoderLayer", "Decoder", "DecoderLayer")},
            **{f"ZeroPad{n}d": "use nn.functional.pad in a forward()" for n in (1, 2, 3)},
            **{f"{kind}Pad{n}d": "use nn.functional.pad in a forward()" for n in (1, 2, 3) for kind in PADS},
            "Buffer": "use register_buffer()",
            "ParameterDict": "use register_parameter(), or a ModuleDict",
            "CosineSimilarity": "use nn.functional.cosine_similarity",
            "Softmax2d": "write Softmax(dim=1)",
            "AdaptiveAvgPool2d": "for one number a channel write x.mean(axis=(2, 3), keepdims=True)",
            "AdaptiveMaxPool2d": "for one number a channel write x.max(axis=(2, 3), keepdims=True)",
            "DataParallel": "a module runs on one processor",
            "SyncBatchNorm": "a module runs on one processor: use BatchNorm2d",
        },
    )
