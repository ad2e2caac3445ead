"""Weights in files: exchanged with PyTorch, whole or refused, and never half written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_nn import Tensor, nn, tensor

safetensors = pytest.importorskip("safetensors", reason="the extra `weights`")
numpy_files = pytest.importorskip("safetensors.numpy", reason="the extra `weights`")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def listing(file: Path) -> list[str]:
    return [entry.name for entry in file.parent.iterdir()]


# --- the same model here and in PyTorch


def ours() -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(1, 3, (3, 2), padding=1, rng=rng()),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(18, 7, rng=rng()),  # not square: a weight that lies the other way round cannot pass
        nn.BatchNorm1d(7),
        nn.Residual(nn.Sequential(nn.Linear(7, 7, bias=False, rng=rng()), nn.GELU(), nn.Dropout(0.5, rng=rng()))),
        nn.LayerNorm(7),
        nn.Linear(7, 2, rng=rng()),
    )
    generator = rng()
    for p in model.parameters():  # norms that only start with ones would hide a mix-up
        p.data += generator.normal(0, 0.2, p.shape)
    return model


def theirs() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")

    class Residual(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, module: Any) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: Any) -> Any:
            return x + self.module(x)

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, (3, 2), padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(18, 7),
        torch.nn.BatchNorm1d(7),
        Residual(
            torch.nn.Sequential(torch.nn.Linear(7, 7, bias=False), torch.nn.GELU(), torch.nn.Dropout(0.5)),
        ),
        torch.nn.LayerNorm(7),
        torch.nn.Linear(7, 2),
    )
    generator = torch.Generator().manual_seed(0)
    for p in model.parameters():
        p.data += 0.2 * torch.randn(p.shape, generator=generator)
    return model


IMAGES = rng().normal(size=(10, 1, 4, 6)).astype(np.float32)


def outputs(model: nn.Sequential, other: Any) -> tuple[Any, Any]:
    import torch

    return model.eval()(tensor(IMAGES)).data, other.eval()(torch.tensor(IMAGES)).detach().numpy()


def test_pytorch_reads_what_was_saved_here(file: Path) -> None:
    model, other = ours(), theirs()
    model(tensor(IMAGES))  # the running figures move away from where they start
    nn.save(model, file)
    state = pytest.importorskip("safetensors.torch").load_file(file)
    assert sorted(state) == sorted(other.state_dict())
    other.load_state_dict(state, strict=True)
    assert other[5].num_batches_tracked.item() == 1
    mine, its = outputs(model, other)
    np.testing.assert_allclose(mine, its, rtol=0, atol=1e-6)


def test_what_pytorch_saved_is_read_here(file: Path) -> None:
    model, other = ours(), theirs()
    import torch

    other(torch.tensor(IMAGES))
    pytest.importorskip("safetensors.torch").save_file(other.state_dict(), file)
    assert model.load_state_dict(nn.load(file)) == ([], [])
    assert list(model.state_dict()) == list(other.state_dict())
    mine, its = outputs(model, other)
    np.testing.assert_allclose(mine, its, rtol=0, atol=1e-6)


def test_parameters_that_pytorch_wrote_once_because_they_are_shared_have_all_their_names(file: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the independent implementation")
    layer, shared = torch.nn.Linear(2, 2), nn.Linear(2, 2)
    pytest.importorskip("safetensors.torch").save_model(torch.nn.Sequential(layer, torch.nn.Tanh(), layer), str(file))
    assert len(numpy_files.load_file(file)) == 2
    model = nn.Sequential(shared, nn.Tanh(), shared)
    model.load_state_dict(nn.load(file))
    assert (shared.weight.data == layer.weight.detach().numpy()).all()


def test_bfloat16_becomes_the_float32_of_the_same_value(file: Path) -> None:
    torch = pytest.importorskip("torch", reason="NumPy has no bfloat16")
    values = torch.tensor([[1.0, -2.5e-30], [3e38, 0.0], [float("inf"), -7.0]], dtype=torch.bfloat16)
    scalar = torch.tensor(2.5, dtype=torch.bfloat16)
    pytest.importorskip("safetensors.torch").save_file({"a": values, "b": scalar}, file)
    state = nn.load(file)
    assert state["a"].dtype == np.float32
    assert (state["a"] == values.float().numpy()).all()
    assert (state["b"].shape, state["b"].item()) == ((), 2.5)


# --- what is kept


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_values_shapes_and_dtypes_are_kept(dtype: str, shape: tuple[int, ...], file: Path) -> None:
    values = np.asarray(rng().integers(0, 2, shape)).astype(dtype)
    nn.save({"x": values}, file)
    x = nn.load(file)["x"]
    assert (x == values).all()
    assert (x.shape, x.dtype) == (shape, np.dtype(dtype).newbyteorder("="))
    assert x.flags.writeable


def test_arrays_that_are_not_contiguous_and_tensors_and_numbers_that_are_not_finite(file: Path) -> None:
    grid = np.arange(24.0).reshape(4, 6)
    nn.save({"turned": grid.T, "strided": grid[::2, ::-3], "tensor": tensor([np.nan, -np.inf])}, file)
    state = nn.load(file)
    assert (state["turned"] == grid.T).all()
    assert (state["strided"] == grid[::2, ::-3]).all()
    assert np.array_equal(state["tensor"], [np.nan, -np.inf], equal_nan=True)


def test_a_model_without_weights_and_one_whose_weights_are_shared(file: Path) -> None:
    nn.save(nn.Tanh(), file)
    assert nn.load(file) == {}
    layer = nn.Linear(2, 2, rng=rng())
    nn.save(nn.Sequential(layer, layer), file)
    assert sorted(nn.load(file)) == ["0.bias", "0.weight", "1.bias", "1.weight"]


def test_one_state_is_always_the_same_file(file: Path) -> None:
    nn.save(ours(), file)
    first = file.read_bytes()
    nn.save(dict(reversed(ours().state_dict().items())), file)
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("model.safetensors", r"save\(\) takes a Module or a state_dict, then the path; not a str"),
        ({"x": np.zeros(2, np.longdouble)}, "holds no .*, as 'x' is"),
        ({"x": np.zeros(2, complex)}, "real numbers or booleans, not complex128"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_anything_is_written(state: Any, message: str, file: Path) -> None:
    with pytest.raises(TypeError, match=message):
        nn.save(state, file)
    assert listing(file) == []


def test_without_safetensors_the_extra_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (lambda: nn.save(nn.Tanh(), file), lambda: nn.load(file)):
        with pytest.raises(ImportError, match=r"needs safetensors: pip install 'tinygrad-nn\[weights\]'$"):
            call()


# --- files that are not whole


def small(file: Path) -> tuple[bytes, dict[str, Any]]:
    state = {"w": np.array([[1.5, -2.0]], np.float32), "b": np.array([3], np.int64)}
    nn.save(state, file)
    return file.read_bytes(), state


def test_a_file_that_was_cut_short_anywhere_is_refused(file: Path) -> None:
    content, _ = small(file)
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"model\.safetensors is not a safetensors file, or not a whole one: "):
            nn.load(file)


def test_no_flipped_bit_changes_a_weight_unnoticed(file: Path) -> None:
    content, state = small(file)
    noticed = 0
    for place in range(len(content) * 8):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        try:
            loaded = nn.load(file)
        except ValueError:
            noticed += 1
        else:  # a bit of the checksum's name or of the blanks around it
            assert loaded.keys() == state.keys()
            assert all((loaded[name] == state[name]).all() for name in state)
    assert noticed > 0.8 * len(content) * 8
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match="is damaged: its weights do not match the checksum"):
        nn.load(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04" + bytes(100), b"\x80\x04K\x01." * 20, b"a,b\n1,2\n" * 9, b"\xff" * 64, bytes(64)],
    ids=["empty", "zip", "pickle", "csv", "ones", "zeros"],
)
def test_foreign_files_are_refused(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is not a safetensors file"):
        nn.load(file)


def test_numbers_that_numpy_lacks_are_named(file: Path) -> None:
    header = b'{"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}'
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(ValueError, match=r"numbers that NumPy lacks: w \(F8_E4M3\)"):
        nn.load(file)


def test_a_file_that_is_not_there_or_is_a_folder(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nn.load(file)
    with pytest.raises(IsADirectoryError):
        nn.load(file.parent)


# --- writing: all of the new file or all of the old one


def fail(code: int) -> Any:
    def failing(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    return failing


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_litter(step: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nn.save({"x": np.zeros(3)}, file)
    monkeypatch.setattr(os, step, fail(errno.ENOSPC))
    with pytest.raises(OSError, match=r"No space left on device; nothing was saved.*unchanged.*model\.saf") as error:
        nn.save({"x": np.ones(3)}, file)
    assert error.value.errno == errno.ENOSPC
    assert listing(file) == [file.name]
    assert (nn.load(file)["x"] == 0).all()


def test_a_write_that_stops_in_the_middle_leaves_the_old_file_and_no_litter(file: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits the size of a file, as a quota would")
    nn.save({"x": np.zeros(3)}, file)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(OSError, match="nothing was saved"):
            nn.save({"x": np.ones(100_000)}, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert listing(file) == [file.name]
    assert (nn.load(file)["x"] == 0).all()


def test_an_interrupt_between_writing_and_replacing_leaves_the_old_file_and_no_litter(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    nn.save({"x": np.zeros(3)}, file)
    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        nn.save({"x": np.ones(3)}, file)
    assert listing(file) == [file.name]
    assert (nn.load(file)["x"] == 0).all()


def test_a_folder_that_is_missing_or_not_writable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="nothing was saved"):
        nn.save(nn.Tanh(), file.parent / "missing" / "x")
    monkeypatch.setattr("builtins.open", fail(errno.EACCES))
    with pytest.raises(PermissionError, match=r"Permission denied; nothing was saved.*model\.safetensors"):
        nn.save(nn.Tanh(), file)
    assert listing(file) == []


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    for target in (tmp_path, Path(os.devnull)):
        with pytest.raises(OSError, match="Not a regular file; nothing was saved"):
            nn.save(nn.Tanh(), target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="links and permissions as POSIX has them")
def test_a_link_stays_a_link_and_permissions_stay(file: Path) -> None:
    real = file.parent / "real"
    nn.save({"x": np.zeros(3)}, real)
    real.chmod(0o640)
    file.symlink_to(real)
    nn.save({"x": np.ones(3)}, file)
    assert file.is_symlink()
    assert (nn.load(real)["x"] == 1).all()
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_synced_is_no_failure(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", fail(errno.EACCES))
    nn.save({"x": np.ones(3)}, file)
    assert (nn.load(file)["x"] == 1).all()


KILLED_AT = """
import os, signal, sys
import numpy as np
from tinygrad_nn import nn
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[2], die)
nn.save({"x": np.ones(1000)}, sys.argv[1])
"""

SAVING_FOR_EVER = """
import sys
import numpy as np
from tinygrad_nn import nn
while True:
    for value in (1.0, 2.0):
        nn.save({"x": np.full(20_000, value)}, sys.argv[1])
"""


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    )


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_while_it_saves_leaves_the_old_file(step: str, file: Path) -> None:
    nn.save({"x": np.zeros(1000)}, file)
    assert start(KILLED_AT, str(file), step).wait() == -signal.SIGKILL
    assert (nn.load(file)["x"] == 0).all()
    nn.save({"x": np.full(1000, 3.0)}, file)  # what the dead process left beside it is in nobody's way
    assert (nn.load(file)["x"] == 3).all()


@pytest.mark.program
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("kills", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_a_process_killed_at_any_moment_leaves_a_whole_file(kills: int, file: Path) -> None:
    for delay in rng().uniform(0, 0.02, kills):
        file.unlink(missing_ok=True)
        child = start(SAVING_FOR_EVER, str(file))
        try:
            while not file.exists() and child.poll() is None:
                time.sleep(0.001)
            time.sleep(delay)
        finally:
            child.kill()
        assert child.wait() == -signal.SIGKILL
        x = nn.load(file)["x"]
        assert x.shape == (20_000,)
        assert x[0] in (1, 2)
        assert (x == x[0]).all()


def test_saving_reads_parameters_as_they_are_and_loading_writes_them_in_place(file: Path) -> None:
    model = ours()
    arrays = [p.data for p in model.parameters()]
    nn.save(model, file)
    before = [array.copy() for array in arrays]
    for array in arrays:
        array += 1
    model.load_state_dict(nn.load(file))
    assert all(p.data is array for p, array in zip(model.parameters(), arrays, strict=True))
    assert all((array == kept).all() for array, kept in zip(arrays, before, strict=True))
    assert all(isinstance(p, Tensor) and p.requires_grad for p in model.parameters())
