"""Finds tensors that an ONNX model stores in other files, without the onnx package.

Source: the wire format of Protocol Buffers, and the numbers of the fields in onnx.proto.
"""

from collections.abc import Iterator
from typing import Final

_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_DEEPEST: Final = 100


def has_external_data(model: bytes) -> bool:
    """Tell whether any tensor of a model lies in another file.

    Raises:
        ValueError: The bytes are no model.
    """
    waiting = [("model", memoryview(model), 0)]
    while waiting:
        kind, content, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("graphs in graphs without an end")
        for field, value in _fields(content):
            if kind == "tensor":
                if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                    return True
            elif field in _INSIDE[kind] and isinstance(value, memoryview):
                waiting.append((_INSIDE[kind][field], value, depth + 1))
    return False


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the fields of a message: numbers as they are, everything with a length as a view."""
    place = 0
    while place < len(content):
        tag, place = _varint(content, place)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(content, place)
            yield field, value
            continue
        if wire == 2:
            length, place = _varint(content, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("no model: a field of an unknown kind")
        if place + length > len(content):
            raise ValueError("no model, or a cut one")
        yield field, content[place : place + length]
        place += length


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(content) and shift < 70:
        byte = content[place]
        value, place, shift = value | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("no model, or a cut one")
