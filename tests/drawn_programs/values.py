"""Drawing what a program starts from: numbers, shapes, tensors; and picking among the variables that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch

from tests.drawn_programs.running import Line, Run, largest_of

FLOATS = ("float64", "float32")
DTYPES = (*FLOATS, "int64", "bool")
FEW = 64  # elements: more of them find no more
BIG = 1e3  # a tensor with larger numbers is not used again


class Draw:
    """Random choices from one seed, and the run that they are about."""

    def __init__(self, seed: int, run: Run) -> None:
        self.random = Random(seed)
        self.run = run
        self.count = 0

    # --- choices

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.random.randint(low, high)

    def some(self, choices: Sequence[Any], low: int = 0) -> list[Any]:
        """A few of them in any order."""
        return self.random.sample(list(choices), self.between(min(low, len(choices)), len(choices)))

    def variable(self) -> str:
        self.count += 1
        return f"v{self.count}"

    # --- numbers

    def scalar(self) -> str:
        """A Python number as text."""
        if self.chance(0.06):
            return str(self.one("inf", "-inf", "nan", "-0.0"))
        if self.chance(0.4):
            return str(self.between(-3, 3))
        return repr(self.one(0.5, 2.0, -1.5, 0.0, 1.0, 0.1, round(self.random.gauss(0, 2), 2)))

    def numbers(self, shape: Sequence[int], dtype: str, low: float | None = None, high: float | None = None) -> Any:
        """Nested lists of numbers: some from a grid, where ties and kinks are, and rarely those that are special."""
        grid, special = self.chance(0.5), self.chance(0.06) and low is None

        def element() -> Any:
            if dtype == "bool":
                return self.chance(0.5)
            if dtype.startswith(("int", "uint")):
                return self.between(
                    0 if dtype[0] == "u" else -3 if low is None else int(low), 4 if high is None else int(high)
                )
            if special and self.chance(0.3):
                return self.one(float("inf"), float("-inf"), float("nan"), -0.0, 0.0)
            if low is not None and high is not None:
                return round(self.random.uniform(low, high), 3)
            return self.between(-8, 8) / 4 if grid else round(self.random.gauss(0, 1.3), 3)

        def nested(shape: Sequence[int]) -> Any:
            return [nested(shape[1:]) for _ in range(shape[0])] if shape else element()

        return nested(tuple(shape))

    def shape(self, most: int = 3) -> tuple[int, ...]:
        axes = self.random.choices(range(most + 1), [1, 3, 4, 3, 2][: most + 1])[0]
        return tuple(self.random.choices([1, 2, 3, 4, 0], [3, 6, 6, 3, 0.3])[0] for _ in range(axes))

    def dtype(self) -> str:
        return str(self.random.choices([*DTYPES, "int32", "uint8"], [8, 5, 3, 2, 0.4, 0.4])[0])

    # --- tensors

    def new(
        self,
        shape: Sequence[int],
        dtype: str = "",
        needs_grad: bool | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> str:
        """A variable that a new line makes."""
        dtype = dtype or self.dtype()
        if needs_grad is None:
            needs_grad = dtype in FLOATS and self.chance(0.75)
        name, made = self.variable(), ""
        if 0 in shape:
            made = f"L.zeros({', '.join(map(str, shape))}, dtype=L.{dtype})"
        elif len(shape) > 1 and self.chance(0.12):  # its elements lie in another order
            turned = (*shape[:-2], shape[-1], shape[-2])
            made = f"L.tensor({text(self.numbers(turned, dtype, low, high))}, dtype=L.{dtype}).mT"
        else:
            made = f"L.tensor({text(self.numbers(shape, dtype, low, high))}, dtype=L.{dtype})"
        if needs_grad and ".mT" not in made and self.chance(0.8):
            made = f"{made[:-1]}, requires_grad=True)"
        elif needs_grad:
            made += ".requires_grad_()"
        outcome = self.run.do(Line(f"{name} = {made}", name="tensor", targets=(name,)))
        assert outcome == "agrees", (outcome, made)
        return name

    def data(self, name: str) -> Any:
        """PyTorch's tensor of that name."""
        return self.run.theirs[name]

    def existing(self, fits: Callable[[Any], bool] = lambda t: True) -> str | None:
        """A variable that fits, a late one rather than an early one."""
        names = [n for n in self.run.variables() if self._useful(self.data(n)) and fits(self.data(n))]
        return self.random.choices(names, range(1, len(names) + 1))[0] if names else None

    @staticmethod
    def _useful(t: Any) -> bool:
        return isinstance(t, torch.Tensor) and t.numel() <= FEW and t.ndim <= 4 and largest_of(t) <= BIG

    def tensor(self, shape: Sequence[int] | None = None, dtypes: Sequence[str] = (), fresh: float = 0.25) -> str:
        """A variable of that shape and of one of those dtypes, there already or new."""

        def fits(t: Any) -> bool:
            return (shape is None or tuple(t.shape) == tuple(shape)) and (not dtypes or dtype_of(t) in dtypes)

        found = None if self.chance(fresh) else self.existing(fits)
        return found or self.new(self.shape() if shape is None else shape, self.one(*dtypes) if dtypes else "")

    def operand(self, beside: Any, dtypes: Sequence[str] = (), scalars: float = 0.3) -> str:
        """A number, or a variable that broadcasts with PyTorch's tensor `beside`."""
        if self.chance(scalars):
            return self.scalar()
        if self.chance(0.04):
            return self.tensor(None, dtypes)  # it may not fit
        if self.chance(0.5):
            found = self.existing(lambda t: broadcasts(t, beside) and (not dtypes or dtype_of(t) in dtypes))
            if found:
                return found
        shape = list(beside.shape)[self.between(0, 2) if self.chance(0.3) else 0 :]
        shape = [1 if self.chance(0.2) else n for n in shape]
        if self.chance(0.1) and len(shape) < 4:
            shape.insert(0, self.between(1, 2))
        return self.tensor(shape, dtypes or ((dtype_of(beside),) if self.chance(0.6) else ()))

    def axis(self, axes: int) -> str:
        """An axis, rarely one that is not there."""
        if self.chance(0.04):
            return str(self.one(axes, -axes - 1, axes + 3))
        return str(self.between(-max(axes, 1), max(axes, 1) - 1))


def text(value: Any) -> str:
    return repr(value)


def dtype_of(t: Any) -> str:
    return str(t.dtype).removeprefix("torch.")


def broadcasts(a: Any, b: Any) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a.shape), reversed(b.shape), strict=False))
