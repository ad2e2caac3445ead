"""Rules: from the records of a run to findings. Each is a pure function of the history so far.

A symptom alone is not a fault: healthy networks have small gradients too, once they have converged. So a
rule on gradients fires only where the run does not learn, or where the symptom is itself a breakdown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..records import NOTHING_KNOWN, EpochRecord, Facts, Finding, LayerRecord, Remedy

AUTOTRAINER = "AUTOTRAINER (Zhang et al., ICSE 2021)"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every number that a rule compares with."""

    epochs_in_a_row: int = 3  # a rule on gradients must hold this long: the first epochs are restless
    patience: float = 0.3  # of the planned epochs, before "not learning" counts for anything
    patience_steps: int = 100
    vanishing_ratio: float = 1e-2  # gradient RMS against the last layer's: a sign that takes patience
    vanished_ratio: float = 1e-3  # with a small norm as well, a sign that does not
    vanished_norm: float = 1e-4
    exploding_ratio: float = 70.0  # healthy networks reach 24
    exploding_growth: float = 100.0  # gradient norm against its own median so far
    learnt: float = 0.9  # training loss against a constant guess's: above is "not learning"
    nothing_learnt: float = 0.95
    diverged: float = 3.0  # training loss against the first
    steep_momentum: float = 0.98
    lost: float = 0.3  # of the first training loss, given up again after it had been gained
    small_update: float = 3e-4  # |Δw| / |w| of a step, in every layer
    usual_update: float = 1e-3
    full_rate: float = 0.3  # of the learning rate that is set: below, a schedule has made the steps short
    dropout: float = 0.8
    shrunk: float = 0.4  # a layer's weights against their start, in norm
    overfitting_rise: float = 1.1  # validation loss against its best
    overfitting_gap: float = 0.1  # of the metric, between training and validation
    overfitting_chance: float = 2.0  # divided by √(validation examples): a gap that few examples may show by chance
    overfitting_early: float = 0.85  # of the run, by which the best validation loss was reached
    penalty_step: float = 2.0  # of a weight, in its own size: from there on a step of L2 alone makes it larger


DEFAULT = Thresholds()


def diagnose(
    history: Sequence[EpochRecord], thresholds: Thresholds = DEFAULT, facts: Facts = NOTHING_KNOWN
) -> tuple[Finding, ...]:
    """All that is wrong at the end of `history` (epoch 0 first); the gravest first. Empty when all is well.

    A remedy that would change nothing of what `facts` tell is not offered.
    """
    found = [f for rule in RULES if (f := rule(history, thresholds, facts)) is not None] if history else []
    if history and not found and (unknown := not_learning(history, thresholds, facts)) is not None:
        found.append(unknown)
    explained = {name for finding in found for name in EXPLAINS.get(finding.rule, ())}
    order = {"fault": 0, "warning": 1, "information": 2}
    useful = (replace(f, remedies=facts.offered(f.remedies)) for f in found if f.rule not in explained)
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
    if _learns(history, limits, facts):
        return None
    waited = _waited(history, limits, facts)

    def faded(record: EpochRecord) -> tuple[LayerRecord, ...]:
        last = _last_rms(record)
        return tuple(
            x
            for x in record.layers[:-1]
            if (waited and x.gradient_rms < limits.vanishing_ratio * last)
            or (x.gradient_norm < limits.vanished_norm and x.gradient_rms < limits.vanished_ratio * last)
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
            "loss_share": _share(history, facts),
        },
        explanation=f"The gradient falls {fall} from layer {last.index} (RMS {last.gradient_rms:.1e}) to layer "
        f"{worst.index} ({worst.gradient_rms:.1e}), so the early layers hardly move, and the training loss is still "
        f"{_share(history, facts):.0%} of {_yardstick(facts)}. Each layer multiplies the gradient by its weights "
        "and by the slope of its activation; here the product is far below 1.",
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
    if not trained or (_learns(history, limits, facts) and history[-1].train_loss <= history[0].train_loss):
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
            Remedy("lower the learning rate tenfold", _slower(history, facts)),
            Remedy("the initialiser that fits the activation", {"init": "auto"}),
        ),
        source=AUTOTRAINER,
    )


def no_gradient(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """Every gradient is exactly 0, epoch after epoch, and the run has not learnt: it never will."""
    if _learns(history, limits, facts):
        return None
    since = _held_since(
        history, [bool(r.layers) and not any(x.gradient_max for x in r.layers) for r in history], limits
    )
    if since is None:
        return None
    return Finding(
        rule="no_gradient",
        severity="fault",
        title="no gradient at all",
        layers=tuple(x.index for x in history[-1].layers),
        first_epoch=since,
        numbers={"gradient_max": 0.0},
        explanation=f"Since epoch {since} the gradient of every weight is exactly 0: no step changes anything, for the "
        "loss does not depend on the weights. A softmax over a single output is always 1, a ReLU at the end may be 0 "
        "for every example, and what goes through .data or NumPy leaves the graph.",
        remedies=(
            Remedy("the initialiser that fits the activation", {"init": "auto"}),
            Remedy("lower the learning rate tenfold: a long step can switch units off", _slower(history, facts)),
            Remedy("leaky ReLU, which is never switched off", {"activation": "leaky_relu"}),
            Remedy("no softmax over one output: a sigmoid, or logits with BCE"),
        ),
        source="an exact test; StackOverflow 34311586",
    )


def learning_rate_high(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The training loss has left its start for far above it, or what was learnt is lost again."""
    first, now = history[0].train_loss, history[-1]
    best = min(history, key=lambda r: r.train_loss)
    diverged = now.train_loss > limits.diverged * first
    early = max((r.train_loss for r in history[1:6]), default=0.0)
    thrown = not _learns(history, limits, facts) and early > limits.diverged * first
    lost = now.train_loss - best.train_loss > limits.lost * first and now.train_loss > limits.learnt * first
    if first <= 0 or not (diverged or lost or thrown):
        return None
    if diverged:
        what, bound = f"is {now.train_loss / first:.3g} times its value before the first step", limits.diverged * first
    elif lost:
        what = f"had come down to {best.train_loss:.3g} in epoch {best.epoch} and is back where it began"
        bound = limits.learnt * first
    else:
        what, bound = f"rose to {early:.3g} within five epochs and has not recovered", first / limits.diverged
    momentum = facts.settings.get("momentum", 0.0) if facts.settings.get("optimizer") in ("sgd", "rmsprop") else 0.0
    steady = [Remedy("momentum 0.9", {"momentum": 0.9})] if momentum >= limits.steep_momentum else []
    return Finding(
        rule="learning_rate_high",
        severity="fault",
        title="the steps are too long",
        layers=(),
        first_epoch=_since(history, [r.train_loss > bound for r in history]),
        numbers={
            "loss": now.train_loss,
            "first_loss": first,
            "best_loss": best.train_loss,
            "diverged_threshold": limits.diverged,
            "lost_threshold": limits.lost,
        },
        explanation=f"The training loss, {now.train_loss:.3g}, {what} ({first:.3g}). At a learning rate of "
        f"{now.lr:.3g} each step goes beyond the valley that it is meant to go down into.",
        remedies=(
            *steady,
            Remedy("lower the learning rate tenfold", _slower(history, facts)),
            Remedy("limit the gradient's norm to 1", {"clip_norm": 1.0}),
        ),
        source=AUTOTRAINER,
    )


def learning_rate_low(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """No layer moves by more than a trifle, and the run does not learn."""
    first, best = history[0].train_loss, min(r.train_loss for r in history)
    poor = facts.constant_loss is None or best > facts.constant_loss / 2  # what began well need not move
    if first <= 0 or best < limits.nothing_learnt * first or not poor or not _waited(history, limits, facts):
        return None
    least = limits.full_rate * facts.settings.get("lr", 0.0)
    still = [
        r.lr >= least and bool(r.layers) and all(x.update_ratio < limits.small_update for x in r.layers)
        for r in history
    ]
    since = _held_since(history, still, limits)
    if since is None:
        return None
    largest = max(x.update_ratio for x in history[-1].layers)
    times = 10.0 ** min(max(round(math.log10(limits.usual_update / largest)), 1), 6) if largest else 10.0
    return Finding(
        rule="learning_rate_low",
        severity="warning",
        title="the steps are too short",
        layers=tuple(x.index for x in history[-1].layers),
        first_epoch=since,
        numbers={
            "update_ratio": largest,
            "update_ratio_threshold": limits.small_update,
            "best_loss_share": best / first,
        },
        explanation=f"A step changes no layer's weights by more than {largest:.1e} of their size, and the training "
        f"loss has not been below {best / first:.0%} of where it began. About a thousandth is usual.",
        remedies=(
            Remedy(
                f"raise the learning rate {times:g} times", {"lr": facts.settings.get("lr", history[-1].lr) * times}
            ),
            Remedy("nn-debug lr-find suggests one"),
        ),
        source="Karpathy, A Recipe for Training Neural Networks (2019)",
    )


def dropout_high(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """Dropout leaves a unit too few inputs to learn from."""
    dropout = facts.settings.get("dropout", 0.0)
    if dropout <= limits.dropout or (facts.heard is not None and "dropout" not in facts.heard):
        return None
    return Finding(
        rule="dropout_high",
        severity="warning",
        title="too much dropout",
        layers=(),
        first_epoch=0,
        numbers={"dropout": dropout, "threshold": limits.dropout},
        explanation=f"Of every hidden layer {dropout:.0%} of the units are left out in each training step: what is "
        "left of an example is mostly noise. A half is usual at the most.",
        remedies=(Remedy("dropout 0.2", {"dropout": 0.2}), Remedy("none", {"dropout": 0.0})),
        source="UMLAUT (Schoop et al., CHI 2021), corrected; Srivastava et al. 2014",
    )


def penalty_strong(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """A penalty has pulled the weights of every layer to next to nothing, and the run does not learn."""
    used = [name for name in ("l2", "l1", "weight_decay") if facts.settings.get(name)]
    start, now = history[0].layers, history[-1].layers
    if not used or not start or len(start) != len(now) or _learns(history, limits, facts):
        return None
    left = _weights_left(start, now)
    if not left < limits.shrunk or not _waited(history, limits, facts):
        return None
    named = " and ".join(f"{name} {facts.settings[name]:g}" for name in used)
    return Finding(
        rule="penalty_strong",
        severity="fault",
        title="the penalty is too strong",
        layers=tuple(x.index for x in now),
        first_epoch=_since(history, [_weights_left(start, r.layers) < limits.shrunk for r in history]),
        numbers={"weight_share": left, "threshold": limits.shrunk, "loss_share": _share(history, facts)},
        explanation=f"The weights of every layer have shrunk to {left:.0%} of their start or less, and the "
        f"training loss is {_share(history, facts):.0%} of {_yardstick(facts)}: {named} outweighs what the data says.",
        remedies=(
            Remedy("no penalty", dict.fromkeys(used, 0.0)),
            Remedy("divide the penalty by 1000", {name: facts.settings[name] / 1000 for name in used}),
        ),
        source="measured on the shipped data sets",
    )


def overfitting(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The validation loss rises from its best while training goes on, and the two metrics have parted."""
    now, best = history[-1], min(history, key=lambda r: r.val_loss if math.isfinite(r.val_loss) else math.inf)
    gap = now.train_metric - now.val_metric
    risen = now.val_loss >= limits.overfitting_rise * best.val_loss
    early = best.epoch <= limits.overfitting_early * now.epoch
    if best.val_loss <= 0 or not (risen and early and _waited(history, limits, facts)):
        return None
    least = max(limits.overfitting_gap, limits.overfitting_chance / math.sqrt(_validation_examples(now, facts)))
    if not gap >= least:
        return None
    l2 = facts.settings.get("l2", 0.0)
    return Finding(
        rule="overfitting",
        severity="warning",
        title="overfitting",
        layers=(),
        first_epoch=best.epoch,
        numbers={
            "val_loss": now.val_loss,
            "best_val_loss": best.val_loss,
            "rise_threshold": limits.overfitting_rise,
            "gap": gap,
            "gap_threshold": least,
        },
        explanation=f"The validation loss was best in epoch {best.epoch}, {best.val_loss:.3g}, and is "
        f"{now.val_loss:.3g} now, while the training loss is {now.train_loss:.3g}; the metric is {gap:.2f} "
        "higher on the training part. What is learnt since then is the examples, and not what they have in common.",
        remedies=(
            Remedy(f"stop at epoch {best.epoch}", {"epochs": max(best.epoch, 1)}),
            Remedy("a penalty on the weights", {"l2": max(10 * l2, 0.01)}),
            Remedy("dropout", {"dropout": 0.3}),
            Remedy("more examples"),
        ),
        source=f"{AUTOTRAINER}, corrected: either sign alone is usual in healthy runs",
    )


def not_learning(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> Finding | None:
    """The plan is done, next to nothing is learnt, and no rule knows why."""
    now, share = history[-1], _share(history, facts)
    planned = facts.settings.get("epochs", math.inf)
    if now.epoch < planned or now.step < limits.patience_steps or share < limits.nothing_learnt or not now.layers:
        return None
    ratio = min(x.gradient_rms for x in now.layers) / (_last_rms(now) or math.inf)
    update = max(x.update_ratio for x in now.layers)
    return Finding(
        rule="not_learning",
        severity="warning",
        title="not learning, cause unknown",
        layers=(),
        first_epoch=0,
        numbers={"loss_share": share, "threshold": limits.nothing_learnt, "ratio": ratio, "update_ratio": update},
        explanation=f"After {now.epoch} epochs the training loss is still {share:.0%} of {_yardstick(facts)}. "
        f"Ruled out: numbers that are not finite; a gradient that fades (the weakest layer has {ratio:.2g} of the last "
        f"one's) or explodes; steps too short (a step changes a layer by up to {update:.1e} of its size) or so long "
        "that the loss rises. Look at the inputs' scale, at the labels, and whether the loss fits the output.",
        remedies=(
            Remedy("nn-debug lr-find suggests a learning rate"),
            Remedy("scale the inputs to mean 0 and deviation 1", {"scaling": "standard"}),
            Remedy("more hidden units"),
        ),
        source="the best training loss against a constant guess",
    )


# The first that are found lead: what they explain is not said again.
RULES = (
    not_finite,
    dropout_high,
    penalty_strong,
    exploding_gradient,
    learning_rate_high,
    no_gradient,
    vanishing_gradient,
    learning_rate_low,
    overfitting,
)
SYMPTOMS = ("learning_rate_high", "no_gradient", "vanishing_gradient", "learning_rate_low", "overfitting")
EXPLAINS = {
    "not_finite": ("exploding_gradient", *SYMPTOMS),
    "dropout_high": SYMPTOMS,
    "penalty_strong": ("exploding_gradient", *SYMPTOMS),
    "exploding_gradient": SYMPTOMS,
    "learning_rate_high": SYMPTOMS[1:],
    "no_gradient": SYMPTOMS[2:],
    "vanishing_gradient": ("learning_rate_low",),
}


def _slower(history: Sequence[EpochRecord], facts: Facts) -> dict[str, float]:
    return {"lr": facts.settings.get("lr", history[-1].lr) / 10}


def _validation_examples(now: EpochRecord, facts: Facts) -> float:
    """About how many there are, by the steps of an epoch; many where that is not known."""
    share, batch = facts.settings.get("validation"), facts.settings.get("batch_size")
    if not share or not batch or not now.epoch:
        return math.inf
    return float(max((now.step / now.epoch - 0.5) * batch * share / (1 - share), 1.0))


def _waited(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> bool:
    """Whether the run is old enough for what rests on its not having learnt."""
    now, planned = history[-1], facts.settings.get("epochs", 0)
    return now.epoch >= max(limits.epochs_in_a_row, limits.patience * planned) and now.step >= limits.patience_steps


def _penalty_step(facts: Facts, lr: float) -> tuple[str, float]:
    """By what part of its own size the penalties move a weight in a step, and which of them.

    0 where the optimiser scales its steps by the gradient's size (all but SGD, and AdamW's own decay), or is not known.
    """
    acting = {"sgd": ("l2", "weight_decay"), "adamw": ("weight_decay",)}.get(facts.settings.get("optimizer", ""), ())
    if facts.heard is not None and "optimizer" not in facts.heard:
        return "", 0.0
    used = [name for name in acting if facts.settings.get(name)]
    return " + ".join(used), lr * sum(facts.settings[name] for name in used)


def _share(history: Sequence[EpochRecord], facts: Facts) -> float:
    """The loss of the last three epochs against a constant guess's; where that is not known, the best to the first."""
    if facts.constant_loss is None:
        first = history[0].train_loss
        return min(r.train_loss for r in history) / first if first > 0 else 0.0
    newest = sorted(r.train_loss for r in history[-3:])
    return newest[len(newest) // 2] / facts.constant_loss if facts.constant_loss > 0 else 0.0


def _yardstick(facts: Facts) -> str:
    return "where it began" if facts.constant_loss is None else "the loss of a guess that is the same for every example"


def _learns(history: Sequence[EpochRecord], limits: Thresholds, facts: Facts) -> bool:
    return _share(history, facts) < limits.learnt


def _last_rms(record: EpochRecord) -> float:
    return record.layers[-1].gradient_rms if record.layers else 0.0


def _weights_left(start: Sequence[LayerRecord], now: Sequence[LayerRecord]) -> float:
    """The norm of each layer's weights against its start, the largest share; 1 where that is not known."""
    shares = [b.weight_norm / a.weight_norm if a.weight_norm else 1.0 for a, b in zip(start, now, strict=False)]
    return max(shares, default=1.0)


def _since(history: Sequence[EpochRecord], held: Sequence[bool]) -> int:
    """The epoch from which a condition, which holds now, has held without a break."""
    run = next((i for i, yes in enumerate(reversed(held)) if not yes), len(held))
    return history[-max(run, 1)].epoch


def _held_since(history: Sequence[EpochRecord], held: list[bool], limits: Thresholds) -> int | None:
    """The epoch from which a condition has held without a break up to now, if that is long enough."""
    run = 0
    for record, yes in zip(reversed(history), reversed(held), strict=True):
        if not yes or record.epoch == 0:
            break
        run += 1
    return history[-run].epoch if run >= limits.epochs_in_a_row else None
