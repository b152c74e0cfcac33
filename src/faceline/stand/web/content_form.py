"""Converts between the form of a content and the catalogue."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from faceline.stand.content.schedule import DAYS, Schedule

_TEXTS: Final = ("id", "campaign", "name", "title", "text", "offer", "layout", "qr", "page", "audience", "follow_up")
_HOURS: Final = ("hours", "quiet_hours")
BRAND: Final = ("logo", "ground", "ink", "accent")
"""Fields of a brand, of a campaign or a content."""

_CAPS: Final = ("per_session", "per_hour", "per_person_day")
_FIELDS: Final = (*_TEXTS, "seconds", "starts", "ends", "landscape", "portrait", "fit", "background", *_CAPS, *BRAND)


class Sent(NamedTuple):
    """What a browser sends of a form.

    Attributes:
        texts: Texts by field.
        lists: Lists of texts by field: days and overlay.
    """

    texts: Mapping[str, str]
    lists: Mapping[str, Sequence[str]]

    @property
    def filled(self) -> dict[str, str]:
        """The texts without the spaces around them and without empty ones."""
        return {name: text.strip() for name, text in self.texts.items() if text.strip()}

    @property
    def shared(self) -> dict[str, Any]:
        """What contents and campaigns have alike: days, hours and a brand, without empty ones."""
        value, days = self.filled, list(self.lists["days"])
        found: dict[str, Any] = {"days": days} if days else {}
        found |= {name: re.split(r"[\s,;]+", value[name]) for name in _HOURS if name in value}
        brand = {name: value[name] for name in BRAND if name in value}
        return found | ({"brand": brand} if brand else {})


def content_of(sent: Sent) -> dict[str, Any]:
    """Convert a sent form to a content of the catalogue, without empty fields."""
    value, listed = sent.filled, sent.lists
    content: dict[str, Any] = {name: value[name] for name in _TEXTS if name in value}
    full = value.get("kind") == "full"
    medium: dict[str, Any] = {name: value[name] for name in ("landscape", "portrait", "fit") if name in value}
    if "sound" in value:
        medium["sound"] = True
    if full:
        if "background" in value:
            medium["background"] = value["background"]
        if listed.get("overlay"):
            medium["overlay"] = list(listed["overlay"])
        for name in ("title", "text", "layout", "qr"):
            content.pop(name, None)
    if "landscape" in medium or "portrait" in medium or full:
        content["full" if full else "media"] = medium
    for name in ("seconds", "starts", "ends"):
        if name in value:
            content[name] = number_of(value[name]) if name == "seconds" else value[name]
    caps = {name: number_of(value[name]) for name in _CAPS if name in value}
    return content | sent.shared | ({"caps": caps} if caps else {})


def values_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form's fields for a content of a catalogue."""
    medium = content.get("full") or content.get("media") or {}
    medium = {"landscape": medium} if isinstance(medium, str) else medium
    flat = {**content, **medium, **content.get("caps", {}), **content.get("brand", {})}
    values: dict[str, Any] = {name: str(flat.get(name) or "") for name in _FIELDS}
    values["kind"] = "full" if content.get("full") else "layout"
    values["sound"] = "true" if medium.get("sound") else ""
    values["overlay"] = list(medium.get("overlay", ()))
    return values | shared_values(content)


def shared_values(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the fields of days and hours for a content or campaign of a catalogue."""
    days = Schedule.model_validate({"days": part.get("days", ())}).days
    hours = {name: part.get(name) or [] for name in _HOURS}
    told = {name: each if isinstance(each, str) else ", ".join(each) for name, each in hours.items()}
    return {"days": [DAYS[day] for day in days], **told}


def place_of(message: str, index: int, kind: str = "contents") -> tuple[str, str]:
    """Return the field that an error of a catalogue is about and its text; the field is empty for other errors."""
    found = re.match(rf"{kind}\.(\d+)\.([\w.]+): (.*)", message)
    if found is None or int(found[1]) != index:
        return "", message
    key = found[2].split(".")
    name = key[-1] if key[0] in ("media", "full", "caps", "brand") and not key[-1].isdecimal() else key[0]
    return {"full": "landscape", "media": "landscape"}.get(name, name), found[3]


def number_of(text: str) -> Any:
    """Return the number that a text holds; without one, the text itself, which the catalogue refuses."""
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
