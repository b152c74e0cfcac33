"""Reads plain data into a pydantic model, and names the place of a fault: in a YAML file, its line."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from faceline.config.check import Place, expected_of, shortened
from faceline.config.tree import hint
from faceline.errors import InputError
from faceline.files import why_no_file

_Model = TypeVar("_Model", bound=BaseModel)


class PlainData:
    """Plain data of a file, such as a draft that nobody has written as text yet.

    Args:
        file: File that the data belong to.
        data: Mappings, lists and values.
    """

    def __init__(self, file: Path, data: Any) -> None:
        self.file, self.data = file, data

    def __contains__(self, place: Place) -> bool:
        """Tell whether there is a value at a place."""
        found = self.data
        try:
            for key in place:
                found = found[key]
        except (KeyError, IndexError, TypeError):
            return False
        return True

    def error(self, message: str, place: Place) -> InputError:
        """Return an error at a place."""
        key = ".".join(map(str, place))
        return InputError(f"{key}: {message}" if key else message, file=self.file, row=self._row(place))

    def parse(self, model: type[_Model], explain_key: dict[str, str] | None = None) -> _Model:
        """Return the data as a model.

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
        if error["type"] in ("value_error", "assertion_error"):
            message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
            raise self.error(message[0].lower() + message[1:], place)
        raise self.error(f"expected {expected_of({**error, 'loc': ()})}{_came(error['input'])}", place)

    def _row(self, place: Place) -> int | None:
        """Return the line of a place; None without a text."""
        return None


class YamlFile(PlainData):
    """A YAML file: plain data, and the line of every value.

    Args:
        file: File to read.
        text: Text to read in place of the file's own.

    Raises:
        InputError: The file cannot be read, is not YAML, or has a key twice.
    """

    def __init__(self, file: Path, text: str | None = None) -> None:
        root: yaml.Node | None = None
        try:
            loader = yaml.SafeLoader(_text_of(file) if text is None else text)
            root = loader.get_single_node()
            self._lines = _lines(root, file)
            super().__init__(file, None if root is None else loader.construct_document(root))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "not YAML"
            raise InputError(f"not YAML: {problem}", file=file, row=mark.line + 1 if mark else None) from None
        except InputError:
            raise
        except ValueError as error:  # a date that there is not, such as 30 February
            raise _odd(root, file, error) from None

    def _row(self, place: Place) -> int | None:
        """Return the line of a place, or that of the nearest place above it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(why_no_file(file), file=file) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text in UTF-8: {error}", file=file) from None


def _lines(root: yaml.Node | None, file: Path) -> dict[Place, int]:
    """Return the line of every value, and refuse a key that is there twice."""
    lines: dict[Place, int] = {}
    for place, node, key in _walk(root, (), None) if root else ():
        row = (key or node).start_mark.line + 1
        if key is not None and place in lines:
            name = ".".join(map(str, place))
            raise InputError(f"{name}: the key {place[-1]} is there twice", file=file, row=row)
        lines[place] = row
    return lines


def _odd(root: yaml.Node | None, file: Path, error: ValueError) -> InputError:
    """Return the refusal of the first value that looks like a date and is none."""
    for place, node, _ in _walk(root, (), None) if root else ():
        try:
            if isinstance(node, yaml.ScalarNode):
                yaml.SafeLoader("").construct_object(node)
        except ValueError:
            told = f"{'.'.join(map(str, place))}: expected a day such as 2026-03-01, got {node.value} ({error})"
            return InputError(told, file=file, row=int(node.start_mark.line) + 1)
    return InputError(str(error), file=file)


def _walk(node: yaml.Node, place: Place, key: yaml.Node | None) -> Iterator[tuple[Place, yaml.Node, yaml.Node | None]]:
    """Yield every value with its place, and the node of its key if it has one."""
    yield place, node, key
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _walk(value, (*place, _word(name)), name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*place, index), None)


def _came(given: Any) -> str:
    """Return what was given, if that fits into a line."""
    if given is None:
        return ", got nothing"
    return f", got {shortened(repr(given))}" if isinstance(given, str | int | float | bool) else ""


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
