"""`nn-debug graph`: the tree, the picture, and what is said when there is no Graphviz."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinygrad_nn.graph import Graph
from tinygrad_nn.graph.pictures import engines
from tui.cli import main

OWN_MODULE = """
from tinygrad_nn import nn
from tinygrad_nn.training import Experiment

class Net(nn.Module):
    def __init__(self, rng):
        self.hidden = nn.Linear(2, 4, rng=rng)
        self.out = nn.Linear(4, 1, rng=rng)

    def forward(self, x):
        return self.out(self.hidden(x).tanh())

class Mine(Experiment):
    dataset = "xor"
    def model(self, hp, train, rng):
        return Net(rng)
"""


def read(path: Path) -> Graph:
    return Graph.from_json(path.read_text(encoding="utf-8"))


def test_without_a_file_the_tree_is_printed(capsys):
    assert main(["graph", "--data", "xor", "--level", "modules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Sequential"
    for part in ("0 Linear  2 → 8", "24 parameters", "(32, 8)", "gradient", "← x (32, 2)"):
        assert part in lines[1]
    assert lines[-1].startswith("→ loss")


def test_an_experiment_of_ones_own_has_its_lines(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN_MODULE)
    assert main(["graph", str(tmp_path / "mine.py"), "-o", str(tmp_path / "net.json")]) == 0
    assert "net.json: 11 nodes, 10 edges" in capsys.readouterr().out
    found = read(tmp_path / "net.json")
    tanh = next(n for n in found.nodes if n.name == "tanh")
    assert (tanh.file, tanh.code) == (str(tmp_path / "mine.py"), "return self.out(self.hidden(x).tanh())")
    assert found.nodes[0].name == "x"
    if engines():
        assert main(["graph", str(tmp_path / "mine.py"), "-o", str(tmp_path / "net.svg")]) == 0
        assert 'href="mine.py#L11"' in (tmp_path / "net.svg").read_text(encoding="utf-8")


def test_a_built_in_network_has_no_line_of_the_users(tmp_path):
    assert main(["graph", "--data", "xor", "-o", str(tmp_path / "net.json")]) == 0
    assert not any(n.file for n in read(tmp_path / "net.json").nodes)


def test_the_backward_pass_is_drawn_too(tmp_path):
    assert main(["graph", "--data", "xor", "--backward", "-o", str(tmp_path / "net.json")]) == 0
    found = read(tmp_path / "net.json")
    assert any(n.backward for n in found.nodes)
    assert [n.name for n in found.nodes if n.kind == "result"][:2] == ["loss", "gradient of 0.weight"]


def test_training_comes_first(tmp_path):
    losses = []
    for arguments in ([], ["--steps", "3"], ["--epochs", "1"]):
        assert main(["graph", "--data", "xor", *arguments, "-o", str(tmp_path / "net.json")]) == 0
        losses.append(read(tmp_path / "net.json").nodes[-1].low)
    assert len(set(losses)) == 3


def test_without_graphviz_the_dot_file_and_the_tree_are_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert main(["graph", "--data", "xor", "-o", str(tmp_path / "net.svg")]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("Sequential")
    assert said.err.count("\n") == 1
    assert "pip install 'tinygrad-nn[render]'" in said.err
    assert (tmp_path / "net.dot").read_text().startswith("digraph")


def test_a_network_that_fails_shows_the_users_traceback(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(OWN_MODULE.replace("tanh()", "tanhh()"))
    assert main(["graph", str(tmp_path / "mine.py")]) == 2
    said = capsys.readouterr().err
    assert "nn-debug: Mine failed" in said
    assert "tanhh" in said


@pytest.mark.skipif("dot" not in engines(), reason="only Graphviz's own dot makes PDF")
def test_pdf(tmp_path):
    assert main(["graph", "--data", "xor", "-o", str(tmp_path / "net.pdf"), "--theme", "dark"]) == 0
    assert (tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")


def test_a_file_that_ends_in_onnx_is_the_trained_model(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    (tmp_path / "mine.py").write_text(OWN_MODULE)
    path = tmp_path / "net.onnx"
    assert main(["graph", str(tmp_path / "mine.py"), "--epochs", "1", "-o", str(path)]) == 0
    assert "net.onnx: the forward pass, of inputs (batch, 2)" in capsys.readouterr().out
    stored = onnx.load(path).graph
    assert [node.name for node in stored.node] == ["hidden/Gemm", "Net/Tanh", "out/Gemm"]
    (tmp_path / "mine.py").write_text(OWN_MODULE.replace(".tanh()", " * float(self.hidden(x).data.max())"))
    assert main(["graph", str(tmp_path / "mine.py"), "-o", str(path)]) == 2
    assert "mul: the number" in capsys.readouterr().err
