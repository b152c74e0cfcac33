"""Resolvers for configs: values that depend on the machine or on other parts of the config."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
"""CPU flags without which bfloat16 is slower than float32."""


def cpu_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return Lightning's name of the fastest precision that this CPU trains in."""
    try:
        flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return "32-true"
    return "bf16-mixed" if BFLOAT16_FLAGS & set(flags.split()) else "32-true"


def model_name(model: Mapping[str, Any]) -> str:
    """Return a name for the runs of a model: timm's name of its backbone, or the last part of its class."""
    core = model.get("backbone") or model.get("estimator") or model
    return core if isinstance(core, str) else str(core["_target_"]).rpartition(".")[2].lower()


def embedder_name(embedder: Mapping[str, Any]) -> str:
    """Return a name for the runs of a ready embedder: that of its file, or of the one that ships."""
    return Path(str(embedder.get("onnx") or embedder.get("bundle"))).stem


def mirrored_by_transforms(model_mirrors: bool) -> float:
    """Return the share of training frames that transforms mirror: half, unless the model mirrors and marks them."""
    return 0.0 if model_mirrors else 0.5


def register() -> None:
    """Register the resolvers with OmegaConf."""
    OmegaConf.register_new_resolver("cpu_precision", cpu_precision, replace=True)
    OmegaConf.register_new_resolver("embedder_name", embedder_name, replace=True)
    OmegaConf.register_new_resolver("mirrored_by_transforms", mirrored_by_transforms, replace=True)
    OmegaConf.register_new_resolver("model_name", model_name, replace=True)
