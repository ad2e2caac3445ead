"""Tables of one's own: what becomes of each kind of column, what is said of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.data import load_iris, load_wine, loaders, read_table


@pytest.fixture
def table(tmp_path):
    """Write a text or bytes as `t.csv`, or under another name, and give its path."""

    def write(content: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def archive(tmp_path):
    def write(**arrays) -> Path:
        np.savez(tmp_path / "t.npz", **arrays)
        return tmp_path / "t.npz"

    return write


def rows(count: int, line) -> str:
    return "".join(f"{line(i)}\n" for i in range(count))


# --- what columns become


def test_numbers_texts_and_booleans_and_what_is_said_of_them(table):
    path = table("size,colour,sold,quality\n1.5,red,true,3\n-2,white,false,4\n1e1,red,false,3\n")
    data, report = read_table(path, target="quality")
    assert data.feature_names == ("size", "colour=red", "colour=white", "sold=false", "sold=true")
    np.testing.assert_array_equal(data.x, [[1.5, 1, 0, 0, 1], [-2, 0, 1, 1, 0], [10, 1, 0, 1, 0]])
    assert (data.x.dtype, data.y.dtype) == (np.float32, np.int64)
    assert (data.y.tolist(), data.target_names, data.task, data.name) == ([0, 1, 0], ("3", "4"), "classification", "t")
    assert report.lines == (
        "t.csv: 3 rows, 4 columns parted by commas",
        "quality: target, classification with 2 classes",
        "numbers: size",
        "colour: one-hot, 2 values",
        "sold: one-hot, 2 values",
    )


@pytest.mark.parametrize(("name", "load"), [("iris", load_iris), ("wine", load_wine)])
def test_a_shipped_table_reads_as_its_loader_has_it(table, name, load):
    data, report = read_table(table((loaders.FOLDER / f"{name}.csv").read_bytes()))
    expected = load()
    np.testing.assert_array_equal(data.x, expected.x)
    np.testing.assert_array_equal(data.y, expected.y)
    assert (data.feature_names, data.target_names) == (expected.feature_names, expected.target_names)
    assert "target (the last column), classification with 3 classes" in report.lines[1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "a b\tc\n1\tx\n2\ty\n"),
        ("t.csv", '"a b";c\r\n1;x\r\n2;y\r\n'),
        ("t.csv", "\ufeffa b , c\n\n 1, x\n2 ,y\n\n\n"),
        ("t.txt", 'a b,c\n"1","x"\n2,y'),
    ],
    ids=["tabs", "semicolons", "blank lines, spaces and a byte-order mark", "quotes"],
)
def test_the_ways_a_table_may_be_written(table, name, content):
    data, _ = read_table(table(content, name))
    assert (data.feature_names, data.x.tolist()) == (("a b",), [[1], [2]])
    assert (data.target_names, data.y.tolist()) == (("x", "y"), [0, 1])


def test_a_cell_may_hold_separators_quotes_and_line_ends(table):
    data, _ = read_table(table('a,"b,\tc"\n"x, ""y""",1\n"two\nlines",2\n'))
    assert data.feature_names == ("a=two\nlines", 'a=x, "y"')


def test_the_header_of_a_tsv_may_hold_commas(table):
    assert read_table(table("length, m, mean\ty\n1\t2\n2\t3\n", "t.tsv"))[0].feature_names == ("length, m, mean",)


def test_texts_that_begin_with_numbers_stay_texts(table):
    data, _ = read_table(table("age,class,y\n18-24,1st,0.1\n25-34,2nd,0.2\n18-24,2nd,0.3\n"))
    assert data.feature_names == ("age=18-24", "age=25-34", "class=1st", "class=2nd")


# --- the task


@pytest.mark.parametrize(
    ("target", "count", "task", "names"),
    [
        (lambda i: "no" if i % 3 else "yes", 9, "classification", ("no", "yes")),
        (lambda i: i % 2 == 0, 9, "classification", ("False", "True")),
        (lambda i: i % 2 * 7, 4, "classification", ("0", "7")),
        (lambda i: i % 3, 60, "classification", ("0", "1", "2")),
        (lambda i: i % 3, 59, "regression", ("y",)),  # 3 values are more than 5 % of 59 rows
        (lambda i: i % 20, 400, "classification", tuple(map(str, range(20)))),
        (lambda i: i % 21, 1000, "regression", ("y",)),
        (lambda i: i % 2 + 0.5, 100, "regression", ("y",)),
    ],
)
def test_the_task_is_recognised_and_said(table, archive, target, count, task, names):
    data, report = read_table(table("x,y\n" + rows(count, lambda i: f"{i},{target(i)}")))
    assert (data.task, data.target_names) == (task, names)
    said = "regression" if task == "regression" else f"classification with {len(names)} classes"
    assert report.lines[1] == f"y: target (the last column), {said}"
    arrays, report = read_table(archive(x=np.arange(count)[:, None], y=np.array([target(i) for i in range(count)])))
    assert (arrays.task, arrays.target_names) == (task, names)
    assert report.lines[1] == f"y: target, {said}"
    np.testing.assert_array_equal(arrays.y, data.y)


def test_the_task_can_be_said(table):
    path = table("x,y\n1,0\n2,1\n3,1\n")
    data, _ = read_table(path, task="regression")
    assert (data.task, data.y.dtype, data.y.tolist()) == ("regression", np.float32, [0, 1, 1])
    halves = table("x,y\n" + rows(9, lambda i: f"{i},{i % 3 / 2}"))
    data, _ = read_table(halves, task="classification")
    assert (data.target_names, data.y.tolist()) == (("0.0", "0.5", "1.0"), [0, 1, 2] * 3)


@pytest.mark.parametrize("header", ["0,1,2", "1,2,3", "1990,b,3"])
def test_a_header_may_count_the_columns(table, header):
    assert read_table(table(f"{header}\n5,6,7\n7,8,9\n"))[0].feature_names == tuple(header.split(",")[:2])


def test_columns_that_tell_nothing_or_are_too_fine_are_said(table):
    path = table("a,stamp,y\n" + rows(50, lambda i: f"5,{1_700_000_000 + i},{i / 2}"))
    assert read_table(path)[1].lines[2:] == (
        "numbers: a, stamp",
        "a: 5 in every row, so that it tells nothing",
        "stamp: of 50 distinct values float32 keeps 1 apart: subtract or multiply something",
    )


# --- missing values


def test_missing_values_are_dropped_or_filled_only_when_asked(table):
    path = table("a,b,y\n1,1,0.5\nNA,2,1.5\n4,?,2.5\n,4,3.5\n7,5,4.5\n")
    with pytest.raises(ValueError, match=r"t.csv, line 3, column 'a': the value is missing \(one of 3 in the table\)"):
        read_table(path)
    data, report = read_table(path, missing="drop")
    assert (data.x.tolist(), data.y.tolist()) == ([[1, 1], [7, 5]], [0.5, 4.5])
    assert report.lines[1] == "dropped 3 rows with missing values: in the file, line 3, 4, 5"
    data, report = read_table(path, missing="mean")
    np.testing.assert_allclose(data.x, [[1, 1], [4, 2], [4, 3], [4, 4], [7, 5]])
    assert report.lines[-2:] == (
        "a: 2 missing values filled with the mean, 4",
        "b: 1 missing value filled with the mean, 3",
    )


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,y\n1,2\n3,\n", {"missing": "mean"}, "line 3, column 'y': the target is missing, and a mean"),
        ("a,y\n,2\n3,\n", {}, r"line 3, column 'y': the target .* \(one of 2 in the table\): set missing to drop$"),
        ("a,y\n,2\n3,4\n", {}, "line 2, column 'a': the value is missing: set missing to mean or drop$"),
        ("a,b,y\n,1,2\n,3,4\n", {}, "column 'a' has no values at all: leave it out by ignore"),
        ("a,b,y\n,1,2\n,3,4\n", {"missing": "drop"}, "column 'a' has no values at all"),
        ("a,c,y\n1,r,2\n3,,4\n", {"missing": "mean"}, "line 3, column 'c': .* texts have no mean"),
        ("a,y\n,2\n3,\n", {"missing": "drop"}, "every row has a missing value"),
        ("a,b,y\n,1,2\n,3,4\n", {"missing": "mean"}, "column 'a' has no values at all"),
        ("a,y\n1,2\n", {"missing": "zero"}, "missing must be 'error', 'mean', 'drop' or 'category', not 'zero'"),
    ],
)
def test_what_cannot_be_filled_or_dropped(table, content, options, message):
    with pytest.raises(ValueError, match=message):
        read_table(table(content), **options)


# --- columns left out


def test_an_identifier_is_refused_unless_it_is_ignored(table):
    path = table("id,a,y\n" + rows(21, lambda i: f"k{i},{i},{i / 2}"))
    with pytest.raises(ValueError, match="column 'id' is text with 21 distinct values in 21 rows, as an identifier"):
        read_table(path)
    data, report = read_table(path, ignore=["id"])
    assert data.feature_names == ("a",)
    assert "id: ignored" in report.lines
    assert read_table(path, ignore="id")[0].feature_names == ("a",)
    few = table("id,y\n" + rows(20, lambda i: f"k{i},{i / 2}"))
    assert read_table(few)[0].n_features == 20
    repeated = table("id,y\n" + rows(42, lambda i: f"k{i % 21},{i / 2}"))
    assert read_table(repeated)[0].n_features == 21


def test_names_that_are_not_there_get_the_closest(table):
    path = table("alcohol,quality\n1,2\n2,3\n")
    with pytest.raises(ValueError, match=r"no column 'qualty' in t.csv: did you mean quality"):
        read_table(path, target="qualty")
    with pytest.raises(ValueError, match=r"no column 'alcool' in t.csv: did you mean alcohol"):
        read_table(path, ignore=["alcool"])
    with pytest.raises(ValueError, match="'quality' is the target and in ignore"):
        read_table(path, "quality", ignore=["quality"])
    with pytest.raises(ValueError, match="has 1 column to use"):
        read_table(path, ignore=["quality"])


# --- what is refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "t.csv is empty"),
        ("\n \n", "t.csv is empty"),
        ("a,b\n", "t.csv has a header and no rows"),
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both called 'a'"),
        ("a,b\n1,2\n3\n", "line 3: the header has 2 fields, this row only 1"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4: the header has 2 fields, this row more than 2"),
        ("a,b\n1,2\n3,4,5,6,7\n", "line 3: .* this row more than 2"),
        ('a,b\n"x\ny",2\n3\n', "line 4: .* this row only 1"),
        ('a,b\n1,2\n"3,4\n5,6\n', "line 3: a quotation mark is opened and not closed"),
        ("a,b\n1,2\nn\xe9,3\n".encode("latin1"), "line 3: byte 0xe9 is not UTF-8"),
        (b"a,b\n1,\x002\n", "line 2: a zero byte"),
        ("a,b\n1,2\n12 kg,3\n", "line 3, column 'a': '12 kg' is not a finite number"),
        ("a,b\n11 kg,2\n12 kg,3\n", "line 2, column 'a': '11 kg' is not a finite number.*write a number alone"),
        ("a;b\n1,5;2\n2,5;3\n", "line 2, column 'a': '1,5' is not .*write a point before the decimals"),
        ("a,b\n1,2\ninf,3\n", "line 3, column 'a': inf is not a finite number"),
        ("a,b\n1,2\n1e39,3\n", "line 3, column 'a': 1e\\+39 is beyond float32"),
        ("a,b\n1,2\n2,-1e40\n", "line 3, column 'b': -1e\\+40 is beyond float32: change its unit"),
        ("a,b\n1,2\n-,3\n", "line 3, column 'a': '-' is not .*, or nothing where it is missing"),
        ('a,b\n1,"2,000"\n2,"3,000"\n', "line 2, column 'b': '2,000' is not .* nothing between thousands"),
        ("a,b\n1,5\n2,5\n", "column 'b' is 5.0 in every row"),
        ("a,b\n1,5\n", "has a single row to use"),
        ("a:b\n1:2\n2:3\n", "has 1 column to use: .* parted by commas, tabs or semicolons"),
        ("a,a=x,b\nx,1,5\ny,2,6\n", "two features would be called 'a=x'"),
    ],
)
def test_what_a_table_is_refused_for(table, content, message):
    with pytest.raises(ValueError, match=message) as refused:
        read_table(table(content))
    assert "\n" not in str(refused.value)


def test_tasks_that_a_target_cannot_have(table):
    texts = table("a,y\n1,no\n2,yes\n")
    with pytest.raises(ValueError, match=r"column 'y' is text .*a regression needs numbers"):
        read_table(texts, task="regression")
    with pytest.raises(ValueError, match="task must be"):
        read_table(texts, task="ranking")
    with pytest.raises(ValueError, match="30 distinct values in 30 rows: too many for classes"):
        read_table(table("a,y\n" + rows(30, lambda i: f"{i},name {i}")))


def test_a_file_that_is_none_of_these_or_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"t.xlsx is not a CSV, TSV or NPZ file"):
        read_table(tmp_path / "t.xlsx")
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


# --- NPZ


def test_arrays_of_an_archive(archive):
    images = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    data, report = read_table(archive(X=images, y=np.array(["b", "a", "b", "a"])))
    assert (data.image_shape, data.feature_names[-1]) == ((2, 3), "x6")
    np.testing.assert_array_equal(data.x, images.reshape(4, 6))
    assert (data.y.tolist(), data.target_names) == ([1, 0, 1, 0], ("a", "b"))
    assert report.lines[0] == "t.npz: 4 rows, 6 features in X of shape (4, 2, 3)"
    x = np.ones((4, 2))
    data, report = read_table(archive(x=x, y=np.eye(4)[:, :2]))
    assert (data.y.shape, data.target_names, data.task) == ((4, 2), ("y1", "y2"), "regression")
    assert report.lines[1] == "y: target, regression with 2 targets"
    assert read_table(archive(x=x, y=np.array([[1], [2], [1], [2]])))[0].y.tolist() == [0, 1, 0, 1]
    assert read_table(archive(x=x, z=np.array([0, 1, 1, 0])), target="z")[0].y.tolist() == [0, 1, 1, 0]


def test_an_archive_may_hold_columns(archive):
    path = archive(a=np.arange(4), b=np.array([0.5, 1, 2, 3]), price=np.array([1.5, 2, 3, 4]))
    data, report = read_table(path, target="price")
    assert (data.feature_names, data.target_names, data.task) == (("a", "b"), ("price",), "regression")
    np.testing.assert_array_equal(data.x, [[0, 0.5], [1, 1], [2, 2], [3, 3]])
    assert report.lines[0] == "t.npz: 4 rows, 2 features in columns of shape (4, 2)"
    with pytest.raises(ValueError, match=r"no array 'y' in t.npz: They are a, b, price"):
        read_table(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((3, 2))}, "no array 'y' in t.npz: They are x"),
        ({"y": np.ones(3)}, "no array 'x' in t.npz: They are y"),
        ({"a": np.ones(3), "b": np.ones(4), "y": np.ones(3)}, "no array 'x' in t.npz: They are a, b, y"),
        ({"a": np.array(["p", "q"]), "y": np.ones(2)}, "'columns' must hold numbers, not <U1"),
        ({"x": np.array([[1.0, 2], [3, 1e300]]), "y": np.arange(2)}, "a feature, row 1: 1e.300 is beyond float32"),
        ({"x1": np.ones((3, 2)), "y": np.arange(3)}, "no array 'x' in t.npz: did you mean x1"),
        ({"x": np.ones((3, 2)), "y": np.array([1, "a", None], object)}, "array 'y' cannot be read: Object arrays"),
        ({"x": np.ones(3), "y": np.arange(3)}, r"'x' must have 2 or more axes and values, not \(3,\)"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, r"and values, not \(0, 2\)"),
        ({"x": np.array([["a"], ["b"]]), "y": np.arange(2)}, "'x' must hold numbers"),
        ({"x": np.ones((2, 2)), "y": np.array([1j, 2])}, "must hold numbers, booleans or texts"),
        ({"x": np.ones((3, 2)), "y": np.arange(4)}, "3 examples but 4 targets"),
        ({"x": np.array([[1, np.nan], [1, 2]]), "y": np.arange(2)}, "row 0, column 'x2' is nan"),
        ({"x": np.ones((2, 2)), "y": np.array([1, np.inf])}, "row 1 is inf, not a finite number"),
        ({"x": np.ones((2, 2)), "y": np.array([["a", "b"], ["c", "d"]])}, r"has shape \(2, 2\): classes must be"),
    ],
)
def test_what_an_archive_is_refused_for(archive, arrays, message):
    with pytest.raises(ValueError, match=message):
        read_table(archive(**arrays))


def test_files_that_are_no_archives(tmp_path, archive):
    path = tmp_path / "a.npz"
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"a.npz is not an NPZ archive"):
        read_table(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match=r"a.npz is not an NPZ archive"):
        read_table(path)
    whole = archive(x=np.ones((50, 2)), y=np.arange(50))
    content = bytearray(whole.read_bytes())
    content[300] ^= 1  # inside the numbers of x
    path.write_bytes(content)
    with pytest.raises(ValueError, match="array 'x' cannot be read: Bad CRC"):
        read_table(path)
    with pytest.raises(ValueError, match="are for CSV and TSV"):
        read_table(whole, missing="drop")
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.npz")
