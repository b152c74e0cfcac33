"""Models that keep weights in other files are found, wherever the tensor is."""

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from faceline.inference.external_data import has_external_data


def tensor(*, outside: bool) -> TensorProto:
    made = numpy_helper.from_array(np.ones((3, 4), dtype=np.float32), "w")
    if outside:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="secret.bin")
    return made


def model(where: str, *, outside: bool) -> bytes:
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 4])
    given_out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 4])
    weight = tensor(outside=outside)
    constant = helper.make_node("Constant", [], ["w"], value=weight)
    add = helper.make_node("Add", ["x", "w"], ["y"])
    inner = helper.make_graph([constant, add], "inner", [], [given_out])
    nodes = {
        "initializer": [add],
        "constant": [constant, add],
        "branch": [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)],
    }[where]
    graph = helper.make_graph(nodes, "g", [taken], [given_out], [weight] if where == "initializer" else [])
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("where", ["initializer", "constant", "branch"])
def test_weights_in_other_files_are_found(where: str) -> None:
    assert has_external_data(model(where, outside=True))
    assert not has_external_data(model(where, outside=False))
    assert onnx.load_from_string(model(where, outside=False))


@given(st.binary(max_size=200))
def test_other_bytes_are_no_model_or_have_no_files(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert has_external_data(content) in (True, False)


def test_fields_of_fixed_length_are_passed_over() -> None:
    outside = model("initializer", outside=True)
    for wire, length in ((1, 8), (5, 4)):
        unknown = bytes([15 << 3 | wire]) + b"\xff" * length
        assert has_external_data(unknown + outside)
        with pytest.raises(ValueError, match=r"^no model, or a cut one$"):
            has_external_data(unknown[:-1])
    with pytest.raises(ValueError, match=r"^no model: a field of an unknown kind$"):
        has_external_data(bytes([15 << 3 | 3]))


def test_the_place_of_the_data_decides() -> None:
    for place, outside in ((TensorProto.DEFAULT, False), (TensorProto.EXTERNAL, True)):
        weight = numpy_helper.from_array(np.ones(3, dtype=np.float32), "w")
        weight.data_location = place
        graph = helper.make_graph([], "g", [], [], [weight])
        assert has_external_data(helper.make_model(graph).SerializeToString()) is outside
