"""The command line as a person uses it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tui.cli import COMMANDS
from tui.exits import MEANINGS

from .terminals import COMMAND, ROOT, Terminal

pytestmark = pytest.mark.program


def nn_debug(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env=environment,
        **options,
    )


def test_run_trains_reports_and_exits_with_0():
    done = nn_debug("run", "--data", "xor", "--epochs", "60", "--no-record")
    assert (done.returncode, done.stderr) == (0, "")
    assert "xor: 60 epochs, 780 steps" in done.stdout
    assert "Linear 2→8" in done.stdout
    assert "no findings" in done.stdout


def test_run_says_how_good_the_model_is_class_by_class_and_what_auto_took():
    done = nn_debug("run", "--data", "iris", "--epochs", "20")
    assert done.returncode == 0
    assert "init auto: he_normal in layer 1, xavier_uniform in layer 2" in done.stdout
    for name in ("setosa", "versicolor", "virginica", "macro"):
        (row,) = [line for line in done.stdout.splitlines() if line.startswith(f"│ {name}") and "." in line]
        precision, recall, f1 = (float(cell) for cell in row.split("│")[2:5])
        assert 0 <= min(precision, recall) <= f1 <= max(precision, recall) <= 1
        assert row.split("│")[5].strip() == ("30" if name == "macro" else "10")
    _, matrix = done.stdout.split("predicted as")
    assert sum(int(cell) for cell in matrix.split("training")[0].split() if cell.isdigit()) == 30
    assert "BIC" in done.stdout
    assert "init auto" not in nn_debug("run", "--data", "xor", "--epochs", "1", "--set", "init=normal").stdout


def test_run_gives_errors_in_the_unit_of_the_target():
    done = nn_debug("run", "--data", "diabetes", "--epochs", "20")
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("│ progression")]
    mean_absolute, root_mean_square, r2 = (float(cell) for cell in row.split("│")[2:5])
    assert 30 < mean_absolute < root_mean_square < 80
    assert 0.2 < r2 < 0.6


def test_the_worst_of_many_classes_are_shown(tmp_path):
    (tmp_path / "many.csv").write_text("a,kind\n" + "".join(f"{i % 12},[red]{i % 12}\n" for i in range(240)))
    done = nn_debug("run", "--data", "many.csv", "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the 10 of 12 classes with the lowest F1" in done.stdout
    assert done.stdout.count("[red]") == 10  # a name is shown as it is
    assert "predicted as" not in done.stdout


def test_an_experiment_in_toml_is_run_and_may_be_changed(tmp_path):
    (tmp_path / "my.toml").write_text('name = "by hand"\ndata = "moons"\n[hyperparameters]\nhidden = [5]\nepochs = 9\n')
    for first in (["run"], []):
        done = nn_debug(*first, "my.toml", "--set", "epochs=3", "--set", "noise=0.3", cwd=tmp_path)
        if first:
            assert done.returncode == 0, done.stderr
            assert "by hand: 3 epochs" in done.stdout
            assert "Linear 2→5" in done.stdout
        else:
            assert "this is not a terminal" in done.stderr  # it was read, and only the screen is missing
    (tmp_path / "my.toml").write_text("[hyperparameters]\nlr = 0\n")
    done = nn_debug("run", "my.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "nn-debug: my.toml, line 2: lr must be a number above 0 to 1000; 0 is not\n",
    )


def test_run_exits_with_1_when_a_fault_was_found():
    done = nn_debug(
        *("run", "--data", "spiral", "--epochs", "10"),
        *("--set", "activation=sigmoid", "--set", "hidden=8,8,8,8,8,8,8,8", "--set", "init=normal"),
    )
    assert done.returncode == 1
    assert "✖ 1" in done.stdout
    assert "vanishing gradient in layer 1, 2, 3" in done.stdout
    assert "--set activation=relu" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--data", "digitz"], "there is no data set 'digitz': did you mean digits?"),
        (["run", "missing.py"], "missing.py: no such file"),
        (["run", "--set", "lr=-1"], "lr must be a number above 0 to 1000; '-1' is not"),
        (["run", "--set", "nonsense=1"], "there is no hyperparameter 'nonsense'"),
        (["run", "--set", "lr"], "write name=value"),
        (["graph", "--depth", "-1"], "argument --depth: '-1' is not a whole number from 0 up"),
        (["graph", "--level", "all"], "argument --level: invalid choice: 'all'"),
        (["graph", "-o", "net.gif"], "net.gif: a picture ends in .svg, .png or .pdf"),
        (["graph", "-o", "nowhere/net.dot"], "nowhere/net.dot"),
        (["lr-find", "--batches", "5"], "--batches must be at least 20, not 5"),
        (["lr-find", "--data", "digitz"], "did you mean digits?"),
        (["run", "--epochs", "0"], "epochs must be a whole number from 1"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["a.py", "--data", "xor"], "an experiment file or --data, not both"),
        (["a.toml", "--target", "y"], "--target is for a table of your own"),
        ([], "this is not a terminal: use nn-debug run"),
    ],
)
def test_bad_input_gets_one_clear_line_and_code_2(arguments, message):
    done = nn_debug(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("nn-debug: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_lr_find_draws_the_curve_and_suggests_a_learning_rate_to_set():
    done = nn_debug("lr-find", "--data", "iris", "--set", "optimizer=sgd")
    assert (done.returncode, done.stderr) == (0, "")
    assert "iris: learning-rate range test" in done.stdout
    assert {"▲", "┤", "┬"} < set(done.stdout)
    assert "1e-06" in done.stdout
    setting = done.stdout.split("suggested: --set ")[1].strip()
    assert 1e-3 < float(setting.removeprefix("lr=")) < 1
    assert nn_debug("run", "--data", "iris", "--epochs", "1", "--set", setting).returncode == 0


def test_lr_find_exits_with_2_when_the_curve_says_nothing_and_when_the_experiment_fails(tmp_path):
    silent = nn_debug("lr-find", "--data", "spiral", "--batches", "20")
    assert silent.returncode == 2
    assert "hardly fallen" in silent.stdout
    assert "suggested" not in silent.stdout
    text = "from tinygrad_nn.training import Experiment\nclass Mine(Experiment):\n    def data(self, hp, rng):\n"
    failing = nn_debug("lr-find", written(tmp_path, text + "        1 / 0\n"), cwd=tmp_path)
    assert failing.returncode == 2
    assert "nn-debug: Mine failed" in failing.stderr
    assert "1 / 0" in failing.stderr


MESSY = """id,area,heating,new,price
1,50.5,gas,yes,100.0
2,61,oil,no,120.5
3,75,gas,no,151
4,,oil,yes,180
""" + "".join(
    f"{i},{40 + i},{'gas' if i % 3 else 'none'},{'yes' if i % 2 else 'no'},{80 + 2.5 * i}\n" for i in range(5, 40)
)


def test_a_table_of_ones_own_is_trained_on_and_what_was_done_is_said(tmp_path):
    (tmp_path / "houses.csv").write_text(MESSY)
    table = ("run", "--data", "houses.csv", "--target", "price", "--epochs", "40")
    done = nn_debug(*table, cwd=tmp_path)
    assert done.returncode == 2
    assert "houses.csv" in done.stderr
    assert "area" in done.stderr
    assert "line 5" in done.stderr
    done = nn_debug(*table, "--missing", "mean", "--ignore", "id", "--set", "lr=0.02", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "id: ignored" in done.stdout
    assert "heating" in done.stdout
    assert "price" in done.stdout
    assert "regression" in done.stdout
    assert float(done.stdout.split("R² ")[1].split()[0]) > 0.8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "missing.csv"], "missing.csv: No such file"),
        (["--data", "digits", "--target", "x"], "are for a table of your own"),
        (["--data", "odd.xyz"], "odd.xyz"),
    ],
)
def test_a_table_that_cannot_be_used_gets_one_line(arguments, message, tmp_path):
    (tmp_path / "odd.xyz").write_text("a,b\n1,2\n")
    done = nn_debug("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def written(folder: Path, text: str) -> str:
    (folder / "mine.py").write_text(text)
    return "mine.py"


def test_an_experiment_file_is_run(tmp_path):
    (tmp_path / "beside.py").write_text("EPOCHS = 3\n")
    file = written(
        tmp_path,
        "from beside import EPOCHS\n"
        "from tinygrad_nn.training import Experiment, Hyperparameters\n"
        "class Mine(Experiment):\n"
        "    dataset = 'iris'\n"
        "    hyperparameters = Hyperparameters(epochs=EPOCHS)\n",
    )
    done = nn_debug("run", file, "--set", "hidden=7", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Mine: 3 epochs" in done.stdout
    assert "Linear 4→7" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ny = (1,\n", ["mine.py, line 2: '(' was never closed", "    y = (1,"]),
        ("import nothing_of_the_kind\n", ["mine.py", "line 1", "No module named 'nothing_of_the_kind'"]),
        ("raise SystemExit('no')\n", ["failed while it was loaded", "SystemExit: no"]),
        ("x = 1\n", ["mine.py defines no Experiment: it needs one"]),
        (
            "from tinygrad_nn.training import Experiment\nclass A(Experiment): pass\nclass B(Experiment): pass\n",
            ["mine.py defines 2 experiments"],
        ),
        (
            "from tinygrad_nn.training import Experiment\nclass A(Experiment):\n"
            "    def model(self, hp, train, rng):\n        return 1 / 0\n",
            ["A failed", 'mine.py", line 4, in model', "ZeroDivisionError"],
        ),
    ],
)
def test_a_mistake_in_an_experiment_file_is_shown_as_theirs(tmp_path, text, expected):
    done = nn_debug("run", written(tmp_path, text), cwd=tmp_path)
    assert done.returncode == 2
    for part in expected:
        assert part in done.stderr
    assert "tinygrad_nn/" not in done.stderr
    assert "tui/" not in done.stderr


@contextmanager
def begun(
    tmp_path: Path, epochs: int, number: signal.Signals, handler: signal.Handlers
) -> Iterator[subprocess.Popen[str]]:
    """A run that trains, started where the signal is handled so (a shell's background ignores SIGINT)."""
    ready = tmp_path / "ready"
    file = written(
        tmp_path,
        "from itertools import count\nfrom pathlib import Path\n"
        "from tinygrad_nn.training import Experiment, Hyperparameters\n"
        f"class Mine(Experiment):\n    dataset = 'xor'\n    hyperparameters = Hyperparameters(epochs={epochs})\n"
        "    def loss(self, hp, train):\n"
        "        loss, calls = super().loss(hp, train), count()\n"
        "        def counted(output, target):\n"
        "            if next(calls) == 50:\n                Path('ready').touch()\n"
        "            return loss(output, target)\n"
        "        return counted\n",
    )
    before = signal.signal(number, handler)
    try:
        running = subprocess.Popen(
            [*COMMAND, "run", file],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    finally:
        signal.signal(number, before)
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    with running:
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_run_reports_what_it_has_and_exits_cleanly(number, code, tmp_path):
    with begun(tmp_path, 1_000_000, number, signal.SIG_DFL) as running:
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert running.returncode == code
    assert " after " in err
    assert "Traceback" not in err
    assert "Mine:" in out


def test_under_nohup_a_run_goes_on_when_the_terminal_goes(tmp_path):
    with begun(tmp_path, 300, signal.SIGHUP, signal.SIG_IGN) as running:
        running.send_signal(signal.SIGHUP)
        _, err = running.communicate(timeout=60)
    assert running.returncode in (0, 1)
    assert "interrupted" not in err


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_every_command_has_a_help_that_fits_a_screen(command):
    from tinygrad_nn.data import registry

    done = nn_debug(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {' '.join(('nn-debug', *command))}")
    assert len(done.stdout.splitlines()) < 70
    if command in ((), ("run",), ("lr-find",), ("graph",)):
        assert "nn-debug knobs" in done.stdout
        for name in registry.names():
            assert f"\n  {name} " in done.stdout
        for code, meaning in MEANINGS.items():
            assert f"\n  {code.value:<4} {meaning}" in done.stdout


def test_the_help_lists_the_commands_before_anything_else():
    text = nn_debug("--help").stdout
    for name, help in COMMANDS.items():
        assert f"\n  {name:<12}{help}\n" in text.split("options:")[0]
    assert "momentum" not in text


def test_knobs_are_a_line_each_in_groups_and_all_is_said_of_one():
    from tinygrad_nn.training import KNOBS
    from tinygrad_nn.training.hyperparameters import GROUPS

    lines = nn_debug("knobs").stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for name, knob in KNOBS.items():
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.split()[1] == knob.show(knob.default)
        assert len(line.split()) > 3
    assert sorted(name for members in GROUPS.values() for name in members) == sorted(KNOBS)
    assert [line for line in lines if line in GROUPS] == list(GROUPS)
    one = nn_debug("knobs", "schedule").stdout
    assert KNOBS["schedule"].allowed in one
    assert " ".join(one.split()).endswith(KNOBS["schedule"].help)
    assert "did you mean momentum?" in nn_debug("knobs", "momentun").stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["rnu"], "did you mean nn-debug run?"),
        (["rnu", "--data", "iris"], "did you mean nn-debug run?"),
        (["lrfind"], "did you mean nn-debug lr-find?"),
        (["exprot", "last"], "did you mean nn-debug export?"),
        (["help"], "did you mean nn-debug --help?"),
        (["--data", "iris", "run"], "run is a command, which comes first: nn-debug run"),
        (["iris"], "iris is a data set: --data iris"),
        (["run", "iris"], "iris is a data set: --data iris"),
        (["run", "mooons"], "did you mean --data moons?"),
        (["zzz"], "nn-debug --help lists the commands"),
        (["my.csv"], "my.csv: a table is given as --data my.csv"),
        (["run", "./rnu"], "rnu: no such file"),
        (["rnu.py"], "rnu.py: no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_mistyped_is_not_taken_for_a_file(arguments, meant, tmp_path):
    (tmp_path / "my.csv").write_text("a,b\n1,2\n")
    done = nn_debug(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert meant in done.stderr or "this is not a terminal" in done.stderr
    assert done.stderr.count("\n") == 1
    if "this is not a terminal" in done.stderr:  # the screen is asked for before its file is read
        assert meant in nn_debug("run", *arguments, cwd=tmp_path).stderr


def test_threads_are_limited_before_numpy_comes_and_the_users_own_setting_stands():
    show = "import os; from tui.cli import limit_threads; limit_threads({}); print(os.environ['OPENBLAS_NUM_THREADS'])"

    def threads(arguments: str, **environment: str) -> str:
        clean = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
        done = subprocess.run(
            [sys.executable, "-c", show.format(arguments)],
            capture_output=True,
            text=True,
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
        )
        return done.stdout.strip()

    assert threads("[]") == "1"
    assert threads("['--threads', '2']") == "2"
    assert threads("[]", OPENBLAS_NUM_THREADS="3") == "3"
    assert threads("['--threads', '2']", OPENBLAS_NUM_THREADS="3") == "2"


@pytest.fixture
def terminal(tmp_path):
    opened: list[Terminal] = []

    def start(*arguments: str, **options) -> Terminal:
        opened.append(Terminal(*arguments, cwd=tmp_path, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


LEFT_THE_SCREEN = b"\x1b[?1049l"


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (lambda t: os.write(t.master, b"q"), 0),
        (lambda t: t.process.send_signal(signal.SIGTERM), 143),
        (lambda t: t.process.send_signal(signal.SIGHUP), 129),
    ],
    ids=["q", "SIGTERM", "SIGHUP"],
)
def test_the_app_runs_in_a_terminal_and_leaves_it_as_it_was(terminal, stop, code):
    app = terminal("--data", "xor")
    app.read_until(b"running")
    stop(app)
    app.read_until(LEFT_THE_SCREEN)
    assert app.process.wait(timeout=30) == code
    assert b"Traceback" not in app.written


def test_a_terminal_that_is_too_small_is_told_so(terminal):
    app = terminal(columns=30, rows=10)
    app.read_until(b"the terminal has 30x10 cells, the screen needs at least 60x18")
    assert app.process.wait(timeout=30) == 2


def test_an_experiment_that_hangs_does_not_keep_the_app_from_leaving(terminal, tmp_path):
    written(
        tmp_path,
        "import time\nfrom tinygrad_nn.training import Experiment\nclass Mine(Experiment):\n    dataset = 'xor'\n"
        "    def model(self, hp, train, rng):\n        time.sleep(600)\n",
    )
    app = terminal("mine.py")
    app.read_until(b"starting")
    os.write(app.master, b"q")
    app.read_until(LEFT_THE_SCREEN)
    assert app.process.wait(timeout=30) == 0


def test_the_screen_does_not_wait_for_what_takes_long_to_load(terminal, tmp_path):
    written(
        tmp_path,
        "import time\ntime.sleep(3)\nfrom tinygrad_nn.training import Experiment\nclass Mine(Experiment):\n"
        "    dataset = 'xor'\n    notes = ('a note',)\n",
    )
    app = terminal("mine.py", columns=140, rows=44)
    app.read_until(b"nn-debug: loading mine.py")
    app.read_until(b"loading the experiment and its data")
    assert b"running" not in app.written
    app.read_until(b"running")
    app.read_until(b"a note")
    os.write(app.master, b"q")
    app.read_until(LEFT_THE_SCREEN)
    assert app.process.wait(timeout=30) == 0


def test_a_screen_over_what_cannot_be_loaded_ends_with_why(terminal, tmp_path):
    written(tmp_path, "import time\ntime.sleep(3)\nraise ValueError('not today')\n")
    app = terminal("mine.py", columns=140, rows=44)
    app.read_until(b"loading the experiment and its data")
    app.read_until(LEFT_THE_SCREEN)
    app.read_until(b"ValueError: not today")
    assert app.process.wait(timeout=30) == 2
    assert b"mine.py failed while it was loaded" in app.written
    assert b"tinygrad_nn/" not in app.written


def test_what_is_loaded_is_said_before_anything_is(terminal):
    for arguments in (["run", "--data", "iris", "--epochs", "1"], ["graph", "--data", "iris"], ["lr-find"]):
        app = terminal(*arguments)
        app.read_until(b"nn-debug: loading ")
        assert app.written.splitlines()[0].startswith(b"nn-debug: loading ")
        app.process.kill()


@pytest.mark.parametrize(
    ("arguments", "late"),
    [
        (["--version"], ("numpy", "textual", "tinygrad_nn", "rich", "dataclasses", "pathlib", "tempfile")),
        (["knobs", "--help"], ("numpy", "textual", "tinygrad_nn", "rich")),
        (["run", "--nonsense"], ("numpy", "textual", "tinygrad_nn", "rich")),
        (["rnu"], ("textual", "rich", "pandas")),
        (["knobs"], ("textual", "rich", "pandas")),
        (["graph", "--data", "xor"], ("textual", "rich", "pandas")),
        (["run", "--data", "xor", "--epochs", "1"], ("textual.app", "pandas")),
        (["lr-find", "--data", "xor"], ("textual.app", "pandas")),
        (["runs"], ("textual", "pandas")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_what_a_command_needs_is_imported(arguments, late, tmp_path):
    show = (
        "import sys; from tui.cli import main; code = main(sys.argv[1:])\n"
        "print('imported:', *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", show, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NN_DEBUG_HOME": str(tmp_path)},
    )
    imported = done.stderr.split("imported:")[1].split()
    assert "tui.cli" in imported
    assert not set(late) & set(imported)
