"""Rules: from the records of a run to findings. Each is a pure function of the history so far.

A symptom alone is not a fault: healthy networks have small gradients too, once they have converged. So a
rule on gradients fires only where the run does not learn, or where the symptom is itself a breakdown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..records import EpochRecord, Facts, Finding, LayerRecord, Remedy

AUTOTRAINER = "AUTOTRAINER (Zhang et al., ICSE 2021)"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every number that a rule compares with."""

    epochs_in_a_row: int = 3  # a rule on gradients must hold this long: the first epochs are restless
    vanishing_ratio: float = 1e-3  # gradient RMS against the last layer's
    vanishing_norm: float = 1e-4
    exploding_ratio: float = 70.0  # healthy networks reach 24
    exploding_growth: float = 100.0  # gradient norm against its own median so far
    learnt: float = 0.9  # best training loss against the first: above is "not learning"
    penalty_step: float = 2.0  # of a weight, in its own size: from there on a step of L2 alone makes it larger


DEFAULT = Thresholds()
NOTHING_KNOWN = Facts()


def diagnose(
    history: Sequence[EpochRecord], thresholds: Thresholds = DEFAULT, facts: Facts = NOTHING_KNOWN
) -> tuple[Finding, ...]:
    """All that is wrong at the end of `history` (epoch 0 first); the gravest first. Empty when all is well.

    A remedy that would change nothing of what `facts` tell is not offered.
    """
    found = [rule(history, thresholds, facts) for rule in RULES] if history else []
    order = {"fault": 0, "warning": 1, "information": 2}
    useful = (replace(f, remedies=facts.offered(f.remedies)) for f in found if f is not None)
    return tuple(sorted(useful, key=lambda f: order[f.severity]))


def not_finite(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The loss, a gradient or a weight is NaN or infinite."""
    for record in history:
        broken = tuple(x.index for x in record.layers if not math.isfinite(x.gradient_norm + x.weight_norm))
        if broken or not math.isfinite(record.train_loss):
            lr = facts.settings.get("lr", record.lr)
            remedies = [Remedy("lower the learning rate tenfold", {"lr": lr / 10})] if record.epoch else []
            penalties, step = _penalty_step(facts, record.lr)
            cause = ""
            if step > limits.penalty_step:
                cause = (
                    f" The penalty alone moves a weight by {step:.3g} times its size in a step, learning rate times "
                    f"{penalties}: above {limits.penalty_step:g} it comes out larger on the other side of 0 every time."
                )
                parts = 10.0 ** math.ceil(math.log10(step))
                weaker = {name: facts.settings[name] / parts for name in penalties.split(" + ")}
                remedies = [
                    Remedy(f"divide the penalty by {parts:g}", weaker),
                    Remedy(f"divide the learning rate by {parts:g}", {"lr": lr / parts}),
                ]
            return Finding(
                rule="not_finite",
                severity="fault",
                title="NaN or infinity",
                layers=broken,
                first_epoch=record.epoch,
                numbers={"train_loss": record.train_loss}
                | ({"penalty_step": step, "penalty_step_threshold": limits.penalty_step} if cause else {}),
                explanation=f"In epoch {record.epoch} "
                + (
                    f"a gradient or a weight is not a finite number any more (training loss {record.train_loss:.3g})"
                    if math.isfinite(record.train_loss)
                    else f"the training loss is {record.train_loss:g}"
                )
                + ": a value has left what floating-point numbers can hold, and what is computed from it is lost."
                + cause,
                remedies=(*remedies, Remedy("scale the inputs to mean 0 and deviation 1", {"scaling": "standard"})),
                source="PyTorch anomaly mode",
            )
    return None


def vanishing_gradient(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The gradient falls from the last layer to early ones until nothing is left, and the run does not learn."""
    if _learns(history, limits):
        return None

    def faded(record: EpochRecord) -> tuple[LayerRecord, ...]:
        last = _last_rms(record)
        return tuple(
            x
            for x in record.layers[:-1]
            if x.gradient_norm < limits.vanishing_norm and x.gradient_rms < limits.vanishing_ratio * last
        )

    since = _held_since(history, [bool(faded(r)) for r in history], limits)
    if since is None:
        return None
    now = history[-1]
    layers = faded(now)
    worst = min(layers, key=lambda x: x.gradient_rms)
    last = now.layers[-1]
    times = last.gradient_rms / worst.gradient_rms if worst.gradient_rms else math.inf
    fall = "to exactly 0" if math.isinf(times) else f"{times:,.0f} times" if times < 1e6 else f"{times:.0e} times"
    return Finding(
        rule="vanishing_gradient",
        severity="fault",
        title="vanishing gradient",
        layers=tuple(x.index for x in layers),
        first_epoch=since,
        numbers={
            "ratio": worst.gradient_rms / last.gradient_rms,
            "ratio_threshold": limits.vanishing_ratio,
            "norm": worst.gradient_norm,
            "norm_threshold": limits.vanishing_norm,
            "best_loss_share": _best_share(history),
        },
        explanation=f"The gradient falls {fall} from layer {last.index} (RMS {last.gradient_rms:.1e}) to layer "
        f"{worst.index} ({worst.gradient_rms:.1e}), so the early layers hardly move, and the training loss is still "
        f"{_best_share(history):.0%} of where it began. Each layer multiplies the gradient by its weights and by the "
        "slope of its activation; here the product is far below 1.",
        remedies=(
            Remedy("activation relu with its fitting start", {"activation": "relu", "init": "auto"}),
            Remedy("the initialiser that fits the activation", {"init": "auto"}),
            Remedy("fewer hidden layers"),
        ),
        source=f"{AUTOTRAINER}; Glorot & Bengio 2010",
    )


def exploding_gradient(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The gradient grows towards the early layers or over time, and what was learnt is being lost."""
    trained = [r for r in history if r.epoch > 0 and r.layers]
    if not trained or (_learns(history, limits) and history[-1].train_loss <= history[0].train_loss):
        return None

    def blown(i: int) -> tuple[LayerRecord, ...]:
        record = trained[i]
        last = _last_rms(record)
        layers = []
        for j, x in enumerate(record.layers):
            past = sorted(r.layers[j].gradient_norm for r in trained[: i + 1])
            growth = x.gradient_norm / past[len(past) // 2] if past[len(past) // 2] else 1.0
            rising = i > 0 and x.gradient_norm > trained[i - 1].layers[j].gradient_norm
            steep = bool(last) and x.gradient_rms > limits.exploding_ratio * last and rising
            if steep or growth > limits.exploding_growth:
                layers.append(x)
        return tuple(layers)

    layers = blown(len(trained) - 1)
    if not layers:
        return None
    worst = max(layers, key=lambda x: x.gradient_norm)
    last_layer = trained[-1].layers[-1]
    return Finding(
        rule="exploding_gradient",
        severity="fault",
        title="exploding gradient",
        layers=tuple(x.index for x in layers),
        first_epoch=trained[-1].epoch,
        numbers={
            "ratio": worst.gradient_rms / last_layer.gradient_rms if last_layer.gradient_rms else math.inf,
            "ratio_threshold": limits.exploding_ratio,
            "norm": worst.gradient_norm,
        },
        explanation=f"The gradient of layer {worst.index} has grown to a norm of {worst.gradient_norm:.1e} while the "
        f"training loss went from {history[0].train_loss:.3g} to {history[-1].train_loss:.3g}: the steps overshoot.",
        remedies=(
            Remedy("lower the learning rate tenfold", {"lr": facts.settings.get("lr", history[-1].lr) / 10}),
            Remedy("the initialiser that fits the activation", {"init": "auto"}),
        ),
        source=AUTOTRAINER,
    )


RULES = (not_finite, vanishing_gradient, exploding_gradient)


def _penalty_step(facts: Facts, lr: float) -> tuple[str, float]:
    """By what part of its own size the penalties move a weight in a step, and which of them.

    0 where the optimiser scales its steps by the gradient's size (all but SGD, and AdamW's own decay), or is not known.
    """
    acting = {"sgd": ("l2", "weight_decay"), "adamw": ("weight_decay",)}.get(facts.settings.get("optimizer", ""), ())
    if facts.heard is not None and "optimizer" not in facts.heard:
        return "", 0.0
    used = [name for name in acting if facts.settings.get(name)]
    return " + ".join(used), lr * sum(facts.settings[name] for name in used)


def _best_share(history: Sequence[EpochRecord]) -> float:
    """The best training loss so far as a share of the first."""
    first = history[0].train_loss
    return min(r.train_loss for r in history) / first if first > 0 else 0.0


def _learns(history: Sequence[EpochRecord], limits: Thresholds) -> bool:
    return _best_share(history) < limits.learnt


def _last_rms(record: EpochRecord) -> float:
    return record.layers[-1].gradient_rms if record.layers else 0.0


def _held_since(history: Sequence[EpochRecord], held: list[bool], limits: Thresholds) -> int | None:
    """The epoch from which a condition has held without a break up to now, if that is long enough."""
    run = 0
    for record, yes in zip(reversed(history), reversed(held), strict=True):
        if not yes or record.epoch == 0:
            break
        run += 1
    return history[-run].epoch if run >= limits.epochs_in_a_row else None
