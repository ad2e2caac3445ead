"""What every command writes: in any encoding, into pipes that close, and nothing that a terminal would obey."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from tui.cli import COMMANDS
from tui.exits import MEANINGS, Exit
from tui.streams import UNSAFE, bare, counting, safe

from .test_cli import LEFT_THE_SCREEN, terminal  # noqa: F401 - a fixture

pytestmark = pytest.mark.program

ROOT = Path(__file__).parents[2]
# A way to call each command, the quickest that writes what it has to say; what it exits with.
CALLS = {
    "run": (["run", "--data", "iris", "--epochs", "2"], 0),
    "run --json": (["run", "--data", "iris", "--epochs", "2", "--json"], 0),
    "run on nothing": (["run", "--data", "ïrïs"], 2),
    "graph": (["graph", "--data", "iris"], 0),
    "graph -o -": (["graph", "--data", "iris", "-o", "-", "--format", "dot"], 0),
    "graph -o FILE": (["graph", "--data", "iris", "-o", "graph.dot"], 0),
    "lr-find": (["lr-find", "--data", "iris"], 0),
    "lr-find --json": (["lr-find", "--data", "iris", "--json"], 0),
    "runs": (["runs"], 0),
    "runs --json": (["runs", "--json"], 0),
    "resume": (["resume", "last", "--no-screen"], 0),
    "replay": (["replay", "last"], 2),  # there is no terminal
    "compare": (["compare", "last", "last"], 0),
    "compare --json": (["compare", "last", "last", "--json"], 0),
    "export": (["export", "last", "-o", "export.csv", "--force"], 0),
    "export -o -": (["export", "last", "-o", "-", "--format", "csv"], 0),
    "knobs": (["knobs"], 0),
    "knobs NAME": (["knobs", "l2"], 0),
    "--version": (["--version"], 0),
    "--help": (["--help"], 0),
    **{f"{name} --help": ([name, "--help"], 0) for name in COMMANDS},
    "no terminal": (["--data", "iris"], 2),
    "mistyped": (["rnu"], 2),
}
# All of them in one process, for the interpreter takes most of the time; a line to standard error between them.
ALL = """
import json, sys
from tui.cli import main
for name, arguments, expected in json.loads(sys.argv[1]):
    print(f"== {name}", file=sys.stderr, flush=True)
    code = main(arguments)
    if code != expected:
        print(f"{name} ended with {code}, not {expected}", file=sys.stderr)
        sys.exit(99)
"""
ENCODINGS = ["ascii", "latin-1", "cp1252", "cp437", "shift_jis", "cp037", "utf-16", "utf-7", "utf-8"]


def environment(home: Path, **settings: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NN_DEBUG_HOME": str(home), "COLUMNS": "100", **settings}


def calls() -> str:
    return json.dumps([(name, arguments, code) for name, (arguments, code) in CALLS.items()])


def test_every_command_is_among_the_calls():
    assert {arguments[0] for arguments, _ in CALLS.values()} >= set(COMMANDS) - {"completion"}


@pytest.mark.parametrize(
    "settings",
    [{"PYTHONIOENCODING": name} for name in ENCODINGS]
    + [{"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}],
    ids=lambda settings: " ".join(f"{k}={v}" for k, v in settings.items()),
)
def test_every_command_writes_in_every_encoding(settings, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ALL, calls()],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment(tmp_path / "runs", **settings),
        timeout=300,
    )
    encoding = settings.get("PYTHONIOENCODING", "ascii")
    errors = done.stderr.decode(encoding)
    assert done.returncode == 0, errors
    assert "Traceback" not in errors
    assert "macro" in done.stdout.decode(encoding, "replace")  # of the report


@pytest.mark.parametrize("name", CALLS)
def test_every_command_ends_as_it_should_when_nobody_reads_it(name, tmp_path):
    arguments, code = CALLS[name]
    home = tmp_path / "runs"
    if "last" in arguments:
        first = [sys.executable, "-m", "tui.cli", "run", "--data", "xor", "--epochs", "1"]
        subprocess.run(first, env=environment(home), capture_output=True, check=True, timeout=120)
    reading, writing = os.pipe()
    os.close(reading)
    broken = subprocess.run(
        [sys.executable, "-m", "tui.cli", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment(home),
        timeout=120,
    )
    os.close(writing)
    assert broken.returncode == (Exit.BROKEN_PIPE if code == 0 else code), broken.stderr
    for words in (b"Traceback", b"Exception ignored", b"BrokenPipe"):
        assert words not in broken.stderr


@pytest.mark.parametrize("name", ["run", "graph", "runs", "knobs", "--help", "--version", "run --json", "graph -o -"])
def test_output_that_is_closed_or_full_is_told(name, tmp_path):
    command = " ".join([sys.executable, "-m", "tui.cli", *CALLS[name][0]])
    for end, words in ((">&-", "standard output is closed"), ("> /dev/full", "No space left on device")):
        if "full" in end and not Path("/dev/full").exists():
            continue
        done = subprocess.run(
            f"{command} {end}",
            shell=True,
            capture_output=True,
            text=True,
            env=environment(tmp_path / "runs"),
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == Exit.CANNOT, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_what_is_closed_besides_does_no_harm(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m tui.cli run --data xor --epochs 1 <&- 2>&-",
        shell=True,
        capture_output=True,
        text=True,
        env=environment(tmp_path / "runs"),
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0
    assert "no findings" in done.stdout
    (file,) = (tmp_path / "runs").iterdir()
    assert file.read_bytes().startswith(b"SQLite")  # and no message in the midst of it


# --- what a terminal would obey

EVIL = "\x1b]0;pwned\x07\x9b31m\u202eevil\u2066\r\x00\x7f\u2028\u200b"
HOSTILE = f"""
import numpy as np
from tinygrad_nn import nn
from tinygrad_nn.data import Dataset
from tinygrad_nn.training import Experiment, Hyperparameters
EVIL = {EVIL!r}
x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
class Net(nn.Module):
    def __init__(self, rng):
        setattr(self, "layer" + EVIL, nn.Linear(2, 2, rng=rng))
    def forward(self, x):
        return getattr(self, "layer" + EVIL)(x)
class Evil(Experiment):
    dataset = Dataset("data" + EVIL + "\\udce9", x, (x[:, 0] > 0).astype(int), ("a" + EVIL, "b"),
                      ("no" + EVIL + "\\udce9", "yes" + EVIL), "classification")
    hyperparameters = Hyperparameters(epochs=2, lr=0.1)
    def model(self, hp, train, rng):
        return nn.Sequential(Net(rng))
    def loss(self, hp, train):
        if hp.seed == 7:
            raise ValueError("oh" + EVIL)
        return nn.CrossEntropyLoss()
    def targets(self, hp, part):
        return part.y
evil = Evil(name="name" + EVIL + "\\udce9", notes=("note" + EVIL,))
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "evil.py"], 0),
        (["run", "evil.py", "--set", "seed=7"], 2),
        (["run", f"no{EVIL.replace(chr(0), '')}.py"], 2),
        (["run", f"no{EVIL.replace(chr(0), '')}"], 2),
        (["run", "--data", f"no{EVIL.replace(chr(0), '')}.csv"], 2),
        (["run", f"--no{EVIL.replace(chr(0), '')}"], 2),
        (["run", "--set", f"lr{EVIL.replace(chr(0), '')}=1"], 2),
        (["graph", "evil.py"], 0),
        (["lr-find", "evil.py"], 2),
        (["runs"], 0),
        (["compare", "last", "last"], 0),
        (["run", "evil.py", "--json"], 0),
        (["lr-find", "evil.py", "--json"], 2),
        (["runs", "--json"], 0),
        (["compare", "last", "last", "--json"], 0),
        (["export", "last", "-o", f"no{EVIL.replace(chr(0), '')}/x.csv"], 2),
        (["replay", f"no{EVIL.replace(chr(0), '')}.nndb"], 2),
    ],
    ids=lambda value: " ".join(map(ascii, value)) if isinstance(value, list) else str(value),
)
def test_names_are_shown_and_not_obeyed(arguments, code, tmp_path):
    (tmp_path / "evil.py").write_text(HOSTILE, encoding="utf-8")
    command = [sys.executable, "-m", "tui.cli"]
    home = environment(tmp_path / "runs")
    if arguments[0] in ("runs", "compare", "export"):
        subprocess.run([*command, "run", "evil.py"], cwd=tmp_path, env=home, capture_output=True, timeout=120)
    if arguments[0] == "lr-find":
        arguments = [*arguments, "--batches", "20"]
    done = subprocess.run([*command, *arguments], capture_output=True, cwd=tmp_path, env=home, timeout=120)
    written = (done.stdout + done.stderr).decode("utf-8")
    assert done.returncode == code, written
    assert not UNSAFE.search(written.replace("\n", "")), ascii(written)
    assert "\\x1b]0;pwned" in written or "\\u001b]0;pwned" in written or "evil.py" in " ".join(arguments)


def test_the_app_sends_none_of_it_to_its_terminal(terminal, tmp_path):  # noqa: F811
    (tmp_path / "evil.py").write_text(HOSTILE, encoding="utf-8")
    app = terminal("evil.py", "--fast", "--no-record", columns=140, rows=44)
    app.read_until(b"finished")
    for key, shown in ((b"g", b"Graph"), (b"\x1b", b"finished"), (b"q", LEFT_THE_SCREEN)):
        app.written, before = b"", app.written
        os.write(app.master, key)
        app.read_until(shown)
        app.written = before + app.written
    text = app.written.decode("utf-8", "replace")
    assert "pwned" in text
    assert "\x1b]0;pwned" not in text
    for character in set(EVIL) - {"\x1b", "\r", "\x07", "\x00"} - set("0;pwned31mevil]"):
        assert character not in text, ascii(character)
    assert "\x9b" not in text


def test_what_is_unsafe_is_escaped_and_nothing_else():
    kinds = {"Cc", "Cs", "Zl", "Zp"}
    turning = {"L", "R", "AL", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} - {"L", "R", "AL"}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in kinds or unicodedata.bidirectional(character) in turning:
            assert safe(character).isprintable(), hex(code)
            assert safe(character).isascii()
            assert UNSAFE.search(bare(character)) is None
        elif character.isprintable() and not UNSAFE.match(character):
            assert safe(character) == bare(character) == character
    assert safe("a\n\tb\r", lines=True) == "a\n\tb\\r"
    assert safe("a\nb") == "a\\nb"
    assert safe("caf\udce9") == "caf\\xe9"
    for fine in ("naïve Größe", "日本語", "x² → ∇", "👩‍👩‍👧", "می‌خواهم", "a\u00a0b"):
        assert safe(fine) == bare(fine) == fine


def test_nothing_is_printed_but_by_what_makes_it_safe():
    """`print` and Rich's Console are named in one file alone; standard streams are written to there, too."""
    for path in (ROOT / "tui").rglob("*.py"):
        if path.name == "streams.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = ast.unparse(node.func)
                assert called not in ("print", "Console", "sys.stdout.write", "sys.stderr.write"), (path, node.lineno)


# --- exit codes


@pytest.mark.parametrize("command", ["run", "graph", "lr-find"])
def test_a_crash_of_ours_is_told_as_ours(command, tmp_path):
    crash = (
        "import sys; from tinygrad_nn.training.trainer import Trainer\n"
        "def broken(*_): raise KeyError('ours')\n"
        "Trainer._first_look = broken\n"
        "from tui.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", crash, command, "--data", "xor"],
        capture_output=True,
        text=True,
        env=environment(tmp_path / "runs"),
        timeout=120,
    )
    assert done.returncode == Exit.CRASH
    assert done.stderr.startswith("nn-debug: this is a crash of nn-debug, not of your experiment: please report it")
    assert "KeyError: 'ours'" in done.stderr
    assert "Traceback" in done.stderr


def test_a_crash_of_the_screen_is_told_as_ours(terminal):  # noqa: F811
    crash = (
        "import sys\nfrom tui.screens.main import MainScreen\n"
        "def broken(*_): raise KeyError('ours')\n"
        "MainScreen.draw_charts = broken\n"
        "from tui.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    app = terminal("--data", "xor", command=[sys.executable, "-c", crash])
    app.read_until(b"this is a crash of nn-debug, not of your experiment: please report it")
    assert app.process.wait(timeout=30) == Exit.CRASH
    assert b"KeyError" in app.written


@pytest.mark.parametrize(
    ("command", "raised"),
    [
        (command, raised)
        for command in ("run", "graph", "lr-find")
        for raised in ("ZeroDivisionError()", "SystemExit(0)", "MemoryError()", "OSError('theirs')")
        if (command, raised) != ("run", "SystemExit(0)")  # that is for the headless run to hear
    ],
)
def test_an_error_in_the_experiment_is_the_users(command, raised, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from tinygrad_nn.training import Experiment\nclass Mine(Experiment):\n"
        f"    def model(self, hp, train, rng):\n        raise {raised}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", command, "mine.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path / "runs"),
        timeout=120,
    )
    assert done.returncode == Exit.CANNOT
    assert done.stderr.startswith("nn-debug: Mine failed\n")
    assert 'mine.py", line 4, in model' in done.stderr
    assert "tinygrad_nn/" not in done.stderr


def test_the_exit_codes_are_documented_once():
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("| ") and line.split()[1].isdigit()]
    assert table == [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    assert set(MEANINGS) == set(Exit)


# --- JSON


def test_json_is_all_there_is_on_standard_output_whatever_the_experiment_prints(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import os\nfrom tinygrad_nn.training import Experiment, Hyperparameters\nprint('loaded')\n"
        "class Mine(Experiment):\n    dataset = 'iris'\n    hyperparameters = Hyperparameters(epochs=2)\n"
        "    notes = ('a note',)\n"
        "    def optimizer(self, hp, parameters):\n        print('by Python')\n        os.system('echo by a program')\n"
        "        return super().optimizer(hp, parameters)\n"
    )
    for arguments in (["run", "mine.py", "--json"], ["lr-find", "mine.py", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", *arguments],
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path / "runs"),
            timeout=120,
        )
        assert done.returncode == 0
        found = json.loads(done.stdout)
        assert found["experiment"] == "Mine"
        for words in (b"loaded", b"a note", b"by Python", b"by a program"):
            assert words in done.stderr


def test_the_keys_of_json_are_those_that_are_documented(tmp_path):
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    def keys(*arguments: str, code: int = 0) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tui.cli", *arguments],
            capture_output=True,
            cwd=tmp_path,
            env=environment(tmp_path / "runs"),
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        return _paths(json.loads(done.stdout))

    diverging = ("--data", "xor", "--set", "lr=1000", "--set", "optimizer=sgd", "--set", "l2=10")
    run = keys("run", *diverging, "--json", code=1)
    assert any(key.startswith("findings[].remedies[].") for key in run)
    for command, found in {
        "run": run,
        "lr-find": keys("lr-find", "--data", "iris", "--json"),
        "runs": keys("runs", "--json"),
        "compare": keys("compare", "last", "last", "--json"),
    }.items():
        section = page.split(f"### `nn-debug {command} --json`")[1].split("\n### ")[0].split("\n## ")[0]
        documented = {line.split("`")[1] for line in section.splitlines() if line.startswith("| `")}
        assert documented == found


def _paths(value: object, before: str = "") -> set[str]:
    """The keys of JSON, with those whose own keys are names (of hyperparameters, of numbers) left as they are."""
    if isinstance(value, list):
        return set().union(*(_paths(item, f"{before}[]") for item in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, item in value.items():
        path = f"{before}.{key}" if before else key
        inner = set() if key in ("hyperparameters", "numbers", "changes", "differences") else _paths(item, path)
        found |= inner or {path}
    return found


def test_a_number_that_is_none_is_null(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tui.cli",
            "run",
            "--data",
            "xor",
            "--set",
            "lr=1000",
            "--set",
            "optimizer=sgd",
            "--json",
        ],
        capture_output=True,
        cwd=tmp_path,
        env=environment(tmp_path / "runs"),
        timeout=120,
    )

    def refuse(word: str) -> None:
        raise AssertionError(word)

    found = json.loads(done.stdout, parse_constant=refuse)
    assert any(layer["zero_fraction"] is None or layer["saturated_fraction"] is None for layer in found["layers"])


def test_a_stream_of_somebodys_own_is_left_alone(monkeypatch):
    from tui.streams import prepare, say

    own = io.StringIO()
    monkeypatch.setattr(sys, "stdout", own)
    prepare()
    say("→ \x1b")
    assert own.getvalue() == "→ \\x1b\n"


def test_who_waits_at_a_terminal_sees_the_seconds(monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with counting(patience=0):
        until = time.monotonic() + 60
        while "nn-debug: 1 s" not in screen.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert "nn-debug: 1 s" in screen.getvalue()
    with counting():
        pass
    assert screen.getvalue().endswith("\r")  # the next line is written over it

    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with counting(patience=0):
        pass
    assert not file.getvalue()
