"""What can be shown: campaigns, their contents and the standard loop, from one YAML file.

There is no rule on looks, and no place to write one: a content asks whether somebody is there, whether they opted in,
and which group they chose to be in. Nothing else is known of anybody.
"""

import re
from datetime import datetime, time
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from faceline.config.check import Place
from faceline.config.tree import hint
from faceline.config.yaml_file import YamlFile
from faceline.errors import InputError
from faceline.stand.content.campaign import Campaign, Count, Hours, Name, Named, Strict, Window, seconds_of
from faceline.stand.content.promises import check_airtime

ANYONE: Final = "anyone"
LOYAL: Final = "loyal"
MEDIA: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".mp4", ".webm")
LARGEST_MB: Final = 64
DEMO: Final = Path(__file__).parents[1] / "demo" / "catalogue.yaml"
"""A catalogue to begin with."""

_NO_LOOKS: Final = dict.fromkeys(
    (
        "age", "ages", "gender", "genders", "sex", "race", "ethnicity", "skin", "skin_colour", "skin_color", "looks",
        "appearance", "beauty", "attractiveness", "hair", "beard", "glasses", "weight", "height", "religion",
        "disability", "nationality", "origin", "emotion", "mood", "expression", "smile",
    ),
    "there is no rule on looks: a content is for anyone, for those who opted in (loyal), or for a group that they "
    "chose (audience)",
)  # fmt: skip


def _audience(text: str) -> str:
    if text not in (ANYONE, LOYAL) and not re.match(r"^group:[\w-]+$", text):
        raise ValueError(f"expected anyone, loyal or group:NAME, got {text!r}")
    return text


def _relative(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text or ":" in text:
        raise ValueError(f"expected a file below the folder of the catalogue, got {text!r}")
    if path.suffix.lower() not in MEDIA:
        raise ValueError(f"expected a file that ends with one of {' '.join(MEDIA)}, got {text!r}")
    return text


class Caps(Strict):
    """How often a content may be shown at one stand.

    Attributes:
        per_session: To one audience.
        per_hour: In any 60 minutes.
        per_person_day: To one enrolled person, on one day.
    """

    per_session: Count | None = None
    per_hour: Count | None = None
    per_person_day: Count | None = None


class Content(Named):
    """One thing to show.

    Attributes:
        id: As it is called in events and reports.
        campaign: The campaign it belongs to.
        title: Large on the screen.
        text: Below the title.
        media: A picture or film, below the folder of the catalogue.
        seconds: How long it stays.
        audience: ``anyone``, ``loyal`` (whoever opted in) or ``group:NAME``.
        offer: What its audience gets, such as a discount; None where it offers nothing.
        follow_up: The content that answers interest in this one.
        quiet_hours: When it is not shown, in the stand's time zone; may run over midnight.
        caps: How often it may be shown.
    """

    campaign: Name
    title: Annotated[str, Field(min_length=1, max_length=80)]
    text: Annotated[str, Field(max_length=280)] = ""
    media: Annotated[str, AfterValidator(_relative)] | None = None
    seconds: Annotated[float, Field(ge=2, le=120)] = 10.0
    audience: Annotated[str, AfterValidator(_audience)] = ANYONE
    offer: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    follow_up: Name | None = None
    quiet_hours: tuple[Window, ...] = ()
    caps: Caps = Caps()

    def quiet_at(self, at: time) -> bool:
        """Whether it is not to be shown at a time of day."""
        return any(first <= at < last if first < last else at >= first or at < last for first, last in self.quiet_hours)


class Catalogue(Strict):
    """All that a stand can show.

    Attributes:
        version: Of this form of file.
        campaigns: Each with an id of its own.
        contents: Each with an id of its own.
        loop: Contents that the standard loop shows in turn, whoever is there.
        hours: When people come, such as ``10:00-20:00``: what is sold by the day is spread over them.
    """

    version: Literal[1] = 1
    hours: Hours | None = None
    campaigns: Annotated[tuple[Campaign, ...], Field(min_length=1)]
    contents: Annotated[tuple[Content, ...], Field(min_length=1)]
    loop: Annotated[tuple[Name, ...], Field(min_length=1)]

    @cached_property
    def by_id(self) -> dict[str, Content]:
        """The contents by their ids."""
        return {content.id: content for content in self.contents}

    @cached_property
    def campaign_by_id(self) -> dict[str, Campaign]:
        """The campaigns by their ids."""
        return {campaign.id: campaign for campaign in self.campaigns}

    @cached_property
    def follow_ups(self) -> frozenset[str]:
        """Contents that only ever answer interest in another."""
        return frozenset(content.follow_up for content in self.contents if content.follow_up) - set(self.loop)

    def always(self, content: Content) -> bool:
        """Whether a content may be shown at any time and as often as one likes."""
        campaign = self.campaign_by_id[content.campaign]
        limits = (campaign.starts, campaign.ends, campaign.budget)
        return limits == (None, None, None) and not content.quiet_hours and content.caps == Caps()

    def allowed(self, content: Content, local: datetime) -> bool:
        """Whether dates and quiet hours allow a content at a time in the stand's time zone."""
        return self.campaign_by_id[content.campaign].runs(local.date()) and not content.quiet_at(local.time())

    def hours_passed(self, local: datetime) -> float:
        """Which share of the hours in which people come has passed, from 0 to 1."""
        first, last = seconds_of(self.hours)
        now = local.hour * 3600 + local.minute * 60 + local.second
        return min(max((now - first) / (last - first), 0.0), 1.0)


def read_catalogue(file: Path) -> Catalogue:
    """Read a catalogue and refuse what could not be shown.

    Args:
        file: YAML; media lie below its folder.

    Raises:
        InputError: The first thing that is wrong, with file and line: an unknown key, a value of a wrong kind, an id
            that is there twice or nowhere, a medium that is missing, too large or not below the folder.
    """
    source = YamlFile(file)
    catalogue = source.parse(Catalogue, _NO_LOOKS)
    for index, campaign in enumerate(catalogue.campaigns):
        if campaign.starts and campaign.ends and campaign.ends < campaign.starts:
            raise source.error("before the campaign starts", ("campaigns", index, "ends"))
    _check_ids(source, catalogue)
    loop = [catalogue.by_id[name] for name in catalogue.loop]
    check_airtime(source, catalogue.campaigns, catalogue.hours, [(each.campaign, each.seconds) for each in loop])
    for index, content in enumerate(catalogue.contents):
        if content.media is not None:
            _check_media(source, content.media, ("contents", index, "media"))
    return catalogue


def _check_ids(source: YamlFile, catalogue: Catalogue) -> None:
    for kind, parts in (("campaigns", catalogue.campaigns), ("contents", catalogue.contents)):
        ids = [part.id for part in parts]
        for index, name in enumerate(ids):
            if name in ids[:index]:
                raise source.error(f"another of the {kind} is called {name} too", (kind, index, "id"))
    for index, content in enumerate(catalogue.contents):
        _known(source, content.campaign, set(catalogue.campaign_by_id), ("contents", index, "campaign"))
        if content.follow_up is not None:
            place: Place = ("contents", index, "follow_up")
            _known(source, content.follow_up, set(catalogue.by_id), place)
            if content.follow_up == content.id:
                raise source.error("a content cannot follow itself", place)
    for index, name in enumerate(catalogue.loop):
        _known(source, name, set(catalogue.by_id), ("loop", index))
        if catalogue.by_id[name].audience != ANYONE:
            raise source.error(f"the loop is for anyone, and {name} is not", ("loop", index))
    if not any(catalogue.always(catalogue.by_id[name]) for name in catalogue.loop):
        raise source.error(
            "one content of the loop must have no dates, quiet hours, caps or budget: it is always there", ("loop",)
        )


def _known(source: YamlFile, name: str, names: set[str], place: Place) -> None:
    if name not in names:
        raise source.error(f"{name}: not in this catalogue{hint(name, names)}", place)


def _check_media(source: YamlFile, name: str, place: Place) -> None:
    folder = source.file.parent.resolve()
    path = folder / name
    if not path.is_file():
        raise source.error(f"no such file: {name}", place)
    if not path.resolve().is_relative_to(folder):  # a link that leads out
        raise source.error(f"expected a file below the folder of the catalogue, got a link out of it: {name}", place)
    size = path.stat().st_size / 1e6
    if size > LARGEST_MB:
        raise source.error(f"expected at most {LARGEST_MB} MB, got {size:.0f} MB: {name}", place)


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        InputError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(f"{name}: no such time zone; expected one such as Europe/Paris", column="zone") from None
