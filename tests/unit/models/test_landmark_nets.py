"""Backbones: shapes, and weights that fit or are refused."""

from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from faceline.errors import InputError
from faceline.models.heads import VotingHead
from faceline.models.landmark_nets import SmallCNN, TimmBackbone

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
        (lambda folder: (folder / "x.pth").write_bytes(b"root:x:0:0:") and folder / "x.pth", "not a readable"),
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
