"""Backbones and heads: shapes, what a head can express, and weights that fit or are refused."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from faceline.errors import InputError
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.landmark_nets import (
    GridHead,
    HeatmapHead,
    RegressionHead,
    SimCCHead,
    SmallCNN,
    TimmBackbone,
    VotingHead,
)
from faceline.models.onnx_export import to_onnx

SMALL = "mobilenetv3_small_050"


@pytest.mark.parametrize("size", [64, 100, 128])
def test_small_cnn_maps_have_the_strides_and_channels_that_it_tells(size: int) -> None:
    net = SmallCNN(width=32)
    maps = net(torch.rand(2, 3, size, size))
    assert [m.shape[1] for m in maps] == list(net.channels)
    assert [m.shape[2] for m in maps] == [-(-size // s) for s in net.strides]


def test_small_cnn_has_under_two_million_weights_with_its_head() -> None:
    net = SmallCNN()
    head = VotingHead(net.channels)
    assert sum(p.numel() for m in (net, head) for p in m.parameters()) < 2_000_000


@pytest.mark.parametrize("name", [SMALL, "resnet10t", "convnext_atto", "vit_tiny_patch16_224"])
def test_timm_backbones_of_several_families_give_landmarks(name: str) -> None:
    net = TimmBackbone(name)
    size = 224 if name.startswith("vit") else 64
    landmarks = VotingHead(net.channels, width=16)(net(torch.rand(2, 3, size, size)))
    assert landmarks.shape == (2, 68, 2)
    assert min(net.strides) >= 8


def test_the_maps_of_some_strides_can_be_asked_for() -> None:
    net = TimmBackbone(SMALL, strides=[4, 16])
    assert net.strides == (4, 16)
    assert [m.shape[-1] for m in net(torch.rand(1, 3, 64, 64))] == [16, 4]


def test_voting_head_can_point_anywhere_even_outside_the_frame() -> None:
    head = VotingHead([4], width=8).eval()
    with torch.no_grad():
        head.votes.weight.zero_()
        head.votes.bias.copy_(torch.tensor([0.0, 3.0, -5.0]).repeat(68))  # attention, x and y offset in cells
        landmarks = head([torch.rand(1, 4, 8, 10)])
    # Even attention: the mean of the cells is the middle of the frame, moved by the offset.
    assert landmarks[0, 0].tolist() == pytest.approx([0.5 + 3 / 10, 0.5 - 5 / 8], abs=1e-6)


def test_voting_head_follows_its_attention() -> None:
    head = VotingHead([1], width=1).eval()
    head.merge = torch.nn.Identity()
    features = torch.full((1, 1, 4, 4), -50.0)
    features[0, 0, 3, 1] = 50.0  # row 3, column 1
    with torch.no_grad():
        head.lateral[0].weight.fill_(1.0)
        head.lateral[0].bias.zero_()
        head.votes.weight.zero_()
        head.votes.weight[0::3] = 1.0
        landmarks = head([features])
    assert landmarks[0, 5].tolist() == pytest.approx([1.5 / 4, 3.5 / 4], abs=1e-6)


def test_regression_head_starts_near_the_middle() -> None:
    landmarks = RegressionHead([8, 16])([torch.zeros(3, 8, 4, 4), torch.zeros(3, 16, 2, 2)])
    assert landmarks.shape == (3, 68, 2)
    assert torch.allclose(landmarks, torch.full_like(landmarks, 0.5))


def test_heatmap_head_gives_the_mean_place_of_its_heat() -> None:
    torch.manual_seed(0)
    head = HeatmapHead([4, 8], width=8).eval()
    maps = [torch.randn(2, 4, 6, 10), torch.randn(2, 8, 3, 5)]
    with torch.no_grad():
        heat = head.heat(head.merged(maps)).double().numpy()
        got = head(maps).numpy()
    shares = np.exp(heat) / np.exp(heat).sum(axis=(2, 3), keepdims=True)
    x = (shares.sum(axis=2) * (np.arange(10) + 0.5) / 10).sum(axis=2)
    y = (shares.sum(axis=3) * (np.arange(6) + 0.5) / 6).sum(axis=2)
    np.testing.assert_allclose(got, np.stack([x, y], axis=2), atol=1e-5)


def test_grid_head_stays_in_the_cell_that_it_chooses() -> None:
    head = GridHead([1]).eval()
    features = torch.zeros(1, 1, 4, 4)
    features[0, 0, 2, 1] = 100.0
    with torch.no_grad():
        head.cells.weight.zero_()
        head.cells.weight[0::3] = 1.0
        head.cells.bias.copy_(torch.tensor([0.0, 50.0, -50.0]).repeat(68))  # as far right and up as a cell goes
        landmarks = head([torch.zeros(1, 1, 8, 8), features])
    assert landmarks[0, 7].tolist() == pytest.approx([2 / 4, 2 / 4], abs=1e-5)


def test_simcc_head_points_at_the_bin_that_it_is_sure_of_even_outside_the_frame() -> None:
    head = SimCCHead([3], width=4, split=4, beyond=0.25).eval()
    with torch.no_grad():
        for classifier in (head.columns, head.rows):
            classifier.weight.zero_()
            classifier.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 30.0]).repeat(68))
        landmarks = head([torch.rand(1, 3, 2, 5)])
    # sure of the last bin of every cell: 5 cells of 4 bins over 1.5 frames, beginning a quarter before the frame
    x = np.mean([(4 * cell + 3.5) / 20 for cell in range(5)]) * 1.5 - 0.25
    y = np.mean([(4 * cell + 3.5) / 8 for cell in range(2)]) * 1.5 - 0.25
    assert landmarks[0, 3].tolist() == pytest.approx([x, y], abs=1e-5)


HEADS = [VotingHead, HeatmapHead, SimCCHead, GridHead, RegressionHead]


@pytest.mark.parametrize("head", HEADS)
def test_every_head_learns_a_shape_and_has_it_in_its_graph(head) -> None:
    torch.manual_seed(0)
    model = LandmarkDetector(SmallCNN(16), head=head)
    model.log = lambda *_, **__: None  # type: ignore[method-assign]
    images, target = torch.rand(4, 3, 64, 64), (torch.rand(68, 2) * 0.5 + 0.25).expand(4, 68, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        loss = model.training_step((images, target, torch.ones(4, 2)), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    model.eval()
    pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255).numpy()
    session = onnxruntime.InferenceSession(to_onnx(model, 64), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"images": pixels})[0], expected, atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_heads_give_float32_under_bfloat16(head) -> None:
    net = SmallCNN(width=32)
    head = head(net.channels)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(net(torch.rand(1, 3, 64, 64))).dtype == torch.float32


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_file_are_taken(tmp_path: Path, suffix: str) -> None:
    giver, file = TimmBackbone(SMALL), tmp_path / f"weights{suffix}"
    state = {**giver.body.state_dict(), "classifier.weight": torch.zeros(3)}
    if suffix == ".pth":
        torch.save({"state_dict": state}, file)
    else:
        save_file({k: v.contiguous() for k, v in state.items()}, file)
    taker = TimmBackbone(SMALL, weights=str(file))
    for key, value in giver.body.state_dict().items():
        assert torch.equal(value, taker.body.state_dict()[key]), key


def write(file: Path, content: object) -> Path:
    torch.save(content, file)
    return file


class Surprise:
    """What an untrusted pickle may hold."""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none.pth", "no such file"),
        (
            lambda folder: write(folder / "other.pth", {"conv.weight": torch.zeros(1)}),
            "tensors of .* are not in the file",
        ),
        (lambda folder: write(folder / "pickle.pth", Surprise()), "refused|more than tensors"),
        (lambda folder: (folder / "x.safetensors").write_bytes(b"no") and folder / "x.safetensors", "not a readable"),
        (lambda folder: (folder / "x.pth").write_bytes(b"") or folder / "x.pth", "not a readable"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TimmBackbone(SMALL, weights=str(make(tmp_path)))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    state = TimmBackbone(SMALL).body.state_dict()
    key = next(iter(state))
    state[key] = torch.zeros(1, 2, 3, 4)
    with pytest.raises(InputError, match=r"has shape \(1, 2, 3, 4\), expected"):
        TimmBackbone(SMALL, weights=str(write(tmp_path / "w.pth", state)))


def test_unknown_backbone_names_the_nearest() -> None:
    with pytest.raises(InputError, match="resnet18") as caught:
        TimmBackbone("resnet_18")
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached_fails_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    create, offline = timm.create_model, []

    def watched(*args, **kwargs):
        if kwargs.get("pretrained"):
            offline.append(constants.HF_HUB_OFFLINE)
        return create(*args, **kwargs)

    monkeypatch.setattr(timm, "create_model", watched)
    with pytest.raises(InputError, match=r"model\.weights=FILE"):
        TimmBackbone("resnet18", pretrained=True)
    assert offline == [True]  # else the hub's own client would try for a minute
    assert constants.HF_HUB_OFFLINE is False
