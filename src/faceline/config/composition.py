"""Turns the errors of Hydra into one line each."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from faceline.config.quoting import OVERRIDE_FORM
from faceline.config.targets import allowed, locate, parameters, refuse_prefix
from faceline.config.tree import groups, hint, nearest, nearest_leaf, options
from faceline.errors import InputError, first_line


def explain_composition(error: BaseException, conf: Path) -> str | None:  # noqa: PLR0911  # a table of kinds
    """Turn an error of Hydra into one line; None for other errors.

    Args:
        error: Raised error.
        conf: Folder of the configs, for the names of options.
    """
    match error:
        case MissingConfigException():
            return _missing_option(error, conf)
        case OverrideParseException():
            return f"{error.override}: not an override; {OVERRIDE_FORM}"
        case InstantiationException():
            return _instantiation(error)
        case ConfigCompositionException():
            return _composition(error, conf)
        case HydraException():
            return first_line(error)
        case ValueError() if str(error).startswith("Config group override must be"):
            return "a group cannot be set to null on the command line; leave it out with ~GROUP, as in ~debug"
    return None


def _missing_option(error: MissingConfigException, conf: Path) -> str:
    """Explain ``model=cn`` with the options of the group."""
    group, _, option = _group_and_option(str(error.missing_cfg_file), conf)
    if not option:
        verbs = [path.stem for path in conf.glob("*.yaml")]
        return f"--config-name {group}: no such config{hint(group, verbs)}"
    if group in groups(conf):
        known = options(conf, group)
    else:  # one of Hydra's own groups, such as hydra/launcher
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        known = list(error.options or ())
    near = nearest(option, known)
    meant = f"did you mean {group}={near}? " if near else ""
    return f"{group}={option}: no such option; {meant}options: {', '.join(known) or 'none'}"


def _group_and_option(file: str, conf: Path) -> tuple[str, str, str]:
    """Split a file such as ``model/head/simc`` into the option ``simc`` of the group ``model/head``."""
    inner = [group for group in groups(conf) if "/" in group and file.startswith(f"{group}/")]
    return (inner[0], "/", file.removeprefix(f"{inner[0]}/")) if inner else file.partition("/")


def _instantiation(error: InstantiationException) -> str | None:
    """Explain a class that refuses its arguments; anything else is a bug."""
    if not isinstance(error.__cause__, ValueError):
        return None
    target = re.search(r"target '([^']+)'", str(error))
    key = re.search(r"full_key: (\S+)", str(error))
    place = key[1] if key else target[1] if target else "config"
    return f"{place}: {first_line(error.__cause__)}"


def _composition(error: ConfigCompositionException, conf: Path) -> str:
    """Explain the messages of Hydra's composition, known by their wording: it has one error class for all."""
    message, cause = str(error), error.__cause__
    if key := re.search(r"Could not delete (?:from config. )?'([^']+)'(?:. No match| does not exist)", message):
        return f"~{key[1]}: no such key to delete{hint(key[1], groups(conf))}"
    if key := re.search(r"Could not override '([^']+)'", message):
        node = cause.parent_node if isinstance(cause, OmegaConfBaseException) else None
        inner = str(getattr(cause, "full_key", None) or "")  # of a mapping that was typed as a whole
        return _unknown_key(inner if inner.startswith(f"{key[1]}.") else key[1], node, conf)
    if isinstance(cause, OmegaConfBaseException):
        key = re.search(r"Error merging override (\S+?)=", message)
        return f"{key[1] if key else cause.full_key or 'config'}: {first_line(cause)}"
    if several := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '([^'\n]+)'", message):
        return f"{several[1]}: several values; add -m to run each, or write [ ] around them for a list"
    return message


def _unknown_key(key: str, node: Any, conf: Path) -> str:
    """Explain ``model.bakcbone=…`` with the nearest key of the config, its groups and the node's target."""
    if key in groups(conf):
        return f"{key}: this command has no such choice; leave it out"
    config: Any = node._get_root() if isinstance(node, DictConfig | ListConfig) else OmegaConf.create()
    parent, _, word = key.rpartition(".")
    beside = _optional(OmegaConf.select(config, parent) if parent else None)
    if word in beside:
        return f"{key}: not in this config; add it with +{key}=…"
    hydra = key.startswith("hydra")
    known = [name for name in _keys(config, "") if name.startswith("hydra") == hydra] + groups(conf)
    inner = [group for group in groups(conf) if "/" in group]
    if group := next((group for group in inner if group.endswith(f"/{key}")), None) or (
        nearest(key, inner) if "/" in key else None
    ):
        return f"{key}: no such key; did you mean {group}=…?"
    siblings = {name for name in known if name.rpartition(".")[0] == parent} | {f"{parent}.{name}" for name in beside}
    near = nearest_leaf(word, siblings) or nearest(key, known) or nearest_leaf(word, known)
    if near is not None:
        plus = "" if near in known else "+"
        return f"{key}: no such key; did you mean {plus}{near}?"
    return f"{key}: no such key{hint('', siblings)}"


def _optional(node: Any) -> list[str]:
    """Return the parameters of a node's target that its config leaves at their defaults."""
    if not isinstance(node, DictConfig) or "_target_" not in node:
        return []
    target = str(node["_target_"])
    try:
        refuse_prefix("_target_", target, allowed())
        return [name for name in parameters(locate("_target_", target)).hints if name not in node]
    except InputError:
        return []


def _keys(config: Any, prefix: str) -> Iterator[str]:
    """Yield every key of a config in full."""
    if not isinstance(config, DictConfig) or config._is_none() or config._is_missing() or config._is_interpolation():
        return
    for name in map(str, config):
        key = f"{prefix}.{name}" if prefix else name
        yield key
        yield from _keys(config._get_node(name), key)
