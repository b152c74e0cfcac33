"""Reads a YAML file into a pydantic model, and names the line of a fault."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from faceline.config.check import Place
from faceline.config.tree import hint
from faceline.errors import InputError

_Model = TypeVar("_Model", bound=BaseModel)


class YamlFile:
    """A YAML file: plain data, and the line of every value.

    Args:
        file: File to read.

    Raises:
        InputError: The file cannot be read, is not YAML, or has a key twice.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InputError("no such file", file=file) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read as text in UTF-8: {error}", file=file) from None
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "not YAML"
            raise InputError(f"not YAML: {problem}", file=file, row=mark.line + 1 if mark else None) from None
        except ValueError as error:  # a date that there is not, such as 30 February
            raise InputError(str(error), file=file, row=_odd_row(root)) from None
        self._lines: dict[Place, int] = {}
        if root is not None:
            for place, node, key in _walk(root, (), None):
                if key is not None and place in self._lines:
                    raise self.error(f"the key {place[-1]} is there twice", place, key.start_mark.line + 1)
                self._lines[place] = (key or node).start_mark.line + 1

    def __contains__(self, place: Place) -> bool:
        """Tell whether the file has a value at a place."""
        return place in self._lines

    def error(self, message: str, place: Place, row: int | None = None) -> InputError:
        """Return an error at a place of the file, with its line or that of the nearest place above it."""
        above = place
        while above and above not in self._lines:
            above = above[:-1]
        row = row or self._lines.get(above, 1)
        key = ".".join(map(str, place))
        return InputError(f"{key}: {message}" if key else message, file=self.file, row=row)

    def parse(self, model: type[_Model], explain_key: dict[str, str] | None = None) -> _Model:
        """Return the content of the file as a model.

        Args:
            model: Model that forbids unknown keys.
            explain_key: Why some keys do not exist, by key in lower case.

        Raises:
            InputError: The first fault, with its line.
        """
        try:
            return model.model_validate(self.data if self.data is not None else {})
        except ValidationError as refusal:
            # a misspelt key also misses the right one: tell the first
            error = min(refusal.errors(), key=lambda error: error["type"] != "extra_forbidden")
        place: Place = tuple(error["loc"])
        if error["type"] == "extra_forbidden":
            word = str(place[-1])
            why = (explain_key or {}).get(word.lower())
            raise self.error(why or f"no such key{hint(word, _fields(model, place[:-1]))}", place)
        if error["type"] == "missing":
            raise self.error("missing", place)
        message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        came = f", got {error['input']!r}" if isinstance(error["input"], str | int | float | bool | None) else ""
        raise self.error(message[0].lower() + message[1:] + (came if error["type"] != "value_error" else ""), place)


def _odd_row(root: yaml.Node | None) -> int | None:
    """Return the line of the first value that looks like a date or number but is none."""
    scalars = (node for _, node, _ in _walk(root, (), None) if isinstance(node, yaml.ScalarNode)) if root else ()
    for node in scalars:
        try:
            yaml.SafeLoader("").construct_object(node)
        except ValueError:
            return int(node.start_mark.line) + 1
    return None


def _walk(node: yaml.Node, place: Place, key: yaml.Node | None) -> Iterator[tuple[Place, yaml.Node, yaml.Node | None]]:
    """Yield every value with its place, and the node of its key if it has one."""
    yield place, node, key
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _walk(value, (*place, _word(name)), name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*place, index), None)


def _word(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node.value, Hashable) else "?"


def _fields(model: type[BaseModel], parents: Place) -> list[str]:
    """Return the keys that a model has below a place."""
    found: Any = model
    for parent in parents:
        if isinstance(parent, str) and isinstance(found, type) and issubclass(found, BaseModel):
            found = found.model_fields[parent].annotation
        while not (isinstance(found, type) and issubclass(found, BaseModel)):
            found = next((part for part in getattr(found, "__args__", ()) if part is not type(None)), BaseModel)
    return list(found.model_fields)
