"""The backbone of Face Mesh: its layers, its weights, and how these are taken out of MediaPipe's file."""

import subprocess
import sys
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite
import torch
from safetensors.torch import load_file, save_file

from faceline.errors import InputError
from faceline.models.face_mesh import FaceMeshBackbone
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import SmallCNN

SCRIPT = Path(__file__).parents[3] / "scripts" / "face_mesh_weights.py"
MODEL = "mediapipe/modules/face_landmark/face_landmark.tflite"


def random_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: each.shape for name, each in FaceMeshBackbone().state_dict().items()}
    return {name: torch.randn(shape, generator=generator).half().float() for name, shape in shapes.items()}


def test_it_is_small_and_its_maps_have_the_strides_that_it_tells() -> None:
    net = FaceMeshBackbone()
    assert sum(each.numel() for each in net.parameters()) < 120_000
    shapes = [each.shape[1:] for each in net(torch.rand(2, 3, 144, 192))]
    assert shapes == [(64, 18, 24), (128, 9, 12), (128, 5, 6)]
    assert [shape[0] for shape in shapes] == list(net.channels)


def test_a_cnn_beside_it_adds_its_maps() -> None:
    net, images = FaceMeshBackbone(width=16).eval(), torch.rand(1, 3, 64, 64)
    alone = FaceMeshBackbone()
    alone.load_state_dict(net.state_dict(), strict=False)
    for both, own, other in zip(net(images), alone(images), net.beside(images), strict=True):
        torch.testing.assert_close(both, torch.cat([own, other], dim=1))
    assert net.channels == tuple(own + other for own, other in zip(alone.channels, SmallCNN(16).channels, strict=True))


@pytest.mark.parametrize("edge", [8, 9])
def test_it_steps_as_tensorflow_does(edge: int) -> None:
    """SAME padding: as many windows as steps fit, and the odd zero comes last."""
    net, image = FaceMeshBackbone(), torch.rand(1, 3, edge, edge)
    steps = -(-edge // 2)
    before = max(2 * (steps - 1) + 3 - edge, 0) // 2
    wide = np.zeros((3, edge + 4, edge + 4), dtype=np.float32)
    wide[:, before : before + edge, before : before + edge] = image[0].numpy()
    conv, bend = net.stem
    kernels, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    sums = np.zeros((16, steps, steps), dtype=np.float32)
    for y in range(steps):
        for x in range(steps):
            sums[:, y, x] = (kernels * wide[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]).sum((1, 2, 3)) + bias
    expected = np.where(sums > 0, sums, sums * bend.weight.detach().numpy()[:, None, None])
    seen: list[torch.Tensor] = []
    net.stages[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(image)
    np.testing.assert_allclose(seen[0][0].detach().numpy(), expected, atol=1e-5)


def test_a_detector_takes_its_weights_from_a_file_and_leaves_the_cnn_beside_it(tmp_path: Path) -> None:
    save_file(random_weights(), file := tmp_path / "w.safetensors")
    detector = LandmarkDetector(FaceMeshBackbone(width=16), weights=str(file))
    state = detector.backbone.state_dict()
    assert all(torch.equal(state[name], each) for name, each in random_weights().items())
    assert any(name.startswith("beside.") for name in state)
    torch.testing.assert_close(detector.mean.flatten(), torch.zeros(3))  # pixels go in as they are
    torch.testing.assert_close(detector.std.flatten(), torch.ones(3))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    weights = random_weights()
    del weights["stages.3.1.bend.weight"]
    save_file(weights, file := tmp_path / "w.safetensors")
    with pytest.raises(
        InputError, match=r"1 of 73 tensors of Face Mesh are not in the file \(the first: stages.3.1.bend"
    ):
        LandmarkDetector(FaceMeshBackbone(), weights=str(file))


def test_the_script_takes_the_weights_out_of_a_wheel(tmp_path: Path) -> None:
    wheel, output = tmp_path / "mediapipe.whl", tmp_path / "new" / "w.safetensors"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MODEL, as_tflite(random_weights()))
    said = run(wheel, output)
    assert said.returncode == 0, said.stderr
    found = load_file(output)
    assert found.keys() == random_weights().keys()
    assert all(torch.equal(found[name], each) for name, each in random_weights().items())


def test_the_script_refuses_other_files_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("x")
    short = {name: each for name, each in random_weights().items() if name.startswith("stem")}
    (tmp_path / "short.tflite").write_bytes(as_tflite(short))
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    for name, words in {
        "note.txt": "no wheel with",
        "none.whl": "no wheel with",
        "short.tflite": "not the Face Mesh that is known here",
        "broken.tflite": "no model of TensorFlow Lite",
    }.items():
        said = run(tmp_path / name, tmp_path / "w.safetensors")
        assert said.returncode == 1
        assert words in said.stderr
        assert said.stderr.count("\n") == 1
        assert not (tmp_path / "w.safetensors").exists()


def run(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(source), str(output)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def as_tflite(weights: dict[str, torch.Tensor]) -> bytes:
    """A file with just these layers, in half precision, as MediaPipe has them."""
    builder = flatbuffers.Builder()
    buffers, tensors, operators = [_buffer(builder, b"")], [_tensor(builder, 0, (1, 1, 1, 1), "FLOAT32")], []
    codes = ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU", "DEQUANTIZE", "ADD")

    def stored(values: np.ndarray) -> int:
        buffers.append(_buffer(builder, values.astype(np.float16).tobytes()))
        tensors.append(_tensor(builder, len(buffers) - 1, values.shape, "FLOAT16"))
        tensors.append(_tensor(builder, 0, values.shape, "FLOAT32"))
        operators.append(_operator(builder, codes.index("DEQUANTIZE"), [len(tensors) - 2], len(tensors) - 1))
        return len(tensors) - 1

    items = iter(weights.items())
    for name, each in items:
        if each.ndim == 1:
            inputs, code = [stored(each.numpy()[None, None])], "PRELU"
        else:
            code = "DEPTHWISE_CONV_2D" if "depthwise" in name else "CONV_2D"
            order = (1, 2, 3, 0) if code == "DEPTHWISE_CONV_2D" else (0, 2, 3, 1)
            inputs = [stored(each.numpy().transpose(order)), stored(next(items)[1].numpy())]
        operators.append(_operator(builder, codes.index(code), [0, *inputs], 0))
        operators.append(_operator(builder, codes.index("ADD"), [0, 0], 0))
    parts = {"Tensors": _vector(builder, tensors), "Operators": _vector(builder, operators)}
    tflite.SubGraphStart(builder)
    for part, offset in parts.items():
        getattr(tflite, f"SubGraphAdd{part}")(builder, offset)
    graphs = _vector(builder, [tflite.SubGraphEnd(builder)])
    known = _vector(builder, [_code(builder, getattr(tflite.BuiltinOperator, code)) for code in codes])
    contents = _vector(builder, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddOperatorCodes(builder, known)
    tflite.ModelAddBuffers(builder, contents)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _vector(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _numbers(builder: flatbuffers.Builder, values: list[int]) -> int:
    return builder.CreateNumpyVector(np.array(values, dtype=np.int32))


def _buffer(builder: flatbuffers.Builder, content: bytes) -> int:
    data = builder.CreateByteVector(content)
    tflite.BufferStart(builder)
    tflite.BufferAddData(builder, data)
    return tflite.BufferEnd(builder)


def _tensor(builder: flatbuffers.Builder, buffer: int, shape: tuple[int, ...], kind: str) -> int:
    lengths = _numbers(builder, list(shape))
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, lengths)
    tflite.TensorAddType(builder, getattr(tflite.TensorType, kind))
    tflite.TensorAddBuffer(builder, buffer)
    return tflite.TensorEnd(builder)


def _operator(builder: flatbuffers.Builder, code: int, inputs: list[int], output: int) -> int:
    takes, gives = _numbers(builder, inputs), _numbers(builder, [output])
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, takes)
    tflite.OperatorAddOutputs(builder, gives)
    return tflite.OperatorEnd(builder)


def _code(builder: flatbuffers.Builder, kind: int) -> int:
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, kind)
    tflite.OperatorCodeAddBuiltinCode(builder, kind)
    return tflite.OperatorCodeEnd(builder)
