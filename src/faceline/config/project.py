"""A project of the user's own: packages that a config may build from, and configs beside ours.

What is open stays open for one command. It is in the environment, so that the processes of a sweep see it too.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from faceline.errors import InputError, first_line

FILE: Final = "faceline.yaml"
"""Settings file of a project, read if a command runs in its folder."""

PLUGINS: Final = "faceline.plugins"
"""Group of entry points; each names an installed package that configs may build from."""

_ALLOW, _CONFIGS, _SOURCES = "FACELINE_ALLOW", "FACELINE_CONFIG_DIR", "FACELINE_SOURCE"
_KEYS: Final = ("allow", "config_dir", "source")
_FLAGS: Final = {"--config-dir": _CONFIGS, "-cd": _CONFIGS, "--allow": _ALLOW}
_PARTLY_OPEN: Final = ("faceline", "optuna", "pytorch_lightning", "sklearn", "torch")


def packages() -> tuple[str, ...]:
    """Return the user's packages from which configs may build: by file, by flag and by entry point."""
    return tuple(dict.fromkeys((*_listed(_ALLOW), *_plugins())))


def config_folders() -> list[Path]:
    """Return the folders with the user's own configs."""
    return [Path(folder) for folder in _listed(_CONFIGS)]


def used_packages(config: Any) -> list[str]:
    """Return the packages, beside ours and the libraries, that a config's targets name; sorted."""
    known = packages()
    return sorted({name for target in _targets(config) if (name := target.split(".")[0]) in known})


def open_sources() -> None:
    """Let Python find the packages of the project, in this process and in those that it starts."""
    for folder in reversed(_listed(_SOURCES)):
        if folder not in sys.path:
            sys.path.insert(0, folder)


@contextmanager
def opened(words: Sequence[str], ours: Path) -> Iterator[list[str]]:
    """Open what the file in the current folder and the flags of a command line name.

    Args:
        words: Words of the command line.
        ours: Folder of faceline's own configs.

    Yields:
        The words without our own flags, with the folder of configs in Hydra's form.

    Raises:
        InputError: The file or a flag is wrong, or a user's config has the name of one of ours.
    """
    before, path = {name: os.environ.get(name) for name in (_ALLOW, _CONFIGS, _SOURCES)}, list(sys.path)
    given, left = _flags(words)
    settings = _read(Path.cwd() / FILE)
    allow = [*settings.get("allow", []), *(name for word in given[_ALLOW] for name in word.split(","))]
    configs = given[_CONFIGS] or ([settings["config_dir"]] if "config_dir" in settings else [])
    try:
        _add(_ALLOW, [_allowed(name) for name in allow])
        _add(_CONFIGS, [str(_config_folder(Path(each), ours)) for each in configs])
        _add(_SOURCES, [str(Path(settings["source"]).resolve())] if "source" in settings else [])
        open_sources()
        yield left
    finally:
        sys.path[:] = path
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _listed(variable: str) -> list[str]:
    return [each for each in os.environ.get(variable, "").split(os.pathsep) if each]


def _add(variable: str, values: list[str]) -> None:
    os.environ[variable] = os.pathsep.join(dict.fromkeys([*_listed(variable), *values]))


@cache
def _plugins() -> tuple[str, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415  # slow, and of no use to the help

    return tuple(_allowed(point.value.split(":")[0].split(".")[0]) for point in entry_points(group=PLUGINS))


def _targets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("_target_"), str):
            yield value["_target_"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _targets(each)


def _flags(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the values of our flags, as ``--flag value`` or ``--flag=value``, and the remaining words."""
    given: dict[str, list[str]] = {_ALLOW: [], _CONFIGS: []}
    left, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if flag not in _FLAGS:
            left.append(word)
            continue
        if not equals and not rest:
            raise InputError(f"{flag}: expected a {'folder' if _FLAGS[flag] == _CONFIGS else 'package'} after it")
        given[_FLAGS[flag]].append(value if equals else rest.pop(0))
    return given, left


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"cannot be read as YAML ({first_line(error)})", file=file) from None
    if not isinstance(settings, dict):
        raise InputError(f"expected keys and values: {', '.join(_KEYS)}", file=file)
    for key, value in settings.items():
        if key not in _KEYS:
            raise InputError(f"no such key; expected one of {', '.join(_KEYS)}", file=file, column=str(key))
        expected = "a list of packages" if key == "allow" else "the name of a folder"
        texts = value if key == "allow" and isinstance(value, list) else [value if key != "allow" else None]
        if not all(isinstance(each, str) for each in texts):
            raise InputError(f"expected {expected}, got {value!r}", file=file, column=key)
    folders = {key: str(file.parent / settings[key]) for key in ("config_dir", "source") if key in settings}
    for key, place in folders.items():
        if not Path(place).is_dir():
            raise InputError(f"no such folder: {place}", file=file, column=key)
    return {**settings, **folders}


def _allowed(name: str) -> str:
    """Check a package that is to be opened: it is none of Python's own, and no library that is partly open."""
    if not name.isidentifier() or name.startswith("_"):
        raise InputError(f"expected the name of a package, such as my_project, got {name!r}", column="allow")
    if name in sys.stdlib_module_names or name in _PARTLY_OPEN:
        raise InputError(
            f"{name} is not code of your own, and a config could do anything with it; name a package of yours",
            column="allow",
        )
    return name


def _config_folder(folder: Path, ours: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}", column="--config-dir")
    for file in sorted(folder.rglob("*.yaml")):
        name = file.relative_to(folder)
        if (ours / name).is_file() and ours.resolve() != folder.resolve():
            raise InputError(f"faceline has a config {name} of its own, which would be read; rename yours", file=file)
    return folder.resolve()
