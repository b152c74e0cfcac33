"""A ready embedder as an ONNX file: what it is given, and every way in which it can be the wrong file."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from faceline.errors import InputError
from faceline.geometry.crops import five_point_template
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
    found = OnnxEmbedder(file, size=SIZE, mean=100.0, std=50.0).embed(images)
    np.testing.assert_allclose(found, (images.mean(axis=(1, 2)) - 100) / 50, rtol=1e-4)


def test_channels_are_in_the_order_that_was_told(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means())
    rgb, bgr = (OnnxEmbedder(file, size=SIZE, channels=order).embed(faces()) for order in ("rgb", "bgr"))
    np.testing.assert_allclose(rgb, bgr[:, ::-1], rtol=1e-6)


def test_each_channel_has_its_own_mean_and_scale(tmp_path: Path) -> None:
    images, mean, std = faces(), [100.0, 110.0, 120.0], [50.0, 55.0, 60.0]
    file = model(tmp_path / "m.onnx", channel_means())
    found = OnnxEmbedder(file, size=SIZE, mean=mean, std=std).embed(images)
    np.testing.assert_allclose(found, (images.mean(axis=(1, 2)) - mean) / std, rtol=1e-3)


def test_channels_may_come_last(tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceMean", ["x0"], ["y"], axes=[1, 2], keepdims=0)]
    file = model(tmp_path / "m.onnx", nodes, ("n", SIZE, SIZE, 3))
    images = faces()
    found = OnnxEmbedder(file, "sface", size=SIZE, layout="nhwc", channels="rgb").embed(images)
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)), rtol=1e-4)


def dangling(file: Path, read: bool, shape: tuple = (3,)) -> str:
    """A model that lists a weight among its inputs, as some exporters do, and reads it or not."""
    nodes = [*channel_means()[:0], helper.make_node("ReduceMean", ["x0"], ["m"], axes=[2, 3], keepdims=0)]
    nodes.append(helper.make_node("Add", ["m", "gamma"], ["y"]) if read else helper.make_node("Identity", ["m"], ["y"]))
    given = [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])]
    given.append(helper.make_tensor_value_info("gamma", TensorProto.FLOAT, shape))
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])]
    built = helper.make_model(helper.make_graph(nodes, "g", given, made), opset_imports=[helper.make_opsetid("", 17)])
    built.ir_version = 9
    onnx.save(built, str(file))
    return str(file)


def test_an_input_that_nothing_reads_makes_no_difference(tmp_path: Path) -> None:
    images = faces()
    found = OnnxEmbedder(dangling(tmp_path / "m.onnx", read=False), "sface", size=SIZE).embed(images)
    np.testing.assert_allclose(found, images.mean(axis=(1, 2))[:, ::-1], rtol=1e-4)
    free = OnnxEmbedder(dangling(tmp_path / "free.onnx", read=False, shape=("k", 3)), "sface", size=SIZE)
    assert {name: unread.tolist() for name, unread in free.unread.items()} == {"gamma": [[0.0, 0.0, 0.0]]}
    np.testing.assert_array_equal(free.embed(images), found)
    with pytest.raises(InputError, match="expected one input that is read, the faces; it also reads gamma"):
        OnnxEmbedder(dangling(tmp_path / "read.onnx", read=True), size=SIZE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "magic"}, "'embedder.preset': expected one of arcface, sface, dlib, got 'magic'"),
        ({"mean": [1.0, 2.0]}, "'embedder.mean': expected one number, or three, one a channel; got [1.0, 2.0]"),
        ({"std": float("nan")}, "'embedder.std': expected one number, or three, one a channel; got nan"),
        ({"std": 0.0}, "'embedder.std': expected numbers above 0, got 0.0"),
        ({"template": "oval"}, "'embedder.template': expected one of arcface, dlib, got 'oval'"),
        ({"template": [[1.0, 2.0], [3.0]]}, "'embedder.template': expected one of arcface, dlib, or five points"),
        ({"template": [[1.0, 2.0]] * 5}, "or five points [x, y] in pixels of the crop"),
        ({"template": [[1.0, 2.0], [3.0]]}, "or five points [x, y] in pixels of the crop"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict, words: str, tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means())
    with pytest.raises(InputError) as caught:
        OnnxEmbedder(file, **{"size": SIZE, **settings})
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_other_preparation_is_another_version(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means())
    assert OnnxEmbedder(file, size=SIZE).version == OnnxEmbedder(file, size=SIZE).version
    assert OnnxEmbedder(file, size=SIZE).version != OnnxEmbedder(file, size=SIZE, mean=0.0).version


def test_the_version_is_of_what_a_file_holds_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    file = model(tmp_path / "m.onnx", channel_means())
    copy = str(shutil.copy(file, tmp_path / "renamed.onnx"))
    largest = [helper.make_node("ReduceMax", ["x0"], ["y"], axes=[2, 3], keepdims=0)]
    same_name = model(tmp_path / "other" / "m.onnx", largest)
    versions = [OnnxEmbedder(each, size=SIZE).version for each in (file, copy, same_name)]
    assert versions[0] == versions[1] != versions[2]


def nothing(file: Path) -> str:
    return str(file)


def text(file: Path) -> str:
    file.write_text("no model")
    return str(file)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "m.onnx, key 'embedder.onnx': no such file; give an ONNX model that embeds faces"),
        (lambda f: str(f.parent), "is a folder, where a file is needed; give an ONNX model"),
        (text, "is no ONNX model that can be run ([ONNXRuntimeError] : "),
        (lambda f: model(f, channel_means(), ("n", 3, 16, 16)), "; choose embedder.preset, or set embedder.size and"),
        (lambda f: model(f, channel_means(), ("n", SIZE, SIZE, 3), ("n", SIZE)), "embedder.size and embedder.layout"),
        (lambda f: model(f, channel_means(), ("n", 1, SIZE, SIZE), ("n", 1)), "; only networks of square RGB faces"),
        (lambda f: model(f, channel_means(), ("n", 3, SIZE, 6)), "; only networks of square RGB faces"),
        (lambda f: model(f, [helper.make_node("Identity", ["x0"], ["y"])], ("n", 192), ("n", 192)), "; only networks"),
        (lambda f: model(f, channel_means(), (4, 3, SIZE, SIZE), (4, 3)), "takes 4 faces at once; export it for any"),
        (
            lambda f: model(f, [helper.make_node("Add", ["x0", "x1"], ["y"])], output=("n", 3, SIZE, SIZE), inputs=2),
            "expected an input (n, 3, 8, 8) of tensor(float), got x0 ('n', 3, 8, 8) of tensor(float), x1",
        ),
    ],
    ids=["none", "folder", "text", "size", "layout", "grey", "oblong", "flat", "batch", "two"],
)
def test_a_file_that_does_not_fit_is_refused(make, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        OnnxEmbedder(make(tmp_path / "m.onnx"), size=SIZE)
    assert words in str(caught.value) and "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "output", "told"),
    [
        ([helper.make_node("Identity", ["x0"], ["y"])], ("n", 3, SIZE, SIZE),
         f"expected embeddings (4, e) of 4 faces, got (4, 3, {SIZE}, {SIZE})"),
        ([*channel_means()[:0], helper.make_node("ReduceMean", ["x0"], ["m"], axes=[2, 3], keepdims=0),
          helper.make_node("Sub", ["m", "m"], ["z"]), helper.make_node("Div", ["z", "z"], ["y"])], ("n", 3),
         "gives NaN or infinity for 4 of 4 faces; set embedder.mean and embedder.std to what it was made for"),
    ],
    ids=["maps", "nan"],
)  # fmt: skip
def test_an_answer_that_is_no_embedding_is_refused(nodes: list, output: tuple, told: str, tmp_path: Path) -> None:
    embedder = OnnxEmbedder(model(tmp_path / "m.onnx", nodes, output=output), size=SIZE)
    with pytest.raises(InputError) as refusal:
        embedder.embed(faces())
    assert f"m.onnx, key 'embedder.onnx': {told}" in str(refusal.value)


def test_five_points_of_ones_own_are_a_template(tmp_path: Path) -> None:
    file = model(tmp_path / "m.onnx", channel_means())
    points = [[2, 2], [6, 2], [4, 4], [2, 6], [6, 6]]
    embedder = OnnxEmbedder(file, size=SIZE, template=points, threads=1)
    assert embedder.template == five_point_template([[float(x), float(y)] for x, y in points], SIZE)
    assert embedder.version != OnnxEmbedder(file, size=SIZE).version


@pytest.mark.parametrize("threads", [1, None])
def test_a_face_may_use_so_many_threads(tmp_path: Path, threads: int | None) -> None:
    embedder = OnnxEmbedder(model(tmp_path / "m.onnx", channel_means()), size=SIZE, threads=threads)
    assert embedder.session.get_session_options().intra_op_num_threads == (threads or 0)


def test_a_model_that_fails_on_faces_says_why(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["s"], value_ints=[7, 7]),
        helper.make_node("Reshape", ["x0", "s"], ["y"]),
    ]
    embedder = OnnxEmbedder(model(tmp_path / "m.onnx", nodes, output=(7, 7)), size=SIZE)
    with pytest.raises(
        InputError, match=r"m\.onnx, key 'embedder\.onnx': cannot take \(4, 3, 8, 8\) \(\[ONNXRuntimeError"
    ):
        embedder.embed(faces())
