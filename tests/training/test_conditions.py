"""Conditions: what they say, what they refuse, and that nothing in them is run as Python."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import examples
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.conditions import FUNCTIONS, LAYERS, NAMES, NUMBERS, Condition, Moment

LAYER = (
    SimpleNamespace(index=1, name="0", gradient_rms=1e-7, zero_fraction=0.75, gradient_norm=2.0),
    SimpleNamespace(index=2, name="encoder.fc", gradient_rms=1e-2, zero_fraction=math.nan, gradient_norm=3.0),
)


def epoch(number: int, train_loss: float, val_loss: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(epoch=number, train_loss=train_loss, val_loss=val_loss, train_metric=0.5, val_metric=0.4)


def moment(loss: float = 3.0, findings=()) -> Moment:
    record = SimpleNamespace(loss=loss, step=41, batch=5, lr=0.01)
    return Moment(record, [epoch(0, 9.0), epoch(1, 2.0, 0.5), epoch(2, 1.25, 0.75)], LAYER, lambda: findings)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("loss > 2 * best_loss", True),
        ("loss > 3 * best_loss", False),
        ('grad_rms["1"] < 1e-6', True),
        ('grad_rms["encoder.fc"] < 1e-6', False),
        ("grad_rms[2] == 0.01", True),
        ("min(grad_rms) < 1e-6 and max(grad_rms) > 1e-3", True),
        ('dead["1"] > 0.5', True),
        ('dead["2"] > 0.5 or dead["2"] <= 0.5', False),
        ("max(dead) == 0.75", True),
        ("isnan(loss)", False),
        ("not isnan(loss)", True),
        ("epoch == 2 and step == 41 and batch == 5", True),
        ("best_val_loss < val_loss", True),
        ("0 < lr <= 0.01", True),
        ("1 < loss < 2", False),
        ("loss / 0 > 1", False),
        ("isnan(loss / 0)", True),
        ("isnan(sqrt(-loss)) and isnan(log10(0))", True),
        ("9 ** 9 ** 9 > loss", True),
        ("-loss < abs(-loss) == loss", True),
        ("loss % 2 == 1", True),
        ("max(loss, 7) == 7", True),
        ("loss != loss", False),
        ("True", True),
        (" loss   >\n 1 ", True),
    ],
)
def test_what_holds(text, holds):
    assert Condition(text, LAYER).holds(moment()) is holds


def test_nan_compares_as_nothing():
    nan = moment(loss=math.nan)
    assert not Condition("loss < 1").holds(nan)
    assert not Condition("loss >= 1").holds(nan)
    assert Condition("isnan(loss) and not isfinite(loss) and loss != loss").holds(nan)


def test_before_the_first_epoch_there_is_no_best():
    first = Moment(SimpleNamespace(loss=1.0), [epoch(0, 9.0)], ())
    assert Condition("isnan(best_loss) and isnan(best_val_loss)").holds(first)


def test_a_finding():
    condition = Condition("finding('vanishing_gradient')")
    assert not condition.holds(moment())
    assert condition.holds(moment(findings=[SimpleNamespace(rule="vanishing_gradient")]))


def test_it_says_by_which_values_it_was_decided():
    assert Condition("loss > 2 * best_loss").explain(moment()) == "loss > 2 * best_loss: loss is 3, best_loss is 1.25"
    explained = Condition('min(grad_rms) < 1 and grad_rms["1"] < 1').explain(moment())
    assert explained.endswith('min(grad_rms) is 1e-07, grad_rms["1"] is 1e-07')
    assert Condition("True").explain(moment()) == "True"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this one is empty"),
        ("loss >", "is not a condition"),
        ("loss > ) 3", "is not a condition"),
        ("los > 1", r"there is no name 'los': did you mean loss\? They are loss, step"),
        ("loss", "is a number, not a condition"),
        ("grad_rms < 1", r'grad_rms is a figure of each layer, write grad_rms\["1"\]'),
        ('grad_rms["7"] < 1', "there is no layer '7'"),
        ("finding('vanishing_gradint')", "there is no rule 'vanishing_gradint': did you mean vanishing_gradient"),
        ("finding(3)", "finding takes the name of a rule"),
        ("sqr(loss) > 1", "there is no function 'sqr': did you mean sqrt"),
        ("isnan(loss, 1)", "takes one number, not 2"),
        ("max() > 1", "takes numbers, not 0"),
        ("max(loss) > 1", "at least two numbers, or a figure of all layers"),
        ("loss and 1", "is neither true nor false"),
        ("(loss > 1) + 1 > 0", "is not a number"),
        ("loss if 1 else 2", "but not 'loss if 1 else 2'"),
        ("__import__('os').system('x')", "but not"),
        ("loss.__class__ == 1", "but not"),
        ("[x for x in ()]", "but not"),
        ("lambda: 1", "but not"),
        ("loss > 1j", "but not"),
        ("loss := 3", "is not a condition"),
        ("'a' < loss", "but not"),
        ("1" * 201, "at most 200 characters"),
        ("(" * 99 + "1" + ")" * 99, "is a number"),
        ("-" * 199 + "1", "is a number"),
    ],
)
def test_what_is_refused_and_why(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        Condition(text, LAYER)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="loss best_()[]<>=!+-*/%.,:'\"0123456789eandortifN\n\0 ", max_size=60) | st.text(max_size=30))
@examples(300)
def test_any_text_is_a_condition_or_a_value_error(text):
    try:
        condition = Condition(text)
    except ValueError:
        return
    assert condition.holds(moment()) in (True, False)


numbers = st.recursive(
    st.sampled_from(["loss", "best_loss", "val_loss", "step", "2", "0.5", "1e3"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda x: f"abs(-{x})")
    ),
    max_leaves=6,
)
truths = st.recursive(
    st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})")
        | inner.map(lambda x: f"not ({x})")
    ),
    max_leaves=4,
)


@given(truths.filter(lambda text: len(text) <= 200))
def test_it_means_what_python_means(text):
    m = moment()
    names = {name: evaluate(m) for name, (_, evaluate) in NUMBERS.items()}
    assert Condition(text).holds(m) == eval(text, {"abs": abs}, names)


def test_every_name_has_its_sentence():
    assert len(NAMES) == len(NUMBERS) + len(LAYERS) + len(FUNCTIONS) + 1
    assert all(NAMES.values())


def test_every_name_works_on_a_real_run():
    s = Session(Experiment("xor", Hyperparameters(hidden=(4,), activation="tanh")))
    everything = [f"{n} < 0 or {n} >= 0 or isnan({n})" for n in NUMBERS]
    everything += [f'{n}["{key}"] < 0 or {n}[1] >= 0 or isnan({n}["2"])' for n in LAYERS for key in ("1", "0")]
    s.break_at(*everything)
    s.step()
    assert s.stop.kind == "condition"
    assert [text for text in everything if text not in s.stop.text] == []


def test_a_breakpoint_stops_once_at_the_very_step_where_it_comes_to_hold():
    s = Session(Experiment("xor", Hyperparameters(hidden=(4,), epochs=5)))
    per_epoch = len(s.batches)
    s.break_at("epoch == 2", "step == 3")
    stop = s.run_until()
    assert (stop.kind, s.steps) == ("condition", 3)
    assert stop.text == "after step 3, step == 3: step is 3"
    assert s.run_until().text == f"after step {2 * per_epoch}, epoch == 2: epoch is 2"
    assert s.run_until().kind == "finished"
    s.rewind(1)
    s.next(3)
    assert s.epoch == 2  # in the past it stops again
    s.break_at("step == 4")
    with pytest.raises(ValueError, match="there is no name"):
        s.break_at("step == 5", "stepp == 3")
    assert [b.text for b in s.breakpoints] == ["step == 4"]
    s.break_at()
    assert s.run_until().kind == "finished"


def test_a_condition_on_layers_is_asked_with_the_layers_of_that_step():
    s = Session(Experiment("xor", Hyperparameters(hidden=(4,), epochs=5)))
    seen = []
    s.break_at("max(grad_norm) > 1e9 or min(update_ratio) < 0")
    train_batch = s.train_batch
    s.train_batch = lambda observe: seen.append(observe) or train_batch(observe)
    s.step(3)
    assert seen == [True] * 3
    s.break_at()
    stop = s.run_until('update_ratio["1"] > 0')
    assert stop.text.startswith("after step 4, update_ratio[")
    assert s.run_until("step >= 9").text == "after step 9, step >= 9: step is 9"
    assert seen[3:] == [True] + [False] * 5


def test_a_run_that_comes_to_vanish_stops_there():
    hp = Hyperparameters(hidden=(4,) * 8, activation="sigmoid", init="normal", epochs=50)
    s = Session(Experiment("spiral", hp))
    s.break_at('finding("vanishing_gradient")')
    stop = s.run_until()
    assert stop.kind == "condition"
    assert s.batch == 0
    assert [f.rule for f in s.findings()] == ["vanishing_gradient"]
