"""A program in two libraries at once: each line runs here and in PyTorch, and what it gives is compared at once.

A line is text, the same for both wherever it can be, with the library called `L`. After each line PyTorch's results
take our digits, so that rounding does not add up over lines and no comparison or index depends on it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

import tinygrad_nn
from tests.comparing import Difference, in_words, same
from tinygrad_nn import Tensor

REFUSALS = (
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,
    NotImplementedError,
    AttributeError,
    ZeroDivisionError,
    OverflowError,
)
GRADIENT = 1e3  # rounding in a gradient adds up over the lines behind it


@dataclass(frozen=True)
class Line:
    """One statement: `here` in this library, `there` in PyTorch where that is another text."""

    here: str
    there: str = ""
    name: str = ""  # of the public thing that it tries
    targets: tuple[str, ...] = ()  # the variables that it makes
    writes: bool = False  # in place: any variable may change
    walks: bool = False  # backward: gradients may change

    @property
    def changes(self) -> bool:
        """Whether it may change what is there: then a line that one side refuses ends the program."""
        return self.writes or self.walks or IN_PLACE.search(self.here) is not None

    def text(self, ours: bool) -> str:
        return self.here if ours or not self.there else self.there


class Fault(AssertionError):
    """A difference between the two, or an exception that is not a refusal in words."""

    def __init__(self, kind: str, line: Line, message: str) -> None:
        super().__init__(f"{kind}: {message}\n  in {line.here}")
        self.kind, self.line, self.message = kind, line, message


Excuse = Callable[["Run", Line, str], "str | None"]  # the reason that is documented for a difference, if there is one


class Excused(Exception):
    """A difference that is documented: the program ends here, as what follows would differ too."""


class RefusedHere(Exception):
    """PyTorch has changed something that is refused here: the program ends."""


@dataclass
class Run:
    """The variables of both sides, and the lines that ran."""

    excuse: Excuse = lambda run, line, message: None
    lines: list[Line] = field(default_factory=list)
    ours: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)
    retained: set[str] = field(default_factory=set)
    refusal: str = ""  # what the last line that was refused got to hear
    gradients: list[float] = field(default_factory=lambda: [1.0])  # the largest element of each that came by
    coarse: bool = False  # something is computed in float32

    def __post_init__(self) -> None:
        for env, library in ((self.ours, tinygrad_nn), (self.theirs, torch)):
            env["L"] = library
            exec(PREAMBLE, env)
            exec(NAMES, env)

    def do(self, line: Line) -> str:
        """Run a line: "agrees", or that one side, or both, refuse it: then it is as if it had not been there."""
        code = [compile(line.text(ours), "<program>", "exec") for ours in (True, False)]
        before = {name: self.ours[name] for name in line.targets if name in self.ours}
        mine = _attempt(code[0], self.ours)
        if mine is not None and not in_words(mine, REFUSALS):
            raise Fault("error", line, f"{type(mine).__name__}: {mine}")
        if mine is not None:
            self.ours.update(before)
            self.refusal = f"{type(mine).__name__}: {mine}"
        yours = _attempt(code[1], self.theirs)
        if mine is not None:
            if yours is None and line.changes:
                raise RefusedHere(self.refusal)
            if yours is not None and line.walks:
                raise Excused("a backward pass that both refuse stops where each of them comes to know")
            return "refused here" if yours is None else "both refuse"
        if yours is not None:
            self.refusal = f"{type(yours).__name__}: {yours}".splitlines()[0][:200]
            if not wider(yours):
                self._differs(line, f"accepted here, in PyTorch {self.refusal}")
            if line.changes or before:
                raise Excused("accepted here alone, and it changed something")
            for name in line.targets:
                del self.ours[name]
            return "refused there"
        self.lines.append(line)
        self.coarse |= COARSE.search(line.here) is not None
        try:
            self._compare(line)
        except Difference as error:
            self._differs(line, str(error))
        return "agrees"

    def _differs(self, line: Line, message: str) -> None:
        reason = self.excuse(self, line, message)
        if reason is not None:
            raise Excused(reason)
        raise Fault("wrong", line, message)

    def _compare(self, line: Line) -> None:
        names = list(self.variables()) if line.writes else line.targets
        with np.errstate(all="ignore"):
            largest = self._largest()
            for name in names:
                self._same(name, line, largest)
                if not line.walks:
                    self._same_memory(name)
            if line.walks:
                for name in self.variables():
                    self._same_gradient(name)
        for name in names:
            _give_digits(self.ours[name], self.theirs[name])

    def _same(self, name: str, line: Line, largest: float) -> None:
        ours, theirs = self.ours[name], self.theirs[name]
        mixed = self.coarse and any(
            "float32" in str(getattr(self.theirs.get(v), "dtype", "")) for v in VARIABLE.findall(line.here)
        )
        if isinstance(theirs, float):  # what a norm, say, is computed in
            mixed = self.coarse
        slack = 1e6 if mixed and _is_double(theirs) else 1.0
        if "norm" in line.name or (line.walks and any("norm" in earlier.name for earlier in self.lines)):
            slack = max(slack, 1e3)  # what is left of a difference between near numbers
        if "net(" in line.here and any(".step(" in x.here or "Norm" in x.here for x in self.lines):
            slack = max(slack, 1e4)  # an optimiser, or a layer, divides by what is almost 0
        if "gradients(" in line.here:
            largest, slack = max(self.steepest, *(largest_of(t) for t in _tensors(theirs, torch.Tensor)), 1.0), GRADIENT
        same(ours, theirs, name, largest=largest, slack=slack)
        for i, (a, b) in enumerate(zip(_tensors(ours, Tensor), _tensors(theirs, torch.Tensor), strict=True)):
            part = name if a is ours else f"{name}, part {i},"
            if a.requires_grad != b.requires_grad and not (line.walks and a.requires_grad):
                raise Difference(f"{part} has requires_grad {a.requires_grad}, not {b.requires_grad}")
            if b.requires_grad and name in line.targets and not line.writes:
                b.register_hook(partial(_see, self.gradients))

    def _same_memory(self, name: str) -> None:
        """What looks into another variable's memory in PyTorch does so here, nothing else, or it cannot be written."""
        for i, (a, b) in enumerate(
            zip(_tensors(self.ours[name], Tensor), _tensors(self.theirs[name], torch.Tensor), strict=True)
        ):
            if not a.data.flags.writeable or not a.data.size:
                continue
            array = array_of(b)
            for other in self.variables():
                theirs = self.theirs[other]
                if other == name or not isinstance(theirs, torch.Tensor) or not self.ours[other].data.flags.writeable:
                    continue
                ours = np.shares_memory(a.data, self.ours[other].data)
                if ours != np.shares_memory(array, array_of(theirs)):
                    kind = "looks into the memory of" if ours else "does not look into the memory of"
                    raise Difference(f"{name}, part {i}, {kind} {other}")

    @property
    def steepest(self) -> float:
        return max(self.gradients)

    def forget(self) -> None:
        """Let go of the gradients: PyTorch never frees a tensor whose gradient has it in its graph."""
        for t in self.theirs.values():
            if isinstance(t, torch.Tensor):
                with suppress(RuntimeError):  # a view that is no longer valid
                    t.grad = None

    def _same_gradient(self, name: str) -> None:
        ours, theirs = self.ours[name], self.theirs[name]
        if not isinstance(theirs, torch.Tensor):
            return
        try:
            leaf, yours = theirs.is_leaf, theirs.grad if theirs.is_leaf or name in self.retained else None
        except RuntimeError:  # a view that is no longer valid
            return
        if not ((leaf and ours.is_leaf) or name in self.retained):
            return
        mine = ours.grad
        if (mine is None) != (yours is None):
            raise Difference(f"{name}.grad is {mine}, not {yours}")
        if yours is not None:
            slack = GRADIENT * (1e6 if self.coarse and mine.dtype == np.float64 else 1)
            same(mine, yours, f"{name}.grad", largest=self.steepest, slack=slack)

    def _largest(self) -> float:
        """The largest finite number among the variables: what rounding is measured by."""
        largest = 1.0
        for name in self.variables():
            for t in _tensors(self.ours.get(name), Tensor):
                if t.dtype.kind == "f" and t.data.size:
                    largest = max(largest, float(np.max(np.abs(t.data), where=np.isfinite(t.data), initial=0)))
        return min(largest, 1e6)

    def variables(self) -> list[str]:
        """The names that hold something, in the order in which they were made."""
        return [n for n in self.theirs if n[0] == "v" and n[1:].isdigit() and n in self.ours]

    def source(self, seed: object = "") -> str:
        """The program as a file that runs by itself and prints what differs."""
        return source(self.lines, seed)


def replay(lines: Sequence[Line], excuse: Excuse) -> Fault | None:
    """What goes wrong in these lines, if anything does."""
    run = Run(excuse)
    try:
        for line in lines:
            if line.name == "retain_grad":
                run.retained.add(line.here.split(".")[0])
            run.do(line)
    except Fault as fault:
        return fault
    except (Excused, RefusedHere):
        return None
    return None


def shrunk(lines: Sequence[Line], fault: Fault, excuse: Excuse) -> list[Line]:
    """Without the lines that the fault does not need."""
    kept = list(lines)
    for i in reversed(range(len(kept))):
        fewer = kept[:i] + kept[i + 1 :]
        again = replay(fewer, excuse)
        if again is not None and (again.kind, again.line.here) == (fault.kind, fault.line.here):
            kept = fewer
    return kept


IN_PLACE = re.compile(r"F\..*(inplace=True|, True\))")
VARIABLE = re.compile(r"\bv\d+\b")
COARSE = re.compile(r"float(32|16)|L\.(float|half)\b|float\(\)|half\(\)|=\s*L\.(zeros|ones|full|eye|arange|linspace)\(")

# What PyTorch refuses for reasons of its own and this library may do: dtypes that it has no kernel for, and forms of
# arguments. Not here: an axis, an index or a shape that does not fit.
WIDER = re.compile(
    r"not implemented for|not supported for|invalid combination of arguments|positional argument|unexpected keyword|"
    r"must be (Tensor|tuple of ints|int|float|bool|a number)|only support|floating point|same dtype|same type|"
    r"expected scalar type|bool tensor|boolean|Boolean|integers|Integers|derivative for|has no attribute|"
    r"result type .* can't be cast|At least one of 'min' or 'max'|non-empty TensorList|to a single memory location|"
    r"source and destination dtypes match|does not support bool|Autograd not support|Expected more than 1 value|"
    r"all elements of input should be between|step must be nonzero|dim must be a 2-tuple|without narrowing|"
    r"`shifts` required|tensor does not have a device|unsigned type|does not have an identity|got None|"
    r"is not differentiable with respect to argument|calling in-place forward function with a negative slope|"
    r"Found dtype|another view of its base has been|A view was created in no_grad mode|view size is not compatible"
)


def wider(error: Exception) -> bool:
    return not isinstance(error, IndexError) and WIDER.search(str(error)) is not None


def _attempt(code: Any, env: dict[str, Any]) -> Exception | None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            exec(code, env)
        except Exception as error:
            return error
    return None


def array_of(t: Any) -> Any:
    """A tensor of PyTorch's as an array that looks into its memory, if it has any: zeros may be without."""
    return t.detach().numpy(force=True)


def _see(gradients: list[float], gradient: Any) -> None:
    gradients.append(largest_of(gradient))


def _is_double(value: Any) -> bool:
    return isinstance(value, float) or getattr(value, "dtype", None) == torch.float64


def _tensors(value: Any, kind: Any) -> list[Any]:
    if isinstance(value, kind):
        return [value]
    return [t for part in value for t in _tensors(part, kind)] if isinstance(value, tuple | list) else []


def _give_digits(ours: Any, theirs: Any) -> None:
    for a, b in zip(_tensors(ours, Tensor), _tensors(theirs, torch.Tensor), strict=True):
        if a.dtype.kind == "f" and 0 not in b.stride() and not b._is_zerotensor():
            b.data.copy_(torch.from_numpy(a.data.copy()))  # by .data: PyTorch does not take it for a change in place


# --- as a file

PREAMBLE = """\
from math import inf, nan
import numpy as np


def fill(net):
    \"\"\"The same numbers into the parameters and buffers of both libraries.\"\"\"
    for i, t in enumerate([*net.parameters(), *net.buffers()]):
        if t.dtype in (L.float32, L.float64):
            values = np.cos(np.arange(1.0, int(np.prod(t.shape)) + 1).reshape(tuple(t.shape)) * (i + 1.7))
            if i >= len(list(net.parameters())):
                values = 1 + values * values
            t.data[...] = values if isinstance(t.data, np.ndarray) else L.tensor(values)


def gradients(net):
    return [None if p.grad is None else p.grad.detach() for p in net.parameters()]


def parameters(net):
    return [t.detach() for t in [*net.parameters(), *net.buffers()]]


def rates(opt):
    return [float(group["lr"]) for group in opt.param_groups]
"""
NAMES = """\
F, nn, optim = L.nn.functional, L.nn, L.optim
"""
SCRIPT = '''\
"""A drawn program{seed}: where tinygrad_nn and PyTorch differ."""
{preamble}
import tinygrad_nn
import torch


def program(L):
    {names}
{lines}
    return locals()


def shown(x):
    return f"{{x}} {{getattr(x, 'dtype', '')}}"


ours, theirs = program(tinygrad_nn), program(torch)
for name in ours:
    if name[0] == "v":
        print(name, shown(ours[name]), shown(theirs[name]), sep="\\n  ")
        if getattr(theirs[name], "is_leaf", False) and theirs[name].grad is not None:
            print(name, "grad", ours[name].grad, theirs[name].grad, sep="\\n  ")
'''


def source(lines: Sequence[Line], seed: object = "") -> str:
    body = []
    for line in lines:
        if line.there:
            texts = ["if L is tinygrad_nn:", *_indented(line.here), "else:", *_indented(line.there)]
        else:
            texts = line.here.splitlines()
        body += ["    " + text for text in texts]
    seed = f", seed {seed}" if seed != "" else ""
    return SCRIPT.format(seed=seed, preamble=PREAMBLE, names=NAMES.strip(), lines="\n".join(body))


def _indented(text: str) -> list[str]:
    return ["    " + line for line in text.splitlines()]


def largest_of(t: Any) -> float:
    """The largest finite number in one of PyTorch's tensors."""
    if not t.numel() or not t.dtype.is_floating_point:
        return 0.0
    finite = t.detach().abs()
    finite = finite[finite.isfinite()]
    return float(finite.max()) if finite.numel() else 0.0
