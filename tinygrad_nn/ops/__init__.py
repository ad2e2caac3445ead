"""The operations: a table of primitives, each forward rule next to its backward rules, and what is composed of them.

`TABLE` holds every primitive by name, so that tests and tools can enumerate them. What is not a primitive (`mean`,
`matmul` of any number of axes, `gelu`, the losses) is composed of primitives. Each works on arrays and on Tensors.
"""

from ..core.primitive import EachInput, Primitive
from . import contraction, conv, elementwise, losses, products, reduce, shape
from .contraction import *
from .conv import *
from .elementwise import *
from .losses import *
from .products import *
from .reduce import *
from .shape import *

_MODULES = (contraction, conv, elementwise, losses, products, reduce, shape)
TABLE: dict[str, Primitive] = {
    value.name: value for module in _MODULES for value in vars(module).values() if isinstance(value, Primitive)
}

__all__ = ["TABLE", "EachInput", "Primitive"]
__all__ += contraction.__all__
__all__ += conv.__all__
__all__ += elementwise.__all__
__all__ += losses.__all__
__all__ += products.__all__
__all__ += reduce.__all__
__all__ += shape.__all__
