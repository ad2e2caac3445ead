from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_nn.training.state import pack, unpack

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]), hnp.array_shapes(min_dims=0, min_side=0)
)
states = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


@given(states)
def test_what_is_packed_comes_back_bit_for_bit(state):
    assert same(state, unpack(pack(state)))


def test_a_numpy_number_becomes_a_python_number():
    assert unpack(pack({"x": np.float64(0.1), "n": np.int32(3)})) == {"x": 0.1, "n": 3}


@given(st.binary(max_size=60), st.integers(0, 200))
def test_other_bytes_are_refused_in_one_line(noise, cut):
    whole = pack({"weights": np.arange(12.0), "name": "x"})
    for wrong in (noise, whole[: cut % len(whole)], whole + b"x", whole[:20] + noise + whole[20 + len(noise) + 1 :]):
        with pytest.raises(ValueError, match="are not a state of a run") as caught:
            unpack(wrong)
        assert "\n" not in str(caught.value)


def test_what_is_no_plain_value_is_refused():
    with pytest.raises(TypeError, match="plain values and arrays, not <object"):
        pack([object()])
