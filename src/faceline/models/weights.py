"""Loads pretrained weights from a local file, or from a hub that may be out of reach."""

import pickle
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from huggingface_hub import constants
from safetensors.torch import load_file
from torch import Tensor, nn

from faceline.errors import InputError, first_line

HUB_SECONDS = 3
"""Seconds that the hub may take to answer."""


@contextmanager
def no_waiting_for_the_hub() -> Iterator[None]:
    """Fail at once if the hub does not answer; weights that were downloaded before still load.

    The hub's own client would try for a minute.
    """
    before = constants.HF_HUB_OFFLINE
    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        if not before:
            urllib.request.urlopen(request, timeout=HUB_SECONDS).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def load_weights(body: nn.Module, name: str, file: Path) -> None:
    """Load a whole classifier's weights from a file into a network; every tensor must be found.

    Args:
        body: The network without the classifier.
        name: Name of the model in timm, for messages.
        file: A .safetensors or .pth file.

    Raises:
        InputError: The file is missing, damaged, holds more than tensors, or belongs to another model.
    """
    state = _read_weights(file)
    own = body.state_dict()
    prefix = "model." if all(key.startswith("model.") for key in own) else ""  # timm wraps some families
    state = {prefix + key: value for key, value in state.items() if prefix + key in own}
    missing = sorted(key for key in own.keys() - state.keys() if not key.endswith("num_batches_tracked"))
    if missing:
        raise InputError(
            f"{len(missing)} of {len(own)} tensors of {name} are not in the file (the first: {missing[0]}); expected "
            f"weights of this very model",
            file=file,
            column="model.weights",
        )
    wrong = [key for key, value in state.items() if value.shape != own[key].shape]
    if wrong:
        got, expected = tuple(state[wrong[0]].shape), tuple(own[wrong[0]].shape)
        raise InputError(
            f"{wrong[0]} has shape {got}, expected {expected} for {name}", file=file, column="model.weights"
        )
    body.load_state_dict(state, strict=False)


def _read_weights(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise InputError("no such file; give a .safetensors or .pth file", file=file, column="model.weights")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            "refused: the file holds more than tensors; save its state_dict alone", file=file, column="model.weights"
        ) from error
    except Exception as error:  # any other file is to torch a program of nonsense, and fails in any way
        raise InputError(
            f"not a readable weight file ({first_line(error)})", file=file, column="model.weights"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(state, dict):
        raise InputError("holds no state_dict, which gives a tensor to every name", file=file, column="model.weights")
    return {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
