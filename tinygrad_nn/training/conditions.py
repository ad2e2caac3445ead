"""Conditions: where a run is to stop, as small expressions over what is measured.

    loss > 2 * best_loss        grad_rms["1"] < 1e-6        finding("vanishing_gradient")

The text is Python's grammar, but only arithmetic, comparisons, and the names and functions below: it is
translated once into nested calls, and nothing in it is ever executed as Python.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..data.names import unknown
from ..diagnosis import rules
from ..records import EpochRecord, Finding, LayerRecord, StepRecord

Value: TypeAlias = Any
Evaluate: TypeAlias = "Callable[[Moment], Value]"


@dataclass(frozen=True, eq=False)
class Moment:
    """What a condition is asked about: the newest step, the epochs up to it, its layers, and what the rules say."""

    record: StepRecord
    history: Sequence[EpochRecord]
    layers: Sequence[LayerRecord]
    findings: Callable[[], Sequence[Finding]] = tuple


def _best(history: Sequence[EpochRecord], name: str) -> float:
    values = [v for record in history[1:] if math.isfinite(v := getattr(record, name))]
    return min(values, default=math.nan)


# What a name means, in a sentence, and its value.
NUMBERS: dict[str, tuple[str, Evaluate]] = {
    "loss": ("the loss of the newest batch", lambda m: m.record.loss),
    "step": ("batches trained on, over the whole run", lambda m: m.record.step),
    "batch": ("batches trained on in this epoch", lambda m: m.record.batch),
    "epoch": ("epochs completed", lambda m: m.history[-1].epoch),
    "lr": ("the learning rate of the newest step", lambda m: m.record.lr),
    "train_loss": ("the mean loss of the newest completed epoch", lambda m: m.history[-1].train_loss),
    "train_metric": ("its accuracy, or R²", lambda m: m.history[-1].train_metric),
    "val_loss": ("the loss on the validation part after it", lambda m: m.history[-1].val_loss),
    "val_metric": ("the accuracy there, or R²", lambda m: m.history[-1].val_metric),
    "best_loss": ("the lowest train_loss of an epoch so far; NaN before one", lambda m: _best(m.history, "train_loss")),
    "best_val_loss": ("the lowest val_loss so far; NaN before one", lambda m: _best(m.history, "val_loss")),
}
LAYERS: dict[str, tuple[str, str]] = {
    "grad_norm": ("gradient_norm", "the norm of a layer's gradient"),
    "grad_rms": ("gradient_rms", "the root mean square of a layer's gradient"),
    "grad_max": ("gradient_max", "the largest entry of a layer's gradient, by size"),
    "weight_norm": ("weight_norm", "the norm of a layer's weights"),
    "weight_rms": ("weight_rms", "the root mean square of a layer's weights"),
    "update_ratio": ("update_ratio", "how far the step moved a layer's weights, against their size"),
    "activation_mean": ("activation_mean", "the mean of what a layer hands on"),
    "activation_std": ("activation_std", "its standard deviation"),
    "dead": ("zero_fraction", "the share of zeros after a layer's ReLU"),
    "saturated": ("saturated_fraction", "the share of a layer's sigmoid or tanh near a limit"),
}
FUNCTIONS: dict[str, tuple[str, Callable[..., Value]]] = {
    "isnan": ("whether a number is NaN", math.isnan),
    "isfinite": ("whether a number is neither NaN nor infinite", math.isfinite),
    "abs": ("a number without its sign", abs),
    "min": ("the least of numbers, or of all layers: min(grad_rms)", min),
    "max": ("the largest of numbers, or of all layers: max(dead)", max),
    "sqrt": ("a square root; NaN of a negative number", lambda x: math.sqrt(x) if x >= 0 else math.nan),
    "log10": ("a decimal logarithm; NaN of what has none", lambda x: math.log10(x) if x > 0 else math.nan),
}
FINDING = ("finding", 'whether a rule fires: finding("vanishing_gradient")')
NAMES: dict[str, str] = {  # all of them with their sentence, for help and completion
    **{name: text for name, (text, _) in NUMBERS.items()},
    **{f'{name}["1"]': f"{text}, by its number or its path" for name, (_, text) in LAYERS.items()},
    **{f"{name}()": text for name, (text, _) in FUNCTIONS.items()},
    f"{FINDING[0]}()": FINDING[1],
}
RULES = tuple(rule.__name__ for rule in rules.RULES)


def _quotient(a: float, b: float) -> float:
    return a / b if b else math.nan


def _power(a: float, b: float) -> float:
    try:
        value = float(a) ** b
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return value if isinstance(value, float) else math.nan


ARITHMETIC: Mapping[type[ast.AST], Callable[[Any, Any], Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Mod: lambda a, b: math.fmod(a, b) if b and math.isfinite(a) else math.nan,
    ast.Pow: _power,
}
COMPARISONS: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
LONGEST = 200  # characters: a condition is a line, and its parts cannot be nested deeper than Python's stack


class Condition:
    """An expression that holds or does not at a moment. `ValueError`, in one line, for a text that is none.

    A division by 0 gives NaN, and every comparison with NaN is false, except `!=`. `layers` are the names of
    the layers that may be asked for; a number is a layer's place, from 1.
    """

    def __init__(self, text: str, layers: Sequence[LayerRecord] = ()) -> None:
        self.text = " ".join(text.split())
        self.needs_layers = False  # whether the layers must be measured at each step
        self._known = {key for x in layers for key in (str(x.index), x.name)}
        self._shown: list[tuple[str, Evaluate]] = []  # the measured values in it
        if not self.text:
            raise ValueError("a condition is an expression, such as loss > 2 * best_loss; this one is empty")
        if len(self.text) > LONGEST:
            raise ValueError(f"a condition has at most {LONGEST} characters, this one has {len(self.text)}")
        try:
            tree = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            place = getattr(error, "offset", None)
            rest = f" at {self.text[place - 1 :][:20]!r}" if place and place <= len(self.text) else ""
            raise ValueError(
                f"{self.text!r} is not a condition{rest}: write one such as loss > 2 * best_loss"
            ) from None
        kind, self._evaluate = self._translated(tree)
        if kind != "truth":
            raise ValueError(f"{self.text!r} is a {kind}, not a condition: compare it with something")

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(self, moment: Moment) -> bool:
        """Whether it is so at this moment."""
        return bool(self._evaluate(moment))

    def explain(self, moment: Moment) -> str:
        """The condition with the values that it was decided by."""
        values = {name: value(moment) for name, value in self._shown}
        told = ", ".join(f"{name} is {value:.6g}" for name, value in values.items())
        return f"{self.text}: {told}" if told else self.text

    # --- from the syntax tree to what computes it: a kind ("number", "truth", "layers") and a function

    def _translated(self, node: ast.expr) -> tuple[str, Evaluate]:
        match node:
            case ast.Constant(value=bool() as value):
                return "truth", lambda m: value
            case ast.Constant(value=int() | float() as value):
                number = float(value) if abs(value) < 1e300 else math.copysign(math.inf, value)
                return "number", lambda m: number
            case ast.Name(id=name):
                return self._named(name)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=key)) if name in LAYERS:
                return self._of_layer(name, str(key))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(node, name, arguments)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                compute, a, b = ARITHMETIC[type(op)], self._number(left), self._number(right)
                return "number", lambda m: compute(a(m), b(m))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                a = self._number(operand)
                return "number", lambda m: -a(m)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                a = self._truth(operand)
                return "truth", lambda m: not a(m)
            case ast.BoolOp(op=op, values=parts):
                truths = [self._truth(part) for part in parts]
                if isinstance(op, ast.And):
                    return "truth", lambda m: all(t(m) for t in truths)
                return "truth", lambda m: any(t(m) for t in truths)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
                values = [self._number(part) for part in (left, *others)]
                tests = [COMPARISONS[type(op)] for op in ops]
                if len(tests) == 1:
                    (test,), (a, b) = tests, values
                    return "truth", lambda m: test(a(m), b(m))

                def chained(m: Moment) -> bool:
                    found = [value(m) for value in values]
                    return all(test(a, b) for test, a, b in zip(tests, found, found[1:], strict=False))

                return "truth", chained
        raise ValueError(f"a condition takes numbers, names and comparisons, but not {self._source(node)!r}")

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or self.text

    def _number(self, node: ast.expr) -> Evaluate:
        return self._kind(node, "number")

    def _truth(self, node: ast.expr) -> Evaluate:
        return self._kind(node, "truth")

    def _kind(self, node: ast.expr, wanted: str) -> Evaluate:
        kind, evaluate = self._translated(node)
        if kind != wanted:
            wrong = "neither true nor false" if wanted == "truth" else "not a number"
            hint = f': {self._source(node)} is a figure of each layer, write {self._source(node)}["1"]' * (
                kind == "layers"
            )
            raise ValueError(f"{self._source(node)!r} is {wrong} in {self.text!r}{hint}")
        return evaluate

    def _named(self, name: str) -> tuple[str, Evaluate]:
        if name in LAYERS:
            self.needs_layers = True
            field = LAYERS[name][0]
            return "layers", lambda m: [getattr(layer, field) for layer in m.layers]
        if name not in NUMBERS:
            raise ValueError(unknown("name", name, (*NUMBERS, *LAYERS, *FUNCTIONS, FINDING[0])))
        evaluate = NUMBERS[name][1]
        self._shown.append((name, evaluate))
        return "number", evaluate

    def _of_layer(self, name: str, key: str) -> tuple[str, Evaluate]:
        if self._known and key not in self._known:
            raise ValueError(unknown("layer", key, sorted(self._known)))
        self.needs_layers = True
        field = LAYERS[name][0]

        def value(m: Moment) -> float:
            return next((getattr(x, field) for x in m.layers if key in (str(x.index), x.name)), math.nan)

        self._shown.append((f'{name}["{key}"]', value))
        return "number", value

    def _call(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> tuple[str, Evaluate]:
        if name == FINDING[0]:
            match arguments:
                case [ast.Constant(value=str() as rule)] if rule in RULES:
                    return "truth", lambda m: any(f.rule == rule for f in m.findings())
                case [ast.Constant(value=str() as rule)]:
                    raise ValueError(unknown("rule", rule, RULES))
            raise ValueError(f'finding takes the name of a rule: finding("{RULES[1]}")')
        if name not in FUNCTIONS:
            raise ValueError(unknown("function", name, (*FUNCTIONS, FINDING[0])))
        function = FUNCTIONS[name][1]
        extreme = name in ("min", "max")
        if extreme and len(arguments) == 1:
            kind, layers = self._translated(arguments[0])
            if kind != "layers":
                raise ValueError(f"{name} takes at least two numbers, or a figure of all layers: {name}(grad_rms)")

            def of_all(m: Moment) -> float:
                return float(function((v for v in layers(m) if not math.isnan(v)), default=math.nan))

            self._shown.append((self._source(node), of_all))
            return "number", of_all
        if len(arguments) != 1 and not (extreme and arguments):
            raise ValueError(f"{name} takes {'numbers' if extreme else 'one number'}, not {len(arguments)}")
        numbers = [self._number(argument) for argument in arguments]
        kind = "truth" if name.startswith("is") else "number"
        return kind, lambda m: function(*(number(m) for number in numbers))
