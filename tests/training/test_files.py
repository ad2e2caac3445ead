"""Experiment files in TOML: what they set, and how a mistake in one is told. Python ones: `tests/tui/test_cli.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_nn.training import Experiment, Session
from tinygrad_nn.training.files import ExperimentError, experiment_on, load_experiment


@pytest.fixture
def toml(tmp_path):
    def write(content: str | bytes, name: str = "my.toml") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_hyperparameters_by_name_on_top_of_those_of_the_data(toml):
    experiment = load_experiment(
        toml('data = "spiral"\n[hyperparameters]\nlr = 1\nhidden = [8, 4]\noptimizer = "sgd"\nnoise = 0.25\n')
    )
    assert experiment.name == "spiral"
    assert experiment.hyperparameters == Experiment("spiral").hyperparameters.replace(
        lr=1.0, hidden=(8, 4), optimizer="sgd", noise=0.25
    )
    assert type(experiment.hyperparameters.lr) is float


def test_a_text_is_read_as_on_the_command_line(toml):
    experiment = load_experiment(toml('[hyperparameters]\nhidden = "none"\nlr = "1e-2"\ninit = "HE_normal"\n'))
    assert experiment.dataset == "digits"
    assert load_experiment(toml("hyperparameters.hidden = 8\n")).hyperparameters.hidden == (8,)
    assert experiment.hyperparameters == Experiment("digits").hyperparameters.updated(
        ["hidden=none", "lr=1e-2", "init=HE_normal"]
    )


def test_an_empty_file_is_the_built_in_experiment_and_a_byte_order_mark_is_no_matter(toml):
    assert load_experiment(toml("")).hyperparameters == Experiment("digits").hyperparameters
    assert load_experiment(toml('\ufeffname = "a run"\n')).name == "a run"


def test_a_table_is_found_beside_the_file_and_what_was_done_to_it_is_said(toml, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    rows = "".join(f"{i},k{i},{'' if i == 3 else i % 7},{i % 2}\n" for i in range(40))
    (tmp_path / "data" / "t.csv").write_text(f"a,id,b,c\n{rows}")
    path = toml('name = "mine"\ndata = "data/t.csv"\ntarget = "c"\nignore = ["id"]\nmissing = "mean"\n')
    monkeypatch.chdir(Path(__file__).parent)
    experiment = load_experiment(path)
    assert experiment.name == "mine"
    assert "id: ignored" in experiment.notes
    assert Session(experiment).train.feature_names == ("a", "b")
    as_numbers = load_experiment(toml('data = "data/t.csv"\nignore = "id"\nmissing = "drop"\ntask = "regression"\n'))
    assert (as_numbers.name, Session(as_numbers).task) == ("t", "regression")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("data = digits\n", r"my.toml, line 1: Invalid value$"),
        ("\nname 'a'\n", r"my.toml, line 2: Expected '='"),
        (b"\n# caf\xe9\n", "my.toml, line 2: not UTF-8"),
        ("\ndata = 'digitz'\n", "my.toml: there is no data set 'digitz': did you mean digits"),
        ("tarket = 'x'\n", "my.toml, line 1: there is no setting 'tarket': did you mean target.*They are name, data"),
        ("name = 'x'\nlr = 1\n", r"line 2: lr is a hyperparameter: it belongs under \[hyperparameters\]"),
        ("name = 3\n", "line 1: name must be a text in quotation marks; 3 is not"),
        ("ignore = ['a', 1]\n", "line 1: ignore must be a text in quotation marks or a list of such"),
        ("hyperparameters = 3\n", "line 1: hyperparameters must be a table"),
        ("[[hyperparameters]]\nlr = 1\n", "my.toml.*: hyperparameters must be a table"),
        (
            "[hyperparameters]\n\nbatchsize = 3\n",
            "line 3: there is no hyperparameter 'batchsize': did you mean batch_s",
        ),
        ("[hyperparameters]\nlr = -1\n", "line 2: lr must be a number above 0 to 1000; -1 is not"),
        ("hyperparameters.lr = true\n", "line 1: lr must be a number above 0 to 1000; True is not"),
        ("[hyperparameters]\nlr = nan\n", "line 2: lr must be a number"),
        (f"[hyperparameters]\nlr = {10**400}\n", "line 2: lr must be a number"),
        ("[hyperparameters]\nepochs = 2.0\n", "epochs must be a whole number from 1 to 1000000; 2.0 is not"),
        ("[hyperparameters]\nhidden = 0\n", "line 2: hidden must be sizes .* such as 8,8, or none; 0 is not"),
        ("[hyperparameters]\nhidden = [8, [8]]\n", "line 2: hidden must be sizes"),
        ("[hyperparameters]\noptimizer = 'adm'\n", "line 2: optimizer must be one of sgd, .*; 'adm' is not"),
        ("[hyperparameters]\nseed = 1979-05-27\n", "line 2: seed must be a whole number"),
        (
            "data = 'xor'\ntarget = 'y'\n",
            "my.toml: target, .* are for a table of your own",
        ),
        ("data = " + "[" * 20_000 + "]" * 20_000, "my.toml: its values are nested too deeply"),
        ("data = 'none.csv'\n", "my.toml, line 1: .*none.csv: No such file"),
        ("data = '.'\n", "my.toml: .*is not a CSV, TSV or NPZ file"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(toml, content, message):
    with pytest.raises(ExperimentError, match=message) as refused:
        load_experiment(toml(content))
    assert "\n" not in str(refused.value)


def test_a_line_is_not_told_where_it_is_not_certain(toml):
    text = 'name = """\nlr = 1\n"""\n[hyperparameters]\nlr = 0\n'
    with pytest.raises(ExperimentError, match=r"my.toml: lr must be"):
        load_experiment(toml(text))


def test_mistakes_in_what_names_a_table(toml, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(ExperimentError, match=r"my.toml: there is no column 'x' in t.csv"):
        load_experiment(toml('data = "t.csv"\ntarget = "x"\n'))
    with pytest.raises(ExperimentError, match=r"my.toml: missing must be 'error', .*, not 'zero'"):
        load_experiment(toml('data = "t.csv"\nmissing = "zero"\n'))


def test_other_endings_are_refused(toml):
    with pytest.raises(ExperimentError, match=r"neither Python nor TOML: an experiment file ends in .py or .toml"):
        load_experiment(toml("", "my.json"))
    with pytest.raises(ExperimentError, match="no such file"):
        load_experiment("none.toml")


def test_noise_is_for_generated_sets_alone():
    def first(name: str, noise: float):
        experiment = experiment_on(name)
        return Session(experiment, experiment.hyperparameters.replace(noise=noise)).train

    assert (first("spiral", 0.0).x != first("spiral", 0.3).x).any()
    assert (first("xor", 0.0).y != first("xor", 0.3).y).any()
    assert (first("iris", 0.0).x == first("iris", 0.3).x).all()
    assert experiment_on("moons").hyperparameters.noise == 0.1  # what the moons have by default
