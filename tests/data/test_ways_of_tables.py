"""The ways in which people's programs write the same table, all of which read alike; and what is too large to read."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn import memory
from tinygrad_nn.data import read_table, records
from tinygrad_nn.training import Experiment, Hyperparameters, Session
from tinygrad_nn.training.files import ExperimentError

ROOT = Path(__file__).parents[2]
ROWS = [(0.5, "red", "p"), (-1.25, "white", "q"), (2.0, "red", "q"), (0.75, "white", "p"), (1.5, "red", "p")]
INDEX = {
    "none": None,
    "from 0": lambda i: str(i),
    "from 1": lambda i: str(i + 1),
    "names": lambda i: f"row {i}",
}
TOP = {
    "nothing": "",
    "comments": "# made by a tool\n# units: m\n",
    "blank lines": "\n\n",
}


def written(separator: str, header: bool, index: str, trailing: bool, top: str, quote: str, end: str) -> str:
    def field(text: str) -> str:
        return f"{quote}{text}{quote}" if quote and text else text

    lines = [] if not header else [[field(name) for name in ("size", "colour", "kind")]]
    lines += [[f"{size}", field(colour), field(kind)] for size, colour, kind in ROWS]
    if index != "none":
        named = [field("")] if header else []
        named += [field(INDEX[index](i)) for i in range(len(ROWS))]
        lines = [[name, *line] for name, line in zip(named, lines, strict=True)]
    tail = separator if trailing else ""
    return TOP[top] + "".join(separator.join(line) + tail + end for line in lines)


# Without a header nothing says that the first column is an index.
@pytest.mark.parametrize(("header", "index"), [*((True, index) for index in INDEX), (False, "none")])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_reads_alike_however_it_is_written(separator, header, index, tmp_path):
    path = tmp_path / "t.txt"
    for trailing, top, quote, end, encoding in itertools.product(
        (False, True), TOP, ("", '"', "'"), ("\n", "\r\n"), ("utf-8", "utf-8-sig", "utf-16")
    ):
        if quote == "'" and (not header or index != "none"):
            continue  # a quotation mark of that kind is known by the header
        path.write_bytes(written(separator, header, index, trailing, top, quote, end).encode(encoding))
        data, report = read_table(path)
        way = trailing, top, quote, end, encoding
        names = ("size", "colour=red", "colour=white") if header else ("column 1", "column 2=red", "column 2=white")
        assert data.feature_names == names, way
        assert data.x[:, 0].tolist() == [size for size, _, _ in ROWS], way
        assert data.x[:, 1].tolist() == [colour == "red" for _, colour, _ in ROWS], way
        assert [data.target_names[i] for i in data.y] == [kind for _, _, kind in ROWS], way
        said = "\n".join(report.lines)
        assert ("row index, left out" in said) == (index != "none"), way
        assert ("empty, left out" in said) == trailing, way
        assert ("no header" in said) == (not header), way


def test_excels_line_spaces_and_rs_short_header(tmp_path):
    ways = {
        "sep=;\na;b;y\n1;2;3\n4;5;6.5\n": ("a", "b"),
        "a b y\n1   2 3\n4 5   6.5\n": ("a", "b"),
        '"a" "b" "y"\n"1" 1 2 3\n"2" 4 5 6.5\n'.replace(" ", ","): ("a", "b"),
        "sep=|\na|b|y\n1|2|3\n4|5|6.5\n": ("a", "b"),
        "a,b,y\n1,2,3,\n4,5,6.5,\n": ("a", "b"),
        '"a" "b" "y"\n"1" 1 2 3\n"2" 4 5 6.5\n': ("a", "b"),
        "a|b|y\n1|2|3\n4|5|6.5\n": ("a", "b"),
        "#a,b,y\n1,2,3\n4,5,6.5\n": ("a", "b"),
    }
    for text, names in ways.items():
        (tmp_path / "t.csv").write_text(text)
        data, _ = read_table(tmp_path / "t.csv")
        assert (data.feature_names, data.x.tolist(), data.y.tolist()) == (names, [[1, 2], [4, 5]], [3, 6.5]), text


def test_years_and_counted_columns_are_a_header(tmp_path):
    for header in ("2019,2020,2021", "0,1,2", "1,2,3"):
        (tmp_path / "t.csv").write_text(f"{header}\n1,2,3.5\n4,5,6.5\n7,8,9.5\n")
        assert read_table(tmp_path / "t.csv")[0].feature_names == tuple(header.split(",")[:2])


def test_another_encoding_is_named_or_asked_for(tmp_path):
    (tmp_path / "t.csv").write_bytes("größe,y\n1,2.5\n3,4.5\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"line 1: byte 0xf6 is not UTF-8: .* encoding latin-1"):
        read_table(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv", encoding="latin-1")[0].feature_names == ("größe",)
    for wrong, words in (("ascii", "is not in ascii"), ("klingon", "there is no encoding 'klingon'")):
        with pytest.raises(ValueError, match=words):
            read_table(tmp_path / "t.csv", encoding=wrong)


def test_columns_are_named_by_their_place_too(tmp_path):
    (tmp_path / "t.csv").write_text("a,,b\n1,5,2\n2,5.5,4\n3,6,9\n")
    data, report = read_table(tmp_path / "t.csv", target="column 1", ignore=["column 3"])
    assert data.feature_names == ("column 2",)
    assert "b: ignored" in report.lines
    with pytest.raises(ValueError, match="there is no column 'column 4'"):
        read_table(tmp_path / "t.csv", target="column 4")


def test_a_column_is_taken_as_text_or_as_numbers_where_that_is_said(tmp_path):
    (tmp_path / "t.csv").write_text("zip,size,y\n10115,1,0.5\n20095,?,1.5\n10115,3,2.5\n20095,x,3.5\n")
    data, _ = read_table(tmp_path / "t.csv", text=["zip", "size"], missing="category")
    assert data.feature_names == ("zip=10115", "zip=20095", "size=1", "size=3", "size=missing", "size=x")
    with pytest.raises(ValueError, match="line 5, column 'size': 'x' is not a finite number"):
        read_table(tmp_path / "t.csv", number="size", missing="mean")
    with pytest.raises(ValueError, match="in text= and in number="):
        read_table(tmp_path / "t.csv", number="size", text="size")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.0, 2.0, 1e30] + [float(i % 7) for i in range(57)], "set scaling=robust"),
        ([-999.0] + [float(i % 7) for i in range(59)], "-999 is far from all other values"),
        ([float(10_115 + 13 * i) for i in range(60)], "zip codes"),
        ([5.0] * 60, "5 in every row"),
        ([1e9 + i / 100 for i in range(60)], "float32 keeps"),
        (["Yes", "yes", "no"] * 20, "'Yes' and 'yes' differ in case or spaces alone"),
        (["x"] * 60, "'x' in every row"),
    ],
)
def test_what_is_remarked_of_a_column(column, words, tmp_path):
    lines = "".join(f"{value},{i % 2}\n" for i, value in enumerate(column))
    (tmp_path / "t.csv").write_text(f"a,y\n{lines}")
    _, report = read_table(tmp_path / "t.csv")
    assert any(words in line for line in report.lines), report.lines


def test_a_wild_value_does_no_harm_where_scaling_is_robust(tmp_path):
    rows = [f"{i % 7},{i % 5},{3 * (i % 7) - (i % 5) + 0.5}" for i in range(80)]
    rows[3] = f"1e30,{rows[3].split(',', 1)[1]}"
    (tmp_path / "t.csv").write_text("a,b,y\n" + "\n".join(rows) + "\n")
    data, _ = read_table(tmp_path / "t.csv")
    for seed in range(3):  # the value is in the training part, or in the other
        session = Session(Experiment(data, Hyperparameters(scaling="robust", lr=0.01, epochs=60, seed=seed)))
        session.run_until("epoch == 60")
        assert session.history[-1].train_metric > 0.9, seed


def test_a_text_far_down_in_a_column_of_numbers_is_found_by_its_line(tmp_path):
    rows = [f"{i},{i % 2}" for i in range(1000)]
    rows[700] = "oops,0"
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(ValueError, match="line 702, column 'a': 'oops' is not a finite number"):
        read_table(tmp_path / "t.csv")
    rows[700] = "3"
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(ValueError, match="line 702: the header has 2 fields, this row only 1"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("chunk", [1, 3, 1 << 22])
def test_records_are_counted_as_by_hand(chunk, monkeypatch):
    monkeypatch.setattr(records, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    for _ in range(300):
        text = "".join(rng.choice(list('ab,"\n \r'), rng.integers(0, 40)))
        wanted, line, begun, quoted, fields, solid = [], 1, 1, False, 1, False
        for character in [*text, None]:
            if character == '"':
                quoted = not quoted
            if character is None or (character == "\n" and not quoted):
                if solid:
                    wanted.append((begun, fields))
                line += 1
                begun, fields, solid = line, 1, False
                continue
            line += character == "\n"
            fields += character == "," and not quoted
            solid |= character not in " \r\n"
        found = records.records(np.frombuffer(text.encode(), np.uint8), b",", b'"')
        assert list(zip(found.lines.tolist(), found.fields.tolist(), strict=True)) == wanted, text


@pytest.mark.program
def test_the_page_on_tables_does_what_it_says(tmp_path):
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    lines = [f"{i},{'abc'[i % 3]},{10115 + i % 4},{2 * i + 1},{i % 5}" for i in range(60)]
    (tmp_path / "houses.csv").write_text("size,kind,zip,price,rooms\n" + "\n".join(lines) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NN_DEBUG_HOME": str(tmp_path / "runs")}
    commands = [line.partition("#")[0].split() for line in page.splitlines() if line.startswith("nn-debug run")]
    assert len(commands) == 6
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", *command[1:], "--epochs", "2"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
    code = page.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "price: target, regression" in done.stdout


# --- what is too large, or not a file


def test_what_is_not_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="is a pipe or a device, not a file"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "u.csv").mkdir()
    with pytest.raises(ValueError, match="is a folder, not a file"):
        read_table(tmp_path / "u.csv")


def test_an_archive_is_looked_at_before_it_is_unpacked(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)})
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())
    with pytest.raises(ValueError, match=r"of shape \(1000000000000, 2\) takes about .* TB of memory"):
        read_table(tmp_path / "t.npz")


def test_what_takes_over_half_of_the_memory_is_refused_unless_it_is_forced(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a,y\n1,2\n3,4\n" * 100)
    monkeypatch.setattr(memory, "available", lambda: 2000)
    with pytest.raises(ValueError, match=r"reading t.csv takes about .* kB of memory, more than half of the 2 kB"):
        read_table(tmp_path / "t.csv")
    monkeypatch.setenv(memory.FORCE, "1")
    with pytest.raises(ValueError, match="is not a finite number"):
        read_table(tmp_path / "t.csv")


def test_a_network_that_is_too_large_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**8)
    experiment = Experiment("xor", Hyperparameters(hidden=(4096, 4096)))
    with pytest.raises(ExperimentError, match=r"a network of 16,789,504 weights takes about 403 MB of memory"):
        Session(experiment)


def test_a_container_says_how_much_there_is(tmp_path, monkeypatch):
    (tmp_path / "limit").write_text("1000000\n")
    (tmp_path / "used").write_text("400000\n")
    monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "limit"), "nowhere"))
    monkeypatch.setattr(memory, "USED", (str(tmp_path / "used"), "nowhere"))
    assert memory.available() == 600_000
    (tmp_path / "limit").write_text("max\n")
    assert memory.available() > 600_000


def test_a_wide_table_and_a_long_cell_are_no_trouble(tmp_path):
    names = ",".join(f"c{i}" for i in range(5000))
    row = ",".join(["1"] * 4999)
    (tmp_path / "t.csv").write_text(f"{names}\n{row},2\n{row},3\n{row},2\n")
    assert read_table(tmp_path / "t.csv")[0].n_features == 4999
    (tmp_path / "t.csv").write_text(f"a,y\n1,2\n2,3\n{'x' * 200_000},4\n4,5\n")
    with pytest.raises(ValueError, match="line 4, column 'a'") as refused:
        read_table(tmp_path / "t.csv")
    assert len(str(refused.value)) < 400
