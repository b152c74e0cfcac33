"""Tells an error of the user's own code in one line: where, in what, and how to see more."""

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, Final, NamedTuple

from faceline.config.project import packages

_FULL: Final = "HYDRA_FULL_ERROR"
_LONGEST: Final = 300
_OF_WORKER: Final = "\nOriginal Traceback (most recent call last):\n"
"""What a worker of a DataLoader writes into the message of its error, before its traceback."""


class _Place(NamedTuple):
    """A place in a source file.

    Attributes:
        module: Name of the module; empty where it is not known.
        file: The file.
        row: Row of that file.
        name: Function or class there.
    """

    module: str
    file: str
    row: int
    name: str


def wants_traceback() -> bool:
    """Tell whether the user asks for the traceback of every error, as users of Hydra do."""
    return os.environ.get(_FULL) == "1"


def is_of_own_code(error: BaseException) -> bool:
    """Tell whether code of the user's own packages raised the error, or was called or read as it cannot be."""
    return _place(error) is not None


def explain_own_code(error: BaseException) -> str | None:
    """Tell an error of the user's own packages in one line; None for any other."""
    place = _place(error)
    if place is None:
        return None
    told = " ".join(_told(error).split())
    short = told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"
    file, here = Path(place.file), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{shown}, row {place.row}: {place.module}.{place.name}: {short}; {_FULL}=1 shows the whole traceback"


def own_code_of(kind: type) -> str:
    """Return the text of the user's own modules that define a class and its bases; empty if there are none."""
    modules = [sys.modules[base.__module__] for base in kind.__mro__ if _root(base.__module__) in packages()]
    return "".join(inspect.getsource(module) for module in dict.fromkeys(modules))


def _place(error: BaseException) -> _Place | None:
    """Return the place in the user's own code that an error is about.

    An error belongs to the last code on its way that is either the user's or faceline's; libraries only pass it on.
    """
    places = [place for place in _way(error) if _root(place.module) in (*packages(), "faceline")]
    if places and _root(places[-1].module) != "faceline":
        return places[-1]
    if isinstance(error, AttributeError):
        return _place_of(error.obj if isinstance(error.obj, type) else type(error.obj))
    wrong = re.match(r"(\w[\w.]*)\(\) (got|takes|missing)", str(error)) if isinstance(error, TypeError) else None
    return None if wrong is None else next(filter(None, map(_place_of, _named(wrong[1]))), None)


def _way(error: BaseException) -> Iterator[_Place]:
    """Yield the places that an error came through, the last one last; from a worker's message where it has them."""
    _, told, text = str(error).partition(_OF_WORKER)
    if told:
        modules = {getattr(module, "__file__", None): name for name, module in list(sys.modules.items())}
        for file, row, name in re.findall(r'^ *File "(.+)", line (\d+), in (\S+)', text, re.MULTILINE):
            yield _Place(modules.get(file, ""), file, int(row), name)
    else:
        for frame, row in walk_tb(error.__traceback__):
            code = frame.f_code
            yield _Place(str(frame.f_globals.get("__name__")), code.co_filename, row, code.co_qualname)


def _told(error: BaseException) -> str:
    """Return class and message of an error, without the traceback that a worker adds."""
    text = str(error)
    if _OF_WORKER in text:
        return re.split(r"\n(?=\S)", text.rpartition('\n  File "')[2], maxsplit=1)[-1]
    return f"{type(error).__name__}: {text}" if text.strip() else type(error).__name__


def _place_of(thing: Any) -> _Place | None:
    """Return where a function or a class of the user's own packages stands; None for any other."""
    module = str(getattr(thing, "__module__", ""))
    if _root(module) not in packages():
        return None
    return _Place(module, inspect.getfile(thing), inspect.getsourcelines(thing)[1], thing.__qualname__)


def _named(qualname: str) -> Iterator[Callable[..., Any]]:
    """Yield the functions of a name, such as ``Net.forward``, in the user's own modules."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and _root(module.__name__) in packages():
            try:
                yield inspect.unwrap(attrgetter(qualname)(module))
            except AttributeError:
                continue


def _root(module: str) -> str:
    return module.partition(".")[0]
