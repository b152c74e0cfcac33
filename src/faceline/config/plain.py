"""A composed config as what it is in the end: plain containers."""

from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config with every interpolation resolved, in plain containers.

    Raises:
        OmegaConfBaseException: A value is missing (``???``) or an interpolation does not resolve.
    """
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}
