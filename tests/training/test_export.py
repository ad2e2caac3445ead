from __future__ import annotations

import csv
import json
import math

import pytest

from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.export import FORMATS, export, to_csv


@pytest.fixture(scope="module")
def run():
    s = Session(Experiment("xor", Hyperparameters(hidden=(4,), activation="relu", batch_size=100)))
    s.next(3)
    s.rewind(1)
    s.set(lr=0.1)
    s.next(1)
    return s


def test_csv_has_a_row_for_each_layer_in_each_epoch(run, tmp_path):
    path = tmp_path / "a.csv"
    export(run.branches, path, "csv")
    table = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(table) == (4 + 3) * 2
    first, last = table[0], table[-1]
    record = run.branch.history[-1]
    assert (last["branch"], last["epoch"], last["layer_label"]) == ("fork 1", "2", "Linear 4→1")
    assert float(last["train_loss"]) == record.train_loss
    assert float(last["layer_gradient_rms"]) == record.layers[1].gradient_rms
    assert first["layer_update_ratio"] == ""  # NaN: no step was made yet


def test_json_has_all_of_it(run, tmp_path):
    path = tmp_path / "a.json"
    export(run.branches, path, "json")
    main, fork = json.loads(path.read_text(encoding="utf-8"))
    assert (main["parent"], fork["parent"]) == (None, "main")
    assert fork["changes"] == [{"step": run.branch.step, "epoch": 1.0, "name": "lr", "before": 0.001, "after": 0.1}]
    layer = main["epochs"][0]["layers"][0]
    assert layer["update_ratio"] is None
    assert layer["weights"]["counts"] == run.branches[0].history[0].layers[0].weights.counts.tolist()
    assert main["hyperparameters"]["hidden"] == [4]


def test_parquet_is_the_same_table(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet is read back by pyarrow")
    path = tmp_path / "a.parquet"
    export(run.branches, path, "parquet")
    table = parquet.read_table(path).to_pylist()
    assert len(table) == 14
    assert table[-1]["train_loss"] == run.branch.history[-1].train_loss
    assert math.isnan(table[0]["layer_update_ratio"])


def test_tensorboard_reads_its_event_files(run, tmp_path):
    pytest.importorskip("tensorboardX", reason="event files are written by tensorboardX")
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="event files are read back by TensorBoard"
    )
    path = tmp_path / "events"
    export(run.branches, path, "tensorboard")
    events = accumulator.EventAccumulator(str(path / "main"), size_guidance={"histograms": 0})
    events.Reload()
    history = run.branches[0].history
    scalars = events.Scalars("train/loss")
    assert [e.step for e in scalars] == [0, 1, 2, 3]
    assert [e.value for e in scalars] == pytest.approx([r.train_loss for r in history])
    (tag,) = [t for t in events.Tags()["histograms"] if t.startswith("1") and t.endswith("weights")]
    shown = events.Histograms(tag)[0].histogram_value
    counts = history[0].layers[0].weights.counts
    assert shown.num == counts.sum()
    assert [c for c in shown.bucket if c] == [c for c in counts.tolist() if c]


def test_nothing_is_written_over_unless_asked(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="is there already"):
        export(run.branches, path, "csv")
    assert path.read_text() == "precious"
    export(run.branches, path, "csv", force=True)
    assert path.read_text(encoding="utf-8").startswith("branch,epoch")


def test_what_fails_in_the_middle_leaves_nothing(run, tmp_path, monkeypatch):
    def failing(branches, path):
        to_csv(branches, path)
        raise OSError("No space left on device")

    monkeypatch.setitem(FORMATS, "csv", failing)
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(OSError, match="No space"):
        export(run.branches, path, "csv", force=True)
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
