"""The form of a campaign: between what browsers send and what a catalogue holds."""

from collections.abc import Mapping
from typing import Any, Final

from faceline.stand.web.content_form import BRAND, Sent, number_of, shared_values

_NUMBERS: Final = ("plays_a_day", "ots_a_day", "priority", "budget")
_TEXTS: Final = ("name", "starts", "ends")


def campaign_of(sent: Sent) -> dict[str, Any]:
    """Return a campaign as a catalogue holds it, without its id and without empty fields; its share is in per cent."""
    value = sent.filled
    campaign: dict[str, Any] = {name: value[name] for name in _TEXTS if name in value}
    campaign |= {name: number_of(value[name]) for name in _NUMBERS if name in value}
    if campaign.get("priority") == 0:
        del campaign["priority"]
    if "share" in value:
        share = number_of(value["share"].removesuffix("%").strip().replace(",", "."))
        campaign["share"] = round(share / 100, 6) if isinstance(share, int | float) else share
    return campaign | sent.shared


def campaign_values(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the fields of the form hold for a campaign of a catalogue."""
    flat = {**campaign, **campaign.get("brand", {})}
    values: dict[str, Any] = {name: str(flat.get(name) or "") for name in ("id", *_TEXTS, *_NUMBERS, *BRAND)}
    values["share"] = f"{100 * flat['share']:g}" if flat.get("share") else ""
    return values | shared_values(campaign)
