"""The files that a config names beside the data: their content is part of the result, and they may have moved."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceline.errors import InputError
from faceline.inference.bundle import locate_bundle
from faceline.tasks.task import Config

TEACHER = "task.teacher"

START = "model.start"

BUNDLES = (TEACHER, START, "task.landmarks", "embedder.bundle")

NAMED = ("ckpt_path", "model.weights", "task.detector", "embedder.onnx", *BUNDLES)
"""Keys that name a file; those of bundles may name one of the package."""

DIGESTS_FILE = "files.json"
"""Artifact of a run with the `digests` at its start."""

_PLACES = (*NAMED, "data.root", "data.cache_dir")


def digests(config: Config) -> dict[str, str]:
    """Return a hex digest of the content of each file that a config names, by key.

    Raises:
        InputError: A file is missing.
    """
    named = {key: file for key in NAMED if (file := _value(config, key))}
    return {key: _digest(key, locate_bundle(file) if key in BUNDLES else Path(file)) for key, file in named.items()}


def with_places(config: Config, places: Config) -> Config:
    """Return the config with new places of its files and its data.

    Args:
        config: Config that started a run.
        places: New path at each key that changes, None at the others.

    Raises:
        InputError: A path is given for something that the config does not use.
    """
    moved = {key: place for key in _PLACES if (place := _value(places, key))}
    for key, place in moved.items():
        if _value(config, key) is None and key != "data.root":
            raise InputError(f"the run used no such file; leave {key} out", column=key)
        config = _replaced(config, key.split("."), place)
    if "data.root" in moved:
        if "root" not in config["data"]["source"]:
            raise InputError("the data set of this run is made without files; leave data.root out", column="data.root")
        config = _replaced(config, ["data", "source", "root"], moved["data.root"])
    return config


def _replaced(config: Config, keys: list[str], value: str) -> Config:
    first, *rest = keys
    return {**config, first: _replaced(config[first], rest, value) if rest else value}


def _digest(key: str, file: Path) -> str:
    if not file.is_file():
        raise InputError(f"no such file: {file}; say where it is now with {key}=FILE", column=key)
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _value(config: Mapping[str, Any], key: str) -> Any:
    """Return the value at a key with dots; None if there is none."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
