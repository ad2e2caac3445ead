"""Pictures against the data that they are of: Graphviz reads the DOT, and its SVG is read back."""

from __future__ import annotations

import contextlib
import itertools
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lanes import examples
from tinygrad_nn import Tensor, grad, nn
from tinygrad_nn.graph import (
    DrawingError,
    Edge,
    Graph,
    GraphNode,
    Group,
    at_level,
    dot,
    draw,
    graph,
    render_graph,
    trace,
)
from tinygrad_nn.graph.pictures import RAMP, THEMES, contrast, engines
from tinygrad_nn.graph.words import printable, words

from .networks import small, stack

ENGINES = list(engines())
drawn = pytest.mark.skipif(not ENGINES, reason="neither dot nor graphviz-pure is installed")
NAME = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}"


def read(svg: bytes) -> dict[str, dict[str, dict[str, object]]]:
    """What an SVG of Graphviz's shows, by class and title: lines of text, tooltip and link."""
    found: dict[str, dict[str, dict[str, object]]] = {"node": {}, "edge": {}, "cluster": {}, "graph": {}}
    for part in ElementTree.fromstring(svg.decode()).iter(f"{NAME}g"):
        kind = part.get("class", "")
        if kind not in found:
            continue
        own = [e for e in part if e.get("class") is None] if kind == "graph" else [part]
        texts = ["".join(t.itertext()) for top in own for t in top.iter(f"{NAME}text")]
        links = [a for top in own for a in top.iter(f"{NAME}a")]
        title = part.findtext(f"{NAME}title", "")
        said: dict[str, object] = {
            "text": [spaced(t) for t in texts if spaced(t)],
            "tooltip": next((a.get(f"{LINK}title") for a in links), None),
            "link": next((a.get(f"{LINK}href") for a in links), None),
        }
        while title in found[kind]:  # two edges between the same nodes
            title += "'"
        found[kind][title] = said
    return found


def spaced(text: str) -> str:
    return text.replace("\xa0", " ").strip()


def traced(gradients: bool = True):
    model, x = stack(5)
    with trace():
        loss = model(x)
    return graph(loss, model=model, values=True, gradients=gradients)


@drawn
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("level", ["modules", "operations", "arrays"])
def test_nodes_edges_groups_and_every_label_are_those_of_the_data(engine, level):
    shown = at_level(traced(), level)
    svg = read(draw(dot(shown), engine=engine))
    assert set(svg["node"]) == {f"n{n.id}" for n in shown.nodes}
    assert sorted(e.rstrip("'") for e in svg["edge"]) == sorted(f"n{e.source}->n{e.target}" for e in shown.edges)
    assert set(svg["cluster"]) == {f"cluster_{g.id}" for g in shown.groups}
    for node in shown.nodes:
        text = svg["node"][f"n{node.id}"]["text"]
        assert text[: len(words(shown, node))] == words(shown, node)
        if node.gradient is not None:
            assert text[-1].startswith("gradient ")
        assert str(node.shape) in svg["node"][f"n{node.id}"]["tooltip"]
    for group in shown.groups:
        assert svg["cluster"][f"cluster_{group.id}"]["text"][0] in group.title
        assert svg["cluster"][f"cluster_{group.id}"]["tooltip"].startswith(group.title)
    for edge in shown.edges:
        labelled = shown.node[edge.source].kind in ("operation", "module")
        labelled &= shown.node[edge.target].kind not in ("array", "result")
        shapes = {str(e.shape) for e in shown.edges if (e.source, e.target) == (edge.source, edge.target)}
        text = svg["edge"][f"n{edge.source}->n{edge.target}"]["text"]
        assert set(text) <= shapes if labelled else not text
        assert not labelled or text


@pytest.mark.skipif(len(ENGINES) < 2, reason="needs both dot and graphviz-pure")
@pytest.mark.parametrize("level", ["modules", "operations", "arrays"])
def test_both_engines_draw_the_same(level):
    source = dot(at_level(traced(), level))
    first, second = (read(draw(source, engine=engine)) for engine in ENGINES)
    for kind in first:
        assert first[kind].keys() == second[kind].keys()
        for title in first[kind]:
            assert first[kind][title] == second[kind][title]


HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ['<b>"x"\n', "<<B>x</B>>", "\\N\\l\\", "&amp;&#10;", "a->b;}", "", "\x00\ud800\ufffe", "${x} %s", "]]>"]
    ),
)


@st.composite
def graphs(draw):
    groups = []
    for i in range(draw(st.integers(0, 4))):
        parent = draw(st.sampled_from([None, *range(i)]))
        groups.append(Group(i, parent, draw(HOSTILE), draw(HOSTILE.filter(bool)), draw(HOSTILE)))
    nodes = []
    for i in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["operation", "module", "parameter", "buffer", "data", "array", "result"]))
        nodes.append(
            GraphNode(
                i,
                kind,
                draw(HOSTILE),
                draw(st.sampled_from([None, (), (3,), (2, 0, 4)])),
                group=draw(st.sampled_from([None, *range(len(groups))])),
                attributes=draw(st.dictionaries(HOSTILE, HOSTILE, max_size=2)),
                file=draw(st.sampled_from(["", "/a b/<&\"'>\\x.py"])),
                code=draw(HOSTILE),
                gradient=draw(st.sampled_from([None, 0.0, 1e-300, 1.0, np.inf, np.nan])),
            )
        )
    ends = st.integers(0, len(nodes) - 1)
    edges = draw(st.lists(st.builds(Edge, ends, ends, st.integers(0, 3), HOSTILE), max_size=8))
    return Graph(tuple(nodes), tuple(edges), tuple(groups))


@drawn
@examples(60)
@given(graphs(), st.sampled_from(ENGINES), st.sampled_from(["light", "dark"]), st.sampled_from(["TB", "LR"]))
def test_hostile_names_are_drawn_as_they_are(shown, engine, theme, direction):
    svg = read(draw(dot(shown, direction, theme), engine=engine))
    assert set(svg["node"]) == {f"n{n.id}" for n in shown.nodes}
    assert len(svg["edge"]) == len(shown.edges)
    for node in shown.nodes:
        lines = [spaced(printable(line)) for line in words(shown, node)]
        assert svg["node"][f"n{node.id}"]["text"][: len([x for x in lines if x])] == [x for x in lines if x]
        tooltip = svg["node"][f"n{node.id}"]["tooltip"].replace("\xa0", " ")  # of two spaces, one does not break
        assert printable(f"{node.name or node.kind} (").replace("\xa0", " ") in tooltip
        if node.file:
            assert printable(node.code).replace("\xa0", " ") in tooltip


@drawn
@pytest.mark.parametrize("engine", ENGINES)
def test_a_module_with_a_hostile_name_is_drawn_as_that(engine):
    shown = Graph((GraphNode(0, "module", '<b>"x"\n'),), ())
    assert read(draw(dot(shown), engine=engine))["node"]["n0"]["text"][0] == '<b>"x"\\n'


# --- what the colours say


def attributes(source: str, number: int) -> dict[str, str]:
    line = next(x for x in source.splitlines() if x.strip().startswith(f"n{number} ["))
    return dict(re.findall(r'(\w+)="?([^\s"\]]+)', line.split(">", 1)[-1] if "label=<" not in line else line))


def test_parameters_data_and_results_differ_in_shape_and_in_colour():
    kinds = ("operation", "parameter", "buffer", "data", "array", "result")
    shown = Graph(tuple(GraphNode(i, kind, "x", (1,)) for i, kind in enumerate(kinds)), ())
    looks = [attributes(dot(shown), i) for i in range(len(kinds))]
    assert len({look["shape"] for look in looks}) == len(kinds)
    assert len({look["color"] for look in looks}) == len(kinds)


def test_gradients_are_coloured_on_a_log_scale_with_a_legend():
    norms = [1e-8, 1e-4, 1.0, 0.0]
    shown = Graph(tuple(GraphNode(i, "operation", "x", gradient=g) for i, g in enumerate(norms)), ())
    source = dot(shown)
    fills = [attributes(source, i)["fillcolor"] for i in range(4)]
    assert fills == [RAMP[0], RAMP[4], RAMP[7], THEMES["light"].none]
    assert "1e-08" in source
    assert "gradient norm" in source
    assert "gradient norm" not in dot(Graph((GraphNode(0, "operation", "x"),), ()))


def test_faults_are_marked_and_the_first_says_so():
    x = Tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        found = graph((x.log() * 0).sum(), values=True)
    source = dot(found)
    marked = [attributes(source, n.id)["color"] == THEMES["light"].fault for n in found.nodes]
    assert marked == [bool(n.fault) for n in found.nodes]
    assert source.count("starts here") == 1


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_every_fill(theme):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ (
            0.2126,
            0.7152,
            0.0722,
        )

    def ratio(a, b):
        low, high = sorted([luminance(a), luminance(b)])
        return (high + 0.05) / (low + 0.05)

    colours = THEMES[theme]
    fills = [fill for fill, _ in colours.kinds.values()]
    for fill in [*fills, *colours.clusters, colours.background]:
        assert ratio(fill, colours.text) > 7
        assert ratio(fill, colours.muted) > 4.5
    for fill in (*RAMP, colours.none):
        assert ratio(fill, contrast(fill)) > 4.5


def test_the_backward_pass_has_a_colour_of_its_own():
    x = Tensor([2.0], requires_grad=True)
    with trace():
        y = (x * x).sum()
        (g,) = grad(y, x, create_graph=True)
    source = dot(graph({"y": y, "dy/dx": g}))
    assert THEMES["light"].backward in source
    assert THEMES["light"].backward not in dot(graph(y))


def test_links_lead_from_the_picture_to_the_line(tmp_path):
    source = tmp_path / "src" / "a b.py"
    shown = Graph((GraphNode(0, "operation", "x", file=str(source), line=7),), ())
    assert "../src/a%20b.py#L7" in dot(shown, beside=tmp_path / "docs" / "net.svg")
    assert f"{source.as_uri()}#L7" in dot(shown)
    assert "URL" not in dot(Graph((GraphNode(0, "operation", "x", file="<stdin>", line=1),), ()))


def test_a_direction_or_theme_that_is_none():
    with pytest.raises(ValueError, match="direction is TB or LR"):
        dot(Graph((), ()), "RL")
    with pytest.raises(ValueError, match="theme light or dark"):
        dot(Graph((), ()), theme="pink")


# --- files


@drawn
def test_files_by_their_ending(tmp_path):
    model, inputs, _ = small()
    loss = model(inputs).sum()
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "dot": b"digraph", "json": b"{"}
    for ending, start in starts.items():
        path = render_graph(loss, tmp_path / f"net.{ending}", model=model, gradients=True)
        assert path.read_bytes().startswith(start)
    if "dot" in engines("pdf"):
        assert render_graph(loss, tmp_path / "net.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match=r"net\.gif: a picture ends in \.svg, \.png or \.pdf"):
        render_graph(loss, tmp_path / "net.gif")


@drawn
@pytest.mark.parametrize("engine", ENGINES)
def test_a_png_is_bounded(engine):
    x = Tensor([1.0], requires_grad=True)
    for _ in range(300):
        x = x * 1
    png = draw(dot(graph(x)), "png", engine)
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert max(width, height) <= 8001
    assert min(width, height) > 0


def no_graphviz(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)


def test_without_graphviz_there_is_the_dot_file_and_one_line(tmp_path, monkeypatch):
    no_graphviz(monkeypatch)
    model, inputs, _ = small()
    y = model(inputs)
    with pytest.warns(UserWarning, match=r"pip install 'tinygrad-nn\[render\]'.*net\.dot has the graph"):
        path = render_graph(y, tmp_path / "net.svg")
    assert path == tmp_path / "net.dot"
    assert path.read_text().startswith("digraph")
    assert y._repr_svg_() is None
    with pytest.raises(DrawingError, match="pictures need Graphviz"):
        draw("digraph {}")


@drawn
def test_an_engine_that_fails_or_takes_too_long_says_so():
    with pytest.raises(DrawingError, match=r"failed: .*syntax error"):
        draw("digraph {", engine=ENGINES[0])
    with pytest.raises(DrawingError, match="took longer than 1e-06 s: use level='modules'"):
        draw("digraph {}", timeout=1e-6)


@drawn
def test_a_notebook_shows_what_operations_made():
    model, inputs, _ = small()
    assert "tanh" in model(inputs)._repr_svg_()
    assert graph(model(inputs))._repr_svg_().startswith("<?xml")
    assert inputs._repr_svg_() is None


# --- large graphs


def large(modules: bool):
    """5,000 operations in 25 blocks, no two of a size."""
    sizes = np.random.default_rng(0).integers(1, 9, 626).tolist()
    layers = [m for a, b in itertools.pairwise(sizes) for m in (nn.Linear(a, b), nn.LayerNorm(b))]
    model = nn.Sequential(*(nn.Sequential(*layers[i : i + 50]) for i in range(0, 1250, 50)))
    with trace() if modules else contextlib.nullcontext():
        return graph(model(Tensor(np.ones((1, sizes[0]), np.float32))))


@drawn
def test_a_graph_of_5000_operations_is_drawn_as_modules(tmp_path):
    found = large(modules=True)
    assert sum(n.kind == "operation" for n in found.nodes) > 5000
    svg = read(render_graph(found, tmp_path / "net.svg").read_bytes())
    assert len(svg["node"]) == 27
    assert {"1 Sequential", "24 Sequential"} <= {str(n["text"][0]) for n in svg["node"].values()}


def test_a_picture_that_nobody_could_read_says_which_level_to_use(tmp_path):
    found = large(modules=True)
    with pytest.raises(ValueError, match=r"boxes cannot be read.*level='modules' with depth=0 has 3"):
        render_graph(found, tmp_path / "net.svg", level="operations", folded=False)
    with pytest.raises(ValueError, match="record it under trace"):
        render_graph(large(modules=False), tmp_path / "net.svg", folded=False)
    model, x = stack(60)
    with trace():
        loss = model(x)
    with pytest.raises(ValueError, match="level='modules' has 2"):
        render_graph(loss, tmp_path / "net.svg", level="operations", limit=350, folded=False)
    assert not list(tmp_path.iterdir())


def test_the_library_imports_none_of_this():
    program = (
        "import sys, tinygrad_nn; print([m for m in sys.modules if m.startswith(('graphviz', 'tinygrad_nn.graph'))])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"
