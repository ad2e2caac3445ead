"""Einstein summation: one primitive whose gradient is another einsum with the letters exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np

from .primitive import EachInput, Primitive

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _vjp(i: int, g: Any, y: Any, *operands: Any, subscripts: str) -> Any:
    """Of operand i: the gradient takes the output's place in the sum, and i's own letters are the result."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    others = [(t, x) for j, (t, x) in enumerate(zip(terms, operands, strict=True)) if j != i]
    shapes = [(output, g.shape), *((t, x.shape) for t, x in others)]
    known = {c: n for term, shape in shapes for c, n in zip(term, shape, strict=True) if n != 1}
    # Along a letter that only this operand has (or has longer than 1) the gradient is the same all the way.
    lost = [(c, n) for c, n in zip(terms[i], operands[i].shape, strict=True) if c not in known]
    ones = [np.ones(n, operands[i].dtype) for _, n in lost]
    rest = [*(t for t, _ in others), *(c for c, _ in lost)]
    return primitive(g, *(x for _, x in others), *ones, subscripts=",".join([output, *rest]) + "->" + terms[i])


primitive: Primitive = Primitive(
    "einsum",
    lambda *operands, subscripts: np.einsum(subscripts, *operands, optimize=len(operands) > 2),
    EachInput(_vjp),
)


def einsum(subscripts: str, *operands: Any) -> Any:
    """The sum of products that `subscripts` describes (`np.einsum`), such as `"bij,bjk->bik"`.

    With `...` for any further axes and with the output left out, as in NumPy. ValueError: a letter
    twice in one operand (a diagonal), which has no gradient rule here.
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum {subscripts!r} is about {len(terms)} operands, there are {len(operands)}")
    free = [c for c in LETTERS if c not in inputs]
    extra = [x.ndim - len(t.replace("...", "")) if "..." in t else 0 for t, x in zip(terms, operands, strict=True)]
    dots = "".join(free[: max(extra, default=0)])
    terms = [t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, extra, strict=True)]
    if not arrow:
        letters = "".join(terms)
        output = dots + "".join(sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1))
    output = output.replace("...", dots)
    for term in terms:
        if len(set(term)) < len(term):
            raise ValueError(f"einsum {subscripts!r} takes a diagonal ({term}): use indexing for that")
    return primitive(*operands, subscripts=",".join(terms) + "->" + output)
