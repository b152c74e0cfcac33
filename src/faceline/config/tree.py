"""Finds the configs and their options, without heavy imports, for the command's help."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from faceline.config.project import config_folders


def conf_dir() -> Path:
    """Return the folder of the configs: inside an installed package, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def groups(conf: Path) -> list[str]:
    """Return the config groups, such as ``data``, ``model`` and, inside a model, ``model/head``."""
    outer = sorted({path.name for folder in _with_own(conf) for path in folder.iterdir() if path.is_dir()})
    return sorted([*outer, *(f"{group}/{inner}" for group in outer for inner in inner_groups(conf, group))])


def inner_groups(conf: Path, group: str) -> list[str]:
    """Return the subfolders of a group that its options choose from, such as ``head`` of ``model``."""
    folders = [folder / group for folder in _with_own(conf) if (folder / group).is_dir()]
    texts = [file.read_text(encoding="utf-8") for folder in folders for file in folder.glob("*.yaml")]
    names = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
    return sorted(
        name for name in names if any(re.search(rf"^ +- {re.escape(name)}: ", text, re.MULTILINE) for text in texts)
    )


def options(conf: Path, group: str) -> list[str]:
    """Return the options of a group; those in a subfolder as ``folder/option``.

    Names that begin with an underscore are parts of other options and are left out. So are subfolders that are groups
    of their own.
    """
    names = inner_groups(conf, group)
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for folder in (each / group for each in _with_own(conf))
        for path in folder.rglob("*.yaml")
        if not path.name.startswith("_") and {folder / name for name in names}.isdisjoint(path.parents)
    )


def _with_own(conf: Path) -> list[Path]:
    """Return a folder of configs, and those of the user's own project."""
    return [conf, *config_folders()]


def keys_of(conf: Path, verb: str) -> list[str]:
    """Return a command's keys, such as ``trainer.max_epochs``, with those of its default groups.

    Args:
        conf: Folder of the configs.
        verb: Name of the command's file there.
    """
    return _keys_below(conf, "", verb)


def _keys_below(conf: Path, group: str, option: str) -> list[str]:
    """Return the keys of one file of a group, and of the files in its defaults."""
    places = (folder / group / f"{option}.yaml" for folder in _with_own(conf))
    content = _read(next((file for file in places if file.is_file()), conf))
    found = _leaves(content, group.replace("/", "."))
    for each in content.get("defaults", ()):
        if isinstance(each, dict):
            for name, chosen in each.items():
                found += _keys_below(conf, f"{group}/{name}".strip("/"), str(chosen))
        elif each != "_self_":
            found += _keys_below(conf, group, str(each))
    return found


def _read(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    return content if isinstance(content, dict) else {}


def _leaves(node: dict[str, Any], prefix: str) -> list[str]:
    """Return the full keys of the values below a node."""
    found = []
    for name, value in node.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if name == "defaults" or str(name).startswith("_"):
            continue
        found += _leaves(value, key) if isinstance(value, dict) else [key]
    return found


def nearest_leaf(word: str, keys: Iterable[str]) -> str | None:
    """Return the key whose last part is the most similar to a word; None if none is."""
    leaves = {re.split(r"[./]", key)[-1]: key for key in sorted(keys, key=len, reverse=True)}
    near = nearest(word, leaves)
    return None if near is None else leaves[near]


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the most similar word; None if none is similar."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return found[0] if found else None


def hint(word: str, words: Iterable[str]) -> str:
    """Return the end of a message about a wrong word: the nearest right one, else all of them."""
    words = sorted(words)
    near = nearest(word, words)
    if near is not None:
        return f"; did you mean {near}?"
    return f"; expected one of {', '.join(words)}" if words else ""
