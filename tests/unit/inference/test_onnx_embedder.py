"""A ready embedder as an ONNX file: what it is given, and every way in which it can be the wrong file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from faceline.errors import InputError
from faceline.inference.onnx_embedder import OnnxEmbedder

SIZE = 8


def model(
    file: Path,
    nodes: list,
    shape: tuple = ("n", 3, SIZE, SIZE),
    output: tuple = ("n", 3),
    kind: int = TensorProto.FLOAT,
    inputs: int = 1,
) -> str:
    given = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)]
    built = helper.make_model(helper.make_graph(nodes, "g", given, made), opset_imports=[helper.make_opsetid("", 17)])
    built.ir_version = 9
    onnx.save(built, str(file))
    return str(file)


def channel_means() -> list:
    return [helper.make_node("ReduceMean", ["x0"], ["y"], axes=[2, 3], keepdims=0)]


def faces(n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("first", ["n", 1])
def test_it_gives_what_the_model_gives(first: str | int, tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means(), (first, 3, SIZE, SIZE), (first, 3))
    images = faces()
    found = OnnxEmbedder(file, SIZE, "rgb", 100.0, 50.0).embed(images)
    np.testing.assert_allclose(found, (images.mean(axis=(1, 2)) - 100) / 50, rtol=1e-4)


def test_channels_are_in_the_order_that_was_told(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means())
    rgb, bgr = (OnnxEmbedder(file, SIZE, order).embed(faces()) for order in ("rgb", "bgr"))
    np.testing.assert_allclose(rgb, bgr[:, ::-1], rtol=1e-6)


def nothing(file: Path) -> str:
    return str(file)


def text(file: Path) -> str:
    file.write_text("no model")
    return str(file)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "no such file"),
        (text, "is no ONNX model that can be run"),
        (lambda f: model(f, channel_means(), ("n", 3, 16, 16)), "expected an input (n, 3, 8, 8)"),
        (lambda f: model(f, channel_means(), ("n", 1, SIZE, SIZE), ("n", 1)), "expected an input"),
        (
            lambda f: model(f, [helper.make_node("Add", ["x0", "x1"], ["y"])], output=("n", 3, SIZE, SIZE), inputs=2),
            "expected one input, got x0, x1",
        ),
    ],
    ids=["none", "text", "size", "grey", "two"],
)
def test_a_file_that_does_not_fit_is_refused(make, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        OnnxEmbedder(make(tmp_path / "m.onnx"), SIZE)
    assert words in str(caught.value) and "\n" not in str(caught.value) and "m.onnx" in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "output"),
    [
        ([helper.make_node("Identity", ["x0"], ["y"])], ("n", 3, SIZE, SIZE)),
        ([*channel_means()[:0], helper.make_node("ReduceMean", ["x0"], ["m"], axes=[2, 3], keepdims=0),
          helper.make_node("Sub", ["m", "m"], ["z"]), helper.make_node("Div", ["z", "z"], ["y"])], ("n", 3)),
    ],
    ids=["maps", "nan"],
)  # fmt: skip
def test_an_answer_that_is_no_embedding_is_refused(nodes: list, output: tuple, tmp_path: Path) -> None:
    embedder = OnnxEmbedder(model(tmp_path / "m.onnx", nodes, output=output), SIZE)
    with pytest.raises(InputError, match="expected finite embeddings"):
        embedder.embed(faces())
