"""Where the configs are, and what can be chosen there; imports nothing heavy, for the command's help."""

import difflib
from collections.abc import Iterable
from pathlib import Path


def conf_dir() -> Path:
    """The folder of the configs: inside an installed package, at the root of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def groups(conf: Path) -> list[str]:
    """The config groups, such as ``data`` and ``model``."""
    return sorted(path.name for path in conf.iterdir() if path.is_dir())


def options(conf: Path, group: str) -> list[str]:
    """What a group can be set to; options in a subfolder as ``folder/option``.

    Names that begin with an underscore are parts of other options and are left out.
    """
    folder = conf / group
    files = (path for path in folder.rglob("*.yaml") if not path.name.startswith("_"))
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in files)


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The most similar of some words, if one is similar at all."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return found[0] if found else None


def hint(word: str, words: Iterable[str]) -> str:
    """The end of a message about a wrong word: the nearest right one, else all of them."""
    words = sorted(words)
    near = nearest(word, words)
    if near is not None:
        return f"; did you mean {near}?"
    return f"; expected one of {', '.join(words)}" if words else ""
