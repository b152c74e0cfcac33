"""A campaign of a catalogue, and what was sold to it."""

import re
from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field

from faceline.stand.content.artwork import Brand, Title
from faceline.stand.content.schedule import Schedule, Window


def _one_day(hours: tuple[time, time]) -> tuple[time, time]:
    if hours[1] < hours[0]:
        raise ValueError("expected hours of one day such as 09:00-21:00; these go over midnight")
    return hours


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", text):
        told = f"got {text!r}" if text else "got nothing"
        raise ValueError(f"expected up to 40 small letters, digits, - and _ such as spring-sale, {told}")
    return text


Name = Annotated[str, AfterValidator(_id)]
Count = Annotated[int, Field(ge=1)]
Hours = Annotated[Window, AfterValidator(_one_day)]
"""Hours within one day."""


class Named(Schedule):
    """An item with an id of its own and times at which it is due."""

    id: Name


class Campaign(Named):
    """Contents of one advertiser that are sold and evaluated together.

    Attributes:
        id: Id in events and reports.
        name: Name for people.
        brand: Logo and colours of its contents.
        share: Share of the airtime that was sold to it; None uses unsold airtime.
        plays_a_day: Fewest plays a day, spread over the hours of the stand.
        ots_a_day: Fewest opportunities to see a day: people before the screen while it plays.
        priority: Order in unsold airtime, the highest first; filler has a negative priority.
        budget: Most plays in all; without a share and with a last day they are spread over the remaining days.
    """

    name: Title
    brand: Brand = Brand()
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    plays_a_day: Count | None = None
    ots_a_day: Count | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    budget: Count | None = None


def seconds_of(hours: tuple[time, time] | None) -> tuple[float, float]:
    """Return the seconds of the day at which some hours begin and end; a whole day without hours."""
    if hours is None:
        return 0.0, 86_400.0
    first, last = (at.hour * 3600.0 + at.minute * 60 for at in hours)
    return first, last
