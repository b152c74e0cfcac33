"""Checks names and values against the limits of MLflow."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, SupportsFloat

PARAM_CHARACTERS, TAG_CHARACTERS, KEY_CHARACTERS = 6000, 5000, 250


def checked_metrics(metrics: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """Return the metrics as plain floats.

    Raises:
        ValueError: MLflow refuses a name, or a value is not finite.
    """
    values = {name: float(value) for name, value in metrics.items()}
    for name, value in values.items():
        if not re.fullmatch(r"[\w.\-/ ]+", name):
            raise ValueError(f"metric {name!r}: expected letters, digits, blanks and _.-/ in its name")
        if not math.isfinite(value):
            raise ValueError(f"metric {name!r}: expected a finite number, got {value}")
    return values


def flat_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested mappings to texts under names with dots, cut to the limit of a store.

    A list becomes one text, unless it holds mappings; then positions become part of the names.
    """
    return {
        re.sub(r"[^\w.\-/ ]", "_", name)[:KEY_CHARACTERS]: _cut(str(value), PARAM_CHARACTERS)
        for name, value in _leaves(params, "")
    }


def tag_value(value: Any) -> str:
    """Return the value as text, cut to the limit of a store."""
    return _cut(str(value), TAG_CHARACTERS)


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list) and any(isinstance(element, Mapping) for element in value):
        items = list(enumerate(value))
    if not items and prefix:
        yield prefix, value
    for key, inner in items:
        yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
