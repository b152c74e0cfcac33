"""Some depthwise convolutions compute in float32 under mixed precision, and nothing else about a network changes."""

import copy

import pytest
import torch
from torch import nn

from faceline.models.landmark_nets import TimmBackbone
from faceline.models.quick_depthwise import Float32Conv2d, quicken


def depthwise(stride: int = 1, kernel: int = 3, channels: int = 16) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


def test_only_strided_and_large_depthwise_kernels_are_exchanged_and_they_keep_their_weights() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(depthwise(), nn.Sequential(depthwise(2), depthwise(1, 5)), nn.Conv2d(16, 8, 3, 2))
    before, images = copy.deepcopy(net), torch.rand(2, 16, 12, 12)
    quicken(net)
    assert [type(each) is Float32Conv2d for each in net.modules() if isinstance(each, nn.Conv2d)] == [
        False,
        True,
        True,
        False,
    ]
    assert net.state_dict().keys() == before.state_dict().keys()
    assert torch.equal(net(images), before(images))


@pytest.mark.parametrize(("stride", "kernel"), [(2, 3), (1, 5), (2, 5)])
def test_values_and_gradients_are_those_of_float32(stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(depthwise(stride, kernel))
    quick = copy.deepcopy(plain)
    quicken(quick)
    images = torch.rand(2, 16, 12, 12).bfloat16()
    exact = plain(images.float())
    exact.square().sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        found = quick(images)
    found.float().square().sum().backward()
    assert found.dtype is torch.bfloat16
    assert torch.equal(found, exact.bfloat16())
    torch.testing.assert_close(quick[0].weight.grad, plain[0].weight.grad, rtol=0.02, atol=0.1)


def test_backbones_of_timm_are_quickened_and_copies_have_weights_of_their_own() -> None:
    backbone = TimmBackbone("mobilenetv2_100")
    strided = [each for each in backbone.modules() if isinstance(each, Float32Conv2d)]
    assert len(strided) == 4 and all(each.stride == (2, 2) for each in strided)
    copied = copy.deepcopy(backbone)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for weights in copied.parameters():
            weights.zero_()
    assert backbone(images)[-1].std() > 0
