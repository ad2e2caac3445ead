"""The differences from PyTorch that are meant, each with its reason. All others are faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.drawn_programs.running import IN_PLACE, Line, Run, array_of

MEANT: list[tuple[str, Callable[[Run, Line, str], Any]]] = []


def meant(reason: str) -> Callable[[Callable[[Run, Line, str], Any]], Callable[[Run, Line, str], Any]]:
    """The decorated function says whether a difference is of this kind."""

    def add(check: Callable[[Run, Line, str], Any]) -> Callable[[Run, Line, str], Any]:
        MEANT.append((reason, check))
        return check

    return add


def excuse(run: Run, line: Line, message: str) -> str | None:
    """Why a difference is meant, or None if it is not."""
    return next((reason for reason, check in MEANT if check(run, line, message)), None)


def tensors(run: Run) -> list[Any]:
    return [t for name in run.variables() if isinstance(t := run.theirs[name], torch.Tensor)]


def not_finite(run: Run) -> bool:
    """Whether NaN or infinity is about."""
    return any(t.dtype.is_floating_point and not bool(t.detach().isfinite().all()) for t in tensors(run))


def uses(run: Run, names: set[str]) -> bool:
    return any(line.name in names or any(f"{name}(" in line.here for name in names) for line in run.lines)


# --- values


@meant("sign(NaN) is NaN, as in NumPy")
def sign_of_nan(run: Run, line: Line, message: str) -> Any:
    return line.name == "sign" and "(nan) at" in message


@meant("which of equal elements topk takes PyTorch leaves open; here it is the first")
def topk_of_equals(run: Run, line: Line, message: str) -> Any:
    if line.name != "topk" or "part 1" not in message:
        return False
    ours, theirs = (env[line.targets[0]] for env in (run.ours, run.theirs))
    return np.array_equal(ours[0].data, array_of(theirs[0]), equal_nan=True)  # the values are the same


@meant("equal elements keep their order in sort, whether asked or not; PyTorch leaves it open")
def sort_of_equals(run: Run, line: Line, message: str) -> Any:
    if line.name not in ("sort", "argsort") or "stable=True" in line.here:
        return False
    ours, theirs = (env[line.targets[0]] for env in (run.ours, run.theirs))
    if line.name == "sort":
        return "part 1" in message and np.array_equal(ours[0].data, array_of(theirs[0]), equal_nan=True)
    return ours.shape == tuple(theirs.shape) and not np.any(np.sort(ours.data, -1) != np.sort(array_of(theirs), -1))


@meant("gelu of infinity is infinity; PyTorch gives NaN in float32, by its vector instructions")
def gelu_of_infinity(run: Run, line: Line, message: str) -> Any:
    return line.name == "gelu" and re.search(r"float32\(-?(inf|0\.0)\).* not np.float32\(nan\)", message)


@meant("over no axes, (), NumPy's meaning: docs/library.md")
def over_no_axes(run: Run, line: Line, message: str) -> Any:
    over = [x for x in (line, *run.lines) if x.name in ("sum", "mean", "std", "var", "logsumexp")]
    return any(re.search(r"\(\)|\[\]", x.here) for x in over) and (line in over or line.walks)


@meant("PyTorch fails at dim=() of logsumexp; here it is all axes")
def logsumexp_of_all(run: Run, line: Line, message: str) -> Any:
    return line.name == "logsumexp" and "doesn't match the broadcast shape" in message


@meant("all and any are booleans of bytes, too")
def booleans_of_bytes(run: Run, line: Line, message: str) -> Any:
    return line.name in ("all", "any") and message.endswith("is bool, not uint8")


@meant("bytes are compared with a number that they cannot hold as it is; PyTorch wraps it")
def bytes_beside_negative_numbers(run: Run, line: Line, message: str) -> Any:
    compared: Any = re.search(r"[<>=]=? -\d|-\d+ [<>=]", line.here)
    compared = compared or (line.name in ("eq", "ne", "lt", "le", "gt", "ge") and re.search(r"[(=] ?-\d", line.here))
    bounded = line.name.startswith(("clamp", "clip")) and re.search(r"-\d", line.here)
    return (compared or bounded) and any(t.dtype == torch.uint8 for t in tensors(run))


@meant("a loss takes its target in the dtype of its input: nn.functional")
def target_in_the_dtype_of_the_input(run: Run, line: Line, message: str) -> Any:
    losses = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div"}
    return line.name in losses and message.endswith("is float32, not float64")


@meant("of an infinite logit the loss is infinite or NaN, by which infinities its formula subtracts")
def infinite_logits(run: Run, line: Line, message: str) -> Any:
    unclear = r"\((inf|nan)\).* not np.float\d\d\((inf|nan)\)"
    name = "binary_cross_entropy_with_logits"
    return (line.name == name or (line.walks and uses(run, {name}))) and re.search(unclear, message)


@meant("a product of three or more factors is computed pair by pair in NumPy's order: infinity by 0 may come up in it")
def products_of_infinity(run: Run, line: Line, message: str) -> Any:
    through = line.name == "einsum" or (line.walks and uses(run, {"einsum"}))
    return through and not_finite(run) and re.search(r"nan|inf", message)


@meant("a single number of float32 beside float16 makes float32: docs/library.md")
def half_beside_a_number(run: Run, line: Line, message: str) -> Any:
    return message.endswith("is float32, not float16")


@meant("take_along_dim counts negative indices from the end, as NumPy does")
def negative_places(run: Run, line: Line, message: str) -> Any:
    return line.name == "take_along_dim" and "index -" in message


@meant("of no elements PyTorch's matmul compares no dtypes")
def matmul_of_nothing(run: Run, line: Line, message: str) -> Any:
    return line.name in ("matmul", "@", "bmm", "mm", "dot") and re.search(r" is float\d+, not u?int", message)


@meant("float16 has three digits: what is computed in it, or for it, differs in the fourth")
def digits_of_half(run: Run, line: Line, message: str) -> Any:
    found = re.search(r"is np.float\d+\((.*?)\).* not np.float\d+\((.*?)\)", message)
    if found is None or not any(t.dtype == torch.float16 for t in tensors(run)):
        return False
    a, b = map(float, found.groups())
    return abs(a - b) <= 5e-3 * max(abs(a), abs(b))


@meant("what lies next to what in memory is NumPy's choice")
def layout(run: Run, line: Line, message: str) -> Any:
    return line.name == "is_contiguous"


@meant("of several values assigned to one place, which one stays is left open")
def assigned_twice(run: Run, line: Line, message: str) -> Any:
    index = re.search(r"(v\d+)\[(v\d+)\] =", line.here)
    places = index and run.theirs.get(index.group(2))
    return isinstance(places, torch.Tensor) and places.numel() > len(places.unique())


@meant("a parameter that is given twice counts once in a norm: its docstring")
def counted_twice(run: Run, line: Line, message: str) -> Any:
    given = re.findall(r"v\d+", line.here)
    return line.name == "clip_grad_norm_" and len({id(run.theirs.get(v)) for v in given}) < len(given)


@meant("PyTorch's group_norm with a bias and no weight has no gradient of a gradient")
def bias_alone(run: Run, line: Line, message: str) -> Any:
    return "shape '[0]' is invalid" in message and uses(run, {"group_norm"})


@meant("of no whole numbers PyTorch's softmax is whole; it refuses others")
def softmax_of_none(run: Run, line: Line, message: str) -> Any:
    return line.name in ("softmax", "log_softmax") and re.search(r"is float32, not (bool|u?int)", message)


@meant("a tensor without axes takes axis 0 and -1, also where PyTorch's does not")
def axis_of_a_number(run: Run, line: Line, message: str) -> Any:
    missing = "has no dimensions" in message or "in range of [-1, 0]" in message
    return missing and line.name in ("take_along_dim", "repeat_interleave")


@meant("a remainder jumps where the last digit of float16 or float32 decides how often the divisor fits")
def rest_jumps(run: Run, line: Line, message: str) -> Any:
    whole = {"remainder", "fmod", "floor_divide"}
    return (line.name in whole or "%" in line.here or "//" in line.here) and re.search(
        r"np.float(16|32).* not np.float", message
    )


@meant("a tensor that changes by a part of itself changes by the numbers from before; in PyTorch by the order")
def changed_by_itself(run: Run, line: Line, message: str) -> Any:
    change = re.search(r"(v\d+) \S+= (v\d+)", line.here)
    if not line.writes or change is None:
        return False
    a, b = run.theirs[change[1]], run.theirs.get(change[2])
    return isinstance(b, torch.Tensor) and a is not b and np.shares_memory(array_of(a), array_of(b))


@meant("the zeros of a padding are multiplied as others are: with NaN or infinity among the weights they make NaN")
def padding_beside_nan(run: Run, line: Line, message: str) -> Any:
    return "conv" in line.name and "(nan)" in message.split(", not ")[0] and not_finite(run)


# --- gradients


@meant("the gradient of an extreme is shared among NaNs, and 0 for what is not reached, however large it is")
def extremes_of_nan(run: Run, line: Line, message: str) -> Any:
    return line.walks and not_finite(run) and uses(run, {"amax", "amin", "max", "min", "norm", "aminmax", "normalize"})


@meant("the gradient of a product is the product of the others; PyTorch divides by the element, infinity by infinity")
def product_of_infinity(run: Run, line: Line, message: str) -> Any:
    return line.walks and uses(run, {"prod", "cumprod"}) and "(nan)" in message.split(", not ")[-1]


@meant("statistics are composed: beside NaN or infinity their gradient is NaN in some places more")
def statistics_of_infinity(run: Run, line: Line, message: str) -> Any:
    composed = {"var", "std", "batch_norm", "layer_norm", "group_norm", "cosine_similarity", "normalize"}
    return not_finite(run) and (
        (line.walks and uses(run, composed) and "(nan)" in message.split(", not ")[0])
        or (line.name in composed and "(nan)" in message)  # the numbers themselves, by which formula they come
    )


@meant("what a division by infinity leaves has the dividend for a gradient's weight, and no NaN beside it")
def rest_of_infinity(run: Run, line: Line, message: str) -> Any:
    rest = uses(run, {"remainder", "fmod"}) or any(earlier.name in ("%", "%=") for earlier in run.lines)
    return line.walks and not_finite(run) and rest and "not np.float" in message


@meant("a function that is composed may have NaN for a gradient where infinity meets infinity or 0 in it")
def composed_at_infinity(run: Run, line: Line, message: str) -> Any:
    functions = {"tan", "sinh", "cosh", "silu", "gelu", "elu", "logaddexp"}
    losses = {"smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div"}
    return line.walks and not_finite(run) and uses(run, functions | losses) and re.search(r"nan|inf", message)


@meant("PyTorch cannot go back through clamp where a bound that makes the result larger needs no gradient itself")
def clamp_made_larger(run: Run, line: Line, message: str) -> Any:
    clamped = uses(run, {"clamp", "clip", "clamp_min", "clamp_max"})
    return line.walks and clamped and "doesn't match the broadcast shape" in message


@meant("a power of 0 whose gradient is 0 by convention has 0 for the gradient of that; PyTorch's is NaN")
def powers_of_nothing(run: Run, line: Line, message: str) -> Any:
    powers = uses(run, {"pow"}) or any(x.name == "**" or " ** " in x.here or "**=" in x.here for x in run.lines)
    again = any("create_graph" in earlier.here for earlier in run.lines)
    return line.walks and again and powers and "(0.0)" in message and "(nan)" in message


@meant("where a deviation is 0 so is its gradient, and the gradient of that: its docstring")
def deviation_of_nothing(run: Run, line: Line, message: str) -> Any:
    return line.walks and uses(run, {"std"}) and "(0.0)" in message and "(nan)" in message


@meant("what addmm leaves out by beta=0 or alpha=0 has a gradient of 0, whatever comes; PyTorch multiplies by 0")
def left_out(run: Run, line: Line, message: str) -> Any:
    return line.walks and uses(run, {"addmm"}) and not_finite(run) and "(0.0)" in message and "(nan)" in message


@meant("a root of -infinity or -0 is one by pow, as in C; in PyTorch its gradient is that of sqrt, NaN or -infinity")
def roots_of_infinity(run: Run, line: Line, message: str) -> Any:
    return (
        line.walks
        and not_finite(run)
        and uses(run, {"pow"})
        and "not np.float" in message
        and re.search(r"\(nan\)|\(-inf\)", message)
    )


@meant("nothing is assigned in any shape that holds nothing")
def assigned_nothing(run: Run, line: Line, message: str) -> Any:
    return line.name == "[]=" and "shape mismatch" in message and any(not t.numel() for t in tensors(run))


@meant("whether a gradient that is constant, or always 0, has a graph")
def constant_gradients(run: Run, line: Line, message: str) -> Any:
    return "requires_grad" in message and any(earlier.walks for earlier in run.lines)


@meant("a gradient of a gradient may go through an operation's output where PyTorch's does not, or not")
def through_the_output(run: Run, line: Line, message: str) -> Any:
    again = line.walks and any("create_graph" in earlier.here for earlier in run.lines)
    kept = re.match(r"(v\d+)\.grad is", message)
    output = not run.theirs[kept[1]].is_leaf if kept else line.name == "grad" and not of_a_leaf(run, line)
    return again and output


@meant("exactly where two formulas meet a gradient of a gradient is that of one of them")
def on_the_kink(run: Run, line: Line, message: str) -> Any:
    again = line.walks and any("create_graph" in earlier.here for earlier in run.lines)
    return again and uses(run, {"softplus", "huber_loss", "smooth_l1_loss"}) and "np.float" in message


@meant("a gradient that does not depend on a leaf gives that none; PyTorch may give it zeros")
def no_gradient_of_a_gradient(run: Run, line: Line, message: str) -> Any:
    again = line.walks and any("create_graph" in earlier.here for earlier in run.lines)
    kept = re.match(r"(v\d+)\.grad is None", message)
    return again and kept and not bool(run.theirs[kept[1]].grad.any())


def of_a_leaf(run: Run, line: Line) -> bool:
    """Whether the gradient of a leaf is asked for."""
    asked = re.search(r"\[(v\d+)\]", line.here)
    return asked is not None and bool(run.theirs[asked.group(1)].is_leaf)


# --- memory


@meant("an operation saves what its rule needs, which may be less than in PyTorch")
def saves_less(run: Run, line: Line, message: str) -> Any:
    return "modified by an inplace operation" in message


@meant("whether a shape can change without a copy depends on the order in memory, which is NumPy's")
def reshaped(run: Run, line: Line, message: str) -> Any:
    kinds = {"reshape", "view", "flatten", "ravel", "view_as", "reshape_as", "unflatten", "contiguous"}
    return "into the memory of" in message and line.name in kinds


@meant("vector_to_parameters copies the numbers; PyTorch's parameters look into the vector afterwards")
def parameters_of_a_vector(run: Run, line: Line, message: str) -> Any:
    return "into the memory of" in message and uses(run, {"vector_to_parameters"})


@meant("a gradient has memory of its own; PyTorch may hand out what it was given")
def gradients_apart(run: Run, line: Line, message: str) -> Any:
    written = line.writes or "into the memory of" in message or "in-place operation" in message or line.walks
    made = {t for earlier in run.lines if earlier.walks or earlier.name == "grad" for t in earlier.targets}
    involved = set(re.findall(r"v\d+", f"{line.here} {message}"))
    there = {v: t for v in run.variables() if isinstance(t := run.theirs[v], torch.Tensor)}
    return written and any(
        v != m and (involved & {v, m}) and (a is b or np.shares_memory(array_of(a), array_of(b)))
        for v, a in there.items()
        for m, b in there.items()
        if m in made
    )


@meant("an activation in place gives its input new memory; views that were taken of it before keep the old: docs")
def activations_in_place(run: Run, line: Line, message: str) -> Any:
    in_place = [x for x in (line, *run.lines) if IN_PLACE.search(x.here)]
    return bool(in_place) and ("into the memory of" in message or line.writes)


@meant("a norm of order 0 has a gradient of 0 and PyTorch's none; a view written to without recording keeps its way")
def ways_of_gradients(run: Run, line: Line, message: str) -> Any:
    unrecorded = any(earlier.writes and "no_grad" in earlier.here for earlier in run.lines)
    return "to not have been used in the graph" in message and (unrecorded or uses(run, {"norm"}))


@meant("a view that was taken before a tensor asked for gradients is plain memory; so is one without elements")
def view_of_a_leaf(run: Run, line: Line, message: str) -> Any:
    asked = any(earlier.name == "requires_grad_" for earlier in run.lines)
    empty = any(not t.numel() for t in tensors(run))
    gradients = any(earlier.name == "grad" for earlier in run.lines)  # which are what was given, in PyTorch
    return "a view of a leaf Variable" in message and (asked or empty or gradients)


@meant("a view that was taken before a tensor asked for gradients has none")
def view_before_gradients(run: Run, line: Line, message: str) -> Any:
    return "requires_grad False, not True" in message and any(earlier.name == "requires_grad_" for earlier in run.lines)


@meant("a view of a tensor that gets a graph by a change in place has its numbers, and no graph: docs/library.md")
def view_without_graph(run: Run, line: Line, message: str) -> Any:
    return line.writes and re.match(r"v\d+,? .*has requires_grad False, not True", message)


@meant("exactly on a bound hardtanh and relu6 pass the gradient on, as clip does in both libraries: their docstrings")
def on_the_bound(run: Run, line: Line, message: str) -> Any:
    named = uses(run, {"hardtanh", "relu6", "Hardtanh", "ReLU6"}) or any(
        "Hardtanh" in x.here or "ReLU6" in x.here for x in run.lines
    )
    return named and (line.walks or "gradients(" in line.here or "parameters(" in line.here)
