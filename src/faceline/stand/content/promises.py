"""Refuses a catalogue that promises more airtime than a stand can give."""

import math
from collections.abc import Sequence
from datetime import time

from faceline.config.check import Place
from faceline.config.yaml_file import PlainData
from faceline.stand.content.campaign import Campaign, seconds_of


def check_airtime(
    source: PlainData,
    campaigns: Sequence[Campaign],
    hours: tuple[time, time] | None,
    loop: Sequence[tuple[str, float]],
) -> None:
    """Refuse shares, minimums and budgets that cannot all be kept.

    Args:
        source: The YAML file, for line numbers.
        campaigns: Campaigns of the catalogue.
        hours: Opening hours.
        loop: Campaign and seconds of each content of the loop.

    Raises:
        InputError: The first promise that cannot be kept, with file, line and key.
    """
    sold = 0.0
    for index, campaign in enumerate(campaigns):
        place: Place = ("campaigns", index)
        needed = _needed(source, campaign, hours, [seconds for name, seconds in loop if name == campaign.id], place)
        if campaign.share is not None and needed > campaign.share:
            raise source.error(
                f"{campaign.plays_a_day} plays a day fill {_percent(needed)} of {_hours(hours)}, and the share is "
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


def _needed(
    source: PlainData, campaign: Campaign, hours: tuple[time, time] | None, shown: Sequence[float], place: Place
) -> float:
    """Return the share of the airtime that a campaign's minimum needs.

    Raises:
        InputError: Airtime was sold, but the loop shows nothing of the campaign.
    """
    for key in ("share", "plays_a_day", "ots_a_day"):
        if getattr(campaign, key) is not None and not shown:
            raise source.error(
                f"the loop shows no content of {campaign.id}, so its airtime cannot be given; add one", (*place, key)
            )
    if campaign.plays_a_day is None:
        return 0.0
    first, last = seconds_of(hours)
    return campaign.plays_a_day * sum(shown) / len(shown) / (last - first)


def _check_budget(source: PlainData, campaign: Campaign, place: Place) -> None:
    """Check that the plays of all days fit into the budget, if both are known."""
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


def _hours(hours: tuple[time, time] | None) -> str:
    return "the day (give the stand's hours:)" if hours is None else "{:%H:%M} to {:%H:%M}".format(*hours)
