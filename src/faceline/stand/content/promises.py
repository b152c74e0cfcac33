"""Refuses airtime that a catalogue promises and no stand could give."""

import math
from typing import TYPE_CHECKING

from faceline.config.check import Place
from faceline.config.yaml_file import YamlFile

if TYPE_CHECKING:
    from faceline.stand.content.catalogue import Campaign, Catalogue


def check_airtime(source: YamlFile, catalogue: "Catalogue") -> None:
    """Refuse shares, minimums and budgets that cannot all be kept.

    Args:
        source: The file, for its lines.
        catalogue: What it says; its ids are known to be right.

    Raises:
        InputError: The first promise that cannot be kept, with file, line and key.
    """
    sold = 0.0
    for index, campaign in enumerate(catalogue.campaigns):
        place: Place = ("campaigns", index)
        needed = _needed(source, catalogue, campaign, place)
        if campaign.share is not None and needed > campaign.share:
            raise source.error(
                f"{campaign.plays_a_day} plays a day fill {_percent(needed)} of {_hours(catalogue)}, and the share is "
                f"{_percent(campaign.share)}; raise it to {math.ceil(1000 * needed) / 10:g} %, or lower the plays",
                (*place, "plays_a_day"),
            )
        sold += campaign.share or needed
        key = "share" if campaign.share is not None else "plays_a_day"
        if sold > 1 + 1e-9:
            raise source.error(
                f"{_percent(sold)} of the airtime are sold up to this campaign; all shares and minimums together "
                "must be at most 100 %",
                (*place, key),
            )
        _check_budget(source, campaign, place)


def _needed(source: YamlFile, catalogue: "Catalogue", campaign: "Campaign", place: Place) -> float:
    """Share of the airtime that the minimum of a campaign takes up.

    Raises:
        InputError: Airtime was sold, and the loop shows nothing of the campaign.
    """
    shown = [catalogue.by_id[name].seconds for name in catalogue.loop if catalogue.by_id[name].campaign == campaign.id]
    for key in ("share", "plays_a_day", "ots_a_day"):
        if getattr(campaign, key) is not None and not shown:
            raise source.error(
                f"the loop shows no content of {campaign.id}, so this could not be given; add one", (*place, key)
            )
    if campaign.plays_a_day is None:
        return 0.0
    return campaign.plays_a_day * sum(shown) / len(shown) / catalogue.seconds_a_day


def _check_budget(source: YamlFile, campaign: "Campaign", place: Place) -> None:
    """The plays of all days fit into the budget, where both are known."""
    if None in (campaign.budget, campaign.plays_a_day, campaign.starts, campaign.ends):
        return
    assert campaign.budget and campaign.plays_a_day and campaign.starts and campaign.ends
    days = (campaign.ends - campaign.starts).days + 1
    if campaign.plays_a_day * days > campaign.budget:
        raise source.error(
            f"{campaign.plays_a_day} plays on each of {days} days are {campaign.plays_a_day * days}; "
            f"the budget is {campaign.budget}",
            (*place, "budget"),
        )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _hours(catalogue: "Catalogue") -> str:
    if catalogue.hours is None:
        return "the day (give the stand's hours:)"
    return "{:%H:%M} to {:%H:%M}".format(*catalogue.hours)
