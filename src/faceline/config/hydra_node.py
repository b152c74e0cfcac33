"""What Hydra itself would build of a config before the job is checked: its callbacks, launcher, sweeper and logs."""

from collections.abc import Iterator
from typing import Any, Final

import hydra._internal.hydra as internals
from hydra._internal.callbacks import Callbacks
from omegaconf import DictConfig, OmegaConf

from faceline.config.check import check_targets
from faceline.errors import InputError

_PLUGINS: Final = ("launcher", "sweeper")


class CheckedCallbacks(Callbacks):
    """Hydra's callbacks, which are the first thing that is built of a composed config.

    Raises:
        InputError: The part of the config that is Hydra's asks for something that may not be built.
    """

    def __init__(self, config: DictConfig | None = None) -> None:
        if config is not None and config.get("hydra") is not None:
            node = OmegaConf.to_container(config.hydra, resolve=False)
            assert isinstance(node, dict)
            check_hydra({str(key): value for key, value in node.items()})
        super().__init__(config)


def guard() -> None:
    """Let Hydra look before it builds."""
    internals.Callbacks = CheckedCallbacks  # type: ignore[attr-defined]


def check_hydra(node: dict[str, Any]) -> None:
    """Refuse what may not be built.

    Args:
        node: The part of a config below ``hydra``.

    Raises:
        InputError: A ``_target_`` that is not on the list of those that any config may name, or a class of a log
            that is not one of ``logging``.
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
    """What a config of logs would have built: its classes, factories and outside objects."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("class", "()", ".") or (isinstance(value, str) and value.startswith(("ext://", "cfg://"))):
                yield f"{key}.{name}", value
            yield from _classes(value, f"{key}.{name}")
