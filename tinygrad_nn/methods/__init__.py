"""The methods of a Tensor, grouped by idea; `tensors.Tensor` is made of them."""

from .arithmetic import Arithmetic
from .described import Operand, Scalar, Size
from .elementwise import Elementwise
from .in_graph import InGraph
from .in_place import InPlace, changed, refuse_shared
from .reductions import Reductions
from .shapes import Shapes, varargs

__all__ = [
    "Arithmetic",
    "Elementwise",
    "InGraph",
    "InPlace",
    "Operand",
    "Reductions",
    "Scalar",
    "Shapes",
    "Size",
    "changed",
    "refuse_shared",
    "varargs",
]
