"""The embedder of the package, those of users, and the refusal of one to which all faces are alike."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from faceline.config.plain import read_settings
from faceline.errors import InputError
from faceline.inference.bundle import SFACE, Calibration, locate_bundle
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.recognition.embedder import COLOURS, drawn_faces, embedder_file, open_embedder
from faceline.stand.settings import SETTINGS, Stand


def settings(*given: str) -> Stand:
    read = read_settings("stand", list(given), SETTINGS["stand"])
    assert isinstance(read, Stand)
    return read


@pytest.fixture(scope="session")
def sface() -> EmbedderRuntime:
    return EmbedderRuntime()


def test_people_are_recognised_by_the_embedder_of_the_package_unless_told_otherwise() -> None:
    assert embedder_file(settings("source=0")) == locate_bundle(SFACE)
    assert embedder_file(settings()) == COLOURS
    assert embedder_file(settings("source=0", "embedder=own.onnx")) == Path("own.onnx")
    assert embedder_file(settings("source=0", "embedder=none")) is None


def test_the_embedder_of_the_package_says_where_it_comes_from(sface: EmbedderRuntime) -> None:
    manifest = sface.manifest
    assert manifest.published is not None and manifest.published.licence == "Apache-2.0"
    assert locate_bundle(SFACE).with_name("LICENSE-sface").read_text().count("Apache License") >= 1
    assert locate_bundle(SFACE).stat().st_size < 11_000_000
    assert manifest.calibration is not None
    found = [manifest.calibration.threshold(rate) for rate in (1e-2, 1e-4, 1e-6)]
    assert found == sorted(found) and 0.2 < found[0] < found[2] < 0.6
    for rate, threshold in manifest.thresholds.items():
        assert manifest.calibration.threshold(float(rate)) == pytest.approx(threshold, abs=1e-6)


def test_its_embeddings_have_length_1_and_depend_on_no_neighbour(sface: EmbedderRuntime) -> None:
    faces = drawn_faces(sface)[:4]
    together = sface.embed(faces)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[2:3], sface.embed(faces[2:3]), atol=1e-5)
    similar = together @ together.T
    assert similar[0, 1] > similar[0, 2] and similar[2, 3] > similar[1, 2], "two pictures of one drawn person"


@pytest.mark.data
def test_it_gives_what_the_published_network_gives(sface: EmbedderRuntime, data_root: Path) -> None:
    from faceline.exporting.sface import sface_graph  # noqa: PLC0415
    from faceline.inference.bundle import Bundle, digest  # noqa: PLC0415
    from faceline.inference.onnx_embedder import OnnxEmbedder  # noqa: PLC0415

    file = data_root / "weights" / "face_recognition_sface_2021dec_int8bq.onnx"
    faces = drawn_faces(sface)[:3]
    expected = OnnxEmbedder(str(file), "sface").embed(faces)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    graph = sface_graph(file)
    manifest = sface.manifest.model_copy(update={"sha256": digest(graph)})
    folded = EmbedderRuntime(Bundle(file, manifest, graph, ""))
    np.testing.assert_allclose(folded.embed(faces), expected, atol=1e-5)


def toy(file: Path, blind: bool) -> Path:
    """Mean colours of a grid of cells; or, blind, the mean of the picture beside a large constant."""
    nodes = [helper.make_node("AveragePool", ["faces"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
             helper.make_node("Flatten", ["cells"], ["flat"])]  # fmt: skip
    constants = [helper.make_tensor("offset", TensorProto.FLOAT, [1], [1000.0])]
    nodes.append(
        helper.make_node("Add", ["flat", "offset"], ["y"]) if blind else helper.make_node("Identity", ["flat"], ["y"])
    )
    given = [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, 112, 112])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 192])]
    graph = helper.make_graph(nodes, "toy", given, made, constants if blind else [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(file))
    return file


def noise(file: Path) -> Path:
    """Where the brightest pixels are decides everything: two pictures of one person are as unlike as any two."""
    nodes = [helper.make_node("Mul", ["faces", "much"], ["large"]), helper.make_node("Sin", ["large"], ["wild"]),
             helper.make_node("AveragePool", ["wild"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
             helper.make_node("Flatten", ["cells"], ["y"])]  # fmt: skip
    much = [helper.make_tensor("much", TensorProto.FLOAT, [1], [1e5])]
    given = [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, 112, 112])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 192])]
    model = helper.make_model(
        helper.make_graph(nodes, "noise", given, made, much), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    onnx.save(model, str(file))
    return file


def test_an_embedder_to_which_all_faces_are_alike_is_refused(tmp_path: Path) -> None:
    open_embedder(settings("threshold=0.5"), toy(tmp_path / "toy.onnx", blind=False))
    with pytest.raises(InputError, match="different faces look alike to it") as refusal:
        open_embedder(settings("threshold=0.5"), noise(tmp_path / "noise.onnx"))
    assert "embedder_preset" in str(refusal.value) and refusal.value.column == "embedder"


def test_an_embedder_that_gives_no_numbers_is_refused_at_the_start(tmp_path: Path) -> None:
    blank = [helper.make_node("AveragePool", ["faces"], ["cells"], kernel_shape=[14, 14], strides=[14, 14]),
             helper.make_node("Flatten", ["cells"], ["flat"]), helper.make_node("Sub", ["flat", "flat"], ["zero"]),
             helper.make_node("Div", ["zero", "zero"], ["y"])]  # fmt: skip
    given = [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, 112, 112])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 192])]
    model = helper.make_model(helper.make_graph(blank, "blank", given, made))
    model.ir_version = 9
    onnx.save(model, str(file := tmp_path / "embedder.onnx"))
    with pytest.raises(InputError, match=r"embedder.onnx: gives NaN or infinity for 16 of 16 faces") as refusal:
        open_embedder(settings("threshold=0.5"), file)
    assert "embedder_mean" in str(refusal.value) and refusal.value.column == "embedder"


def test_keys_of_a_stand_are_named_in_its_refusals(tmp_path: Path) -> None:
    file = toy(tmp_path / "toy.onnx", blind=False)
    with pytest.raises(InputError, match="embedder_size") as refusal:
        open_embedder(settings(f"embedder={file}", "threshold=0.5", "embedder_size=64"), file)
    assert refusal.value.column == "embedder"
    with pytest.raises(InputError, match="expected one number, or three") as refusal:
        open_embedder(settings(f"embedder={file}", "threshold=0.5", "embedder_mean=[1,2]"), file)
    assert refusal.value.column == "embedder_mean"


def test_a_threshold_of_ones_own_wins_over_the_calibration() -> None:
    _, likeness = open_embedder(settings("threshold=0.7"), locate_bundle(SFACE))
    assert likeness.threshold(1e-6) == 0.7
    assert isinstance(open_embedder(settings(), locate_bundle(SFACE))[1], Calibration)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["false_greetings=5", "strangers=1"], "strangers: expected at least as many as false_greetings=5, got 1"),
        (["false_greetings=1000", "strangers=10"], "strangers: .*false_greetings=1000"),
        (["strangers=1e30"], "strangers: expected at most"),
        (["false_greetings=1e-30"], "false_greetings: expected at least"),
        (["threshold=0"], "threshold: expected above 0, got 0"),
        (["threshold=0.5", "false_greetings=5"], "threshold: expected no value beside false_greetings=5 .*give one"),
        (["threshold=0.5", "strangers=500"], "threshold: expected no value beside strangers=500"),
        (["embedder=none", "strangers=9"], "strangers: expected no value with embedder=none"),
        (["false_greetings=1000"], r"strangers: expected at least as many .*=1000 \(by default 500\)"),
    ],
)
def test_rates_that_mean_nothing_are_refused(given: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        settings(*given)


def test_what_is_for_a_fleet_needs_its_address() -> None:
    for key in ("fleet_token", "fleet_ca"):
        with pytest.raises(InputError, match=f"{key}: expected no value without fleet="):
            settings(f"{key}=x")
        settings("fleet=http://here:1", f"{key}=x")


def test_rates_of_false_greetings_need_an_embedder_that_knows_them() -> None:
    likeness = open_embedder(given := settings("source=0", "false_greetings=2"), locate_bundle(SFACE))[1]
    assert isinstance(likeness, Calibration) and given.greeted_strangers == 2 / 500
    with pytest.raises(InputError, match=r"expected no value with colours\.onnx, .* got 2") as refusal:
        open_embedder(settings("false_greetings=2"), COLOURS)
    assert refusal.value.column == "false_greetings"


@pytest.mark.parametrize(
    "embedder", [[], ["source=0"], ["embedder=sface"], ["embedder=own.faceline"], ["embedder=none"]]
)
@pytest.mark.parametrize(
    "key", ["preset=dlib", "preset=arcface", "size=96", "channels=bgr", "layout=nhwc", "mean=5", "std=[1,2,3]"]
)
def test_settings_that_would_be_ignored_are_refused(embedder: list[str], key: str) -> None:
    told = f"embedder_{key.partition('=')[0]}: expected an ONNX file in embedder= to go with it"
    with pytest.raises(InputError, match=told):
        settings(*embedder, f"embedder_{key}")
    settings("embedder=own.onnx", f"embedder_{key}")


def test_no_threshold_is_taken_that_does_nothing_or_names_everybody() -> None:
    with pytest.raises(InputError, match="threshold: expected no value with embedder=none"):
        settings("embedder=none", "threshold=0.4")
    with pytest.raises(InputError, match=r"expected at least 0.2\d+, .* sface.faceline; got 0.1") as refusal:
        open_embedder(settings("source=0", "threshold=0.1"), locate_bundle(SFACE))
    assert refusal.value.column == "threshold"


@pytest.mark.parametrize("benchmark", ["recognition", "counting", "stand"])
def test_a_benchmark_takes_no_camera(benchmark: str) -> None:
    verb = f"benchmark_{benchmark}"
    with pytest.raises(InputError, match=r"source: expected (clips|films|demo), got 0"):
        read_settings(verb, ["source=0"], SETTINGS[verb])
