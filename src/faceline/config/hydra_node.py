"""Checks what Hydra itself would build before the job is checked: its callbacks, launcher, sweeper and logs."""

from collections.abc import Iterator
from typing import Any, Final

import hydra._internal.hydra as internals
from hydra._internal.callbacks import Callbacks
from omegaconf import DictConfig, OmegaConf

from faceline.config.check import check_targets
from faceline.errors import InputError

_PLUGINS: Final = ("launcher", "sweeper")


class CheckedCallbacks(Callbacks):
    """Hydra's callbacks, the first objects that are built of a composed config.

    Raises:
        InputError: Hydra's part of the config names something that may not be built.
    """

    def __init__(self, config: DictConfig | None = None) -> None:
        if config is not None and config.get("hydra") is not None:
            node = OmegaConf.to_container(config.hydra, resolve=False)
            assert isinstance(node, dict)
            check_hydra({str(key): value for key, value in node.items()})
        super().__init__(config)


def guard() -> None:
    """Make Hydra check before it builds."""
    internals.Callbacks = CheckedCallbacks  # type: ignore[attr-defined]


def check_hydra(node: dict[str, Any]) -> None:
    """Refuse what may not be built.

    Args:
        node: Part of a config below ``hydra``.

    Raises:
        InputError: A ``_target_`` is not on the list that any config may use, or a log's class does not belong to
            ``logging``.
    """
    for name in _PLUGINS:  # Hydra itself takes plugins only here
        if isinstance(node.get(name), dict):
            node[name] = {key: value for key, value in node[name].items() if key != "_target_"}
    check_targets({"hydra": node})
    for log in ("hydra_logging", "job_logging"):
        for key, value in _classes(node.get(log), f"hydra.{log}"):
            if not str(value).startswith(("logging.", "colorlog.", "ext://sys.std")):
                raise InputError(f"{key}: {value} is not allowed; expected a class of logging")


def _classes(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield what a config of logs would build: its classes, factories and outside objects."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("class", "()", ".") or (isinstance(value, str) and value.startswith(("ext://", "cfg://"))):
                yield f"{key}.{name}", value
            yield from _classes(value, f"{key}.{name}")
