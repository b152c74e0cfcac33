"""Starts a training from the weights of a bundle, which has no batch normalisation and may be in 8 bits."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from faceline.errors import InputError

NEW = "detail_stage."
"""Layers that a bundle may lack, because they can be trained on top of one."""


def start_from(model: nn.Module, graph: bytes, run: Callable[[], object]) -> None:
    """Load the weights of an exported network into a new one with the same layers.

    An export folds each batch normalisation into the convolution before it. Here each one is restored so that the
    network computes the same, with the statistics of the frames that it will be trained on.

    Args:
        model: The network to fill; its mode stays as it is.
        graph: ONNX graph in 32 or 8 bits.
        run: Function that runs the model on some frames.

    Raises:
        InputError: The graph has other layers.
    """
    weights = _weights(graph)
    folded: list[tuple[nn.BatchNorm2d, Tensor]] = []
    state = model.state_dict()
    for name, value in weights.items():
        norm = re.sub(r"\d+\.weight_bias$", lambda place: str(int(place[0].split(".")[0]) + 1), name)
        if name.endswith(".weight_bias"):
            folded.append((_norm(model, norm), torch.from_numpy(value)))
        elif name in state:
            if state[name].shape != value.shape:
                raise _other(f"{name} is {tuple(value.shape)}, and {tuple(state[name].shape)} here")
            state[name].copy_(torch.from_numpy(value))
    new = () if any(name.startswith(NEW) for name in weights) else (NEW,)
    missing = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Conv1d)
               and f"{name}.weight" not in weights and not name.startswith(new)]  # fmt: skip
    if missing or not folded:
        raise _other(f"it has no weights for {missing[0] if missing else 'any normalised layer'}")
    for layer, bias in folded:
        layer.running_mean.zero_()  # type: ignore[union-attr]
        layer.running_var.fill_(1 - layer.eps)  # type: ignore[union-attr]
        layer.weight.data.fill_(1)
        layer.bias.data.copy_(bias)
    seen = {id(layer): _Moments() for layer, _ in folded}
    with _evaluating(model), torch.inference_mode(), _watching([layer for layer, _ in folded], seen):
        run()
    for layer, bias in folded:
        mean, variance = seen[id(layer)].mean_and_variance()
        layer.running_mean.copy_(mean)  # type: ignore[union-attr]
        layer.running_var.copy_(variance)  # type: ignore[union-attr]
        layer.weight.data.copy_((variance + layer.eps).sqrt())
        layer.bias.data.copy_(bias + mean)


class _Moments:
    """Mean and variance of each channel over all maps that are added."""

    def __init__(self) -> None:
        self.count, self.sum, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, maps: Tensor) -> None:
        """Add maps (n, c, h, w)."""
        values = maps.double()
        self.count += maps.numel() // maps.shape[1]
        self.sum, self.squares = self.sum + values.sum((0, 2, 3)), self.squares + values.square().sum((0, 2, 3))

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance, (c,) each."""
        mean = self.sum / self.count
        return mean.float(), (self.squares / self.count - mean.square()).clamp(min=1e-6).float()


@contextmanager
def _watching(layers: list[nn.BatchNorm2d], seen: dict[int, _Moments]) -> Iterator[None]:
    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs: seen[id(module)].add(inputs[0])) for layer in layers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _weights(graph: bytes) -> dict[str, np.ndarray]:
    """Return the tensors of a graph by their names in the network; 8-bit tensors are converted to floats."""
    tensors = {each.name: numpy_helper.to_array(each) for each in onnx.load_from_string(graph).graph.initializer}
    found: dict[str, np.ndarray] = {}
    for name, value in tensors.items():
        plain = value
        if name.endswith("_quantized"):
            stem = name if f"{name}_scale" in tensors else name.removesuffix("_quantized")  # biases, weights
            scale, zero = (tensors[f"{stem}_{part}"].astype(np.float32) for part in ("scale", "zero_point"))
            if scale.ndim:
                around = (-1, *[1] * (value.ndim - 1))
                scale, zero = scale.reshape(around), zero.reshape(around)
            plain = (value.astype(np.float32) - zero) * scale
        found[_own_name(name.removesuffix("_quantized"))] = np.array(plain)
    return found


def _own_name(name: str) -> str:
    """Return the name that the network gives a tensor, or a folded normalisation that of the convolution before it.

    A layer that is used twice is folded by ONNX Runtime, which gives it names of its own, and the second use a number.
    """
    name = re.sub(r"_token_\d+$", "", name)
    folded = re.match(r"ConvBnFusion_BN_B_(.+)\.(\d+)\.bias$", name)
    if folded:
        name = f"{folded[1]}.{int(folded[2]) - 1}.weight_bias"
    short = name.removeprefix("ConvBnFusion_W_").removeprefix("model.")
    return re.sub(r"^first_look\.", "coarse_stage.", short)


def _norm(model: nn.Module, name: str) -> nn.BatchNorm2d:
    try:
        layer: Any = model.get_submodule(name)
    except AttributeError:
        layer = None
    if not isinstance(layer, nn.BatchNorm2d):
        raise _other(f"it has no batch normalisation {name}")
    return layer


def _other(reason: str) -> InputError:
    return InputError(f"the bundle is of another model: {reason}", column="model.start")
