"""Reads what can be shown from one YAML file: campaigns, their contents and the standard loop.

There is no rule about looks, and no place to write one. A content can ask whether somebody is there, whether they opted
in, and which group they chose. Nothing else is known about anybody.
"""

import re
from collections.abc import Collection
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from faceline.config.check import Place
from faceline.config.tree import hint
from faceline.config.yaml_file import PlainData, YamlFile
from faceline.errors import InputError
from faceline.stand.content.artwork import (
    LONGEST_FILM,
    Address,
    Brand,
    FullScreen,
    Layout,
    Media,
    Medium,
    Strict,
    Title,
    check_file,
    is_film,
)
from faceline.stand.content.campaign import Campaign, Count, Hours, Name, Named, seconds_of
from faceline.stand.content.promises import check_airtime
from faceline.stand.content.schedule import Schedule, Windows

ANYONE: Final = "anyone"
LOYAL: Final = "loyal"
_SHORTEST: Final = 2.0  # seconds of a content
DEMO: Final = Path(__file__).parents[1] / "demo" / "catalogue.yaml"
"""A first catalogue."""

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


class Caps(Strict):
    """Limits on how often a content may be shown at one stand.

    Attributes:
        per_session: Most showings to one session.
        per_hour: Most showings in any 60 minutes.
        per_person_day: Most showings to one enrolled person in one day.
    """

    per_session: Count | None = None
    per_hour: Count | None = None
    per_person_day: Count | None = None


class Content(Named):
    """A content: texts and media in a layout, or finished artwork on the whole screen.

    Attributes:
        id: Id in events and reports.
        campaign: Id of its campaign.
        name: Name for people in reports; by default the title.
        title: Headline on the screen.
        text: Text below the title.
        media: Picture or film beside or behind the texts.
        layout: Arrangement of texts and media; None uses ``split`` with media and ``statement`` without.
        brand: Logo and colours that replace those of the campaign.
        qr: Web address to show as a QR code.
        full: Artwork on the whole screen instead of title, text and media.
        page: Web page over the whole content, if the stand allows it; until it has loaded, the content below is shown.
        seconds: Seconds on the screen; by default a film's own length.
        audience: ``anyone``, ``loyal`` (everybody who opted in) or ``group:NAME``.
        offer: Benefit for its audience, such as a discount; None for no offer.
        follow_up: Id of the content that answers interest in this one.
        quiet_hours: Hours without showings; they may run over midnight.
        caps: Limits on how often it is shown.
    """

    campaign: Name
    name: Title | None = None
    title: Title | None = None
    text: Annotated[str, Field(max_length=280)] = ""
    media: Media | None = None
    layout: Layout | None = None
    brand: Brand = Brand()
    qr: Address | None = None
    full: FullScreen | None = None
    page: Address | None = None
    seconds: Annotated[float, Field(ge=_SHORTEST, le=LONGEST_FILM)] = 10.0
    audience: Annotated[str, AfterValidator(_audience)] = ANYONE
    offer: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    follow_up: Name | None = None
    quiet_hours: Windows = ()
    caps: Caps = Caps()

    @property
    def label(self) -> str:
        """Name for people in reports."""
        return self.name or self.title or self.id

    @property
    def medium(self) -> Medium | None:
        """The picture or film to show."""
        return self.full or self.media

    def quiet_at(self, at: time) -> bool:
        """Tell whether the content is quiet at a time of day."""
        return any(first <= at < last if first < last else at >= first or at < last for first, last in self.quiet_hours)


class Catalogue(Strict):
    """Everything that a stand can show.

    Attributes:
        version: Version of this file format.
        campaigns: Campaigns with different ids.
        contents: Contents with different ids.
        loop: Ids of the contents that the standard loop shows in turn.
        hours: Opening hours, such as ``10:00-20:00``; daily minimums are spread over them.
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
        """Ids of the contents that only answer interest in another content."""
        return frozenset(content.follow_up for content in self.contents if content.follow_up) - set(self.loop)

    @cached_property
    def groups(self) -> frozenset[str]:
        """Groups that contents are for."""
        audiences = (content.audience for content in self.contents)
        return frozenset(name.removeprefix("group:") for name in audiences if name.startswith("group:"))

    @cached_property
    def files(self) -> frozenset[str]:
        """Media and logos in use, relative to the catalogue's folder."""
        brands = [campaign.brand for campaign in self.campaigns] + [content.brand for content in self.contents]
        media = [content.medium for content in self.contents if content.medium]
        return frozenset(brand.logo for brand in brands if brand.logo) | {
            name for medium in media for _, name in medium.files
        }

    def always(self, content: Content) -> bool:
        """Tell whether a content may be shown at any time and any number of times."""
        campaign = self.campaign_by_id[content.campaign]
        capped = campaign.budget is not None or content.caps != Caps()
        return campaign.is_always and content.is_always and not content.quiet_hours and not capped

    def allowed(self, content: Content, local: datetime) -> bool:
        """Tell whether dates, days and hours allow a content at a time in the stand's time zone."""
        campaign = self.campaign_by_id[content.campaign]
        return campaign.due(local) and content.due(local) and not content.quiet_at(local.time())

    def hours_passed(self, local: datetime, campaign: Campaign | None = None) -> float:
        """Return the share of the opening hours, or of a campaign's hours, that has passed; from 0 to 1."""
        now = local.hour * 3600 + local.minute * 60 + local.second
        own = campaign.hours if campaign else ()
        spans = [seconds_of(hours) for hours in own if hours[0] < hours[1]] or [seconds_of(self.hours)]
        passed = sum(min(max(now - first, 0.0), last - first) for first, last in spans)
        return passed / sum(last - first for first, last in spans)


def read_catalogue(file: Path, pages: Collection[str] = ()) -> Catalogue:
    """Read a catalogue and refuse what could not be shown.

    Args:
        file: YAML file; media are relative to its folder.
        pages: Web sites that contents may show, such as ``https://menu.example``.

    Raises:
        InputError: The first fault, with file and line: an unknown key, a wrong value, a duplicate or missing id, or a
            medium that is missing, too large or cannot be shown.
    """
    return check_catalogue(YamlFile(file), pages)


def check_catalogue(source: PlainData, pages: Collection[str] = ()) -> Catalogue:
    """Return plain data as a catalogue, as `read_catalogue` does with a file."""
    catalogue = source.parse(Catalogue, _NO_LOOKS)
    for index, campaign in enumerate(catalogue.campaigns):
        _check_dates(source, campaign, ("campaigns", index))
        _check_file(source, campaign.brand.logo, ("campaigns", index, "brand", "logo"))
    contents = []
    for index, content in enumerate(catalogue.contents):
        _check_dates(source, content, ("contents", index))
        _check_parts(source, content, pages, ("contents", index))
        contents.append(_check_files(source, content, ("contents", index)))
    catalogue = catalogue.model_copy(update={"contents": tuple(contents)})
    _check_ids(source, catalogue)
    loop = [catalogue.by_id[name] for name in catalogue.loop]
    check_airtime(source, catalogue.campaigns, catalogue.hours, [(each.campaign, each.seconds) for each in loop])
    return catalogue


def _check_dates(source: PlainData, schedule: Schedule, place: Place) -> None:
    if schedule.starts and schedule.ends and schedule.ends < schedule.starts:
        raise source.error(f"before it starts, on {schedule.starts}", (*place, "ends"))


def _check_parts(source: PlainData, content: Content, pages: Collection[str], place: Place) -> None:
    """Refuse parts that do not go together."""
    if content.full is None and content.title is None:
        raise source.error("missing; or give full: FILE, for artwork that fills the screen", (*place, "title"))
    if content.full is not None:
        for key in ("title", "text", "media", "layout", "qr"):
            if getattr(content, key):
                raise source.error(
                    "cannot be used with full; for a text over a picture use layout: cover", (*place, key)
                )
        if content.name is None:
            raise source.error("missing; artwork without a title needs a name for the reports", (*place, "name"))
    if content.layout in ("split", "cover", "product") and content.media is None:
        raise source.error(f"{content.layout} needs media", (*place, "layout"))
    if content.layout == "offer" and content.offer is None:
        raise source.error("the layout offer needs an offer", (*place, "layout"))
    if content.page is not None and site_of(content.page) not in {site_of(page) for page in pages}:
        raise source.error(
            f"{site_of(content.page)} is not allowed on this stand; see its setting allowed_pages", (*place, "page")
        )


def _check_files(source: PlainData, content: Content, place: Place) -> Content:
    """Return the content with the length of its film, unless it has seconds of its own."""
    _check_file(source, content.brand.logo, (*place, "brand", "logo"))
    key = "full" if content.full is not None else "media"
    longest = 0.0
    for orientation, name in content.medium.files if content.medium else ():
        at = (*place, key, orientation)
        seconds = _check_file(source, name, at if at in source else at[:-1])
        if is_film(name) and seconds is None and "seconds" not in content.model_fields_set:
            raise source.error(f"missing, and the film does not tell its length: {name}", (*place, "seconds"))
        longest = max(longest, seconds or 0.0)
    if "seconds" in content.model_fields_set or not longest:
        return content
    return content.model_copy(update={"seconds": max(longest, _SHORTEST)})


def _check_file(source: PlainData, name: str | None, place: Place) -> float | None:
    """Refuse a file that cannot be shown; return the seconds of a film."""
    if name is None:
        return None
    try:
        return check_file(source.file.parent, name)
    except ValueError as error:
        raise source.error(str(error), place) from None


def _check_ids(source: PlainData, catalogue: Catalogue) -> None:
    for kind, parts in (("campaigns", catalogue.campaigns), ("contents", catalogue.contents)):
        ids = [part.id for part in parts]
        for index, name in enumerate(ids):
            if name in ids[:index]:
                raise source.error(f"another of the {kind} is called {name} too", (kind, index, "id"))
    for index, content in enumerate(catalogue.contents):
        _known(source, content.campaign, set(catalogue.campaign_by_id), ("contents", index, "campaign"))
        days = catalogue.campaign_by_id[content.campaign].days
        if content.days and days and not set(content.days) & set(days):
            raise source.error("never shown: its campaign runs on other days", ("contents", index, "days"))
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
            "the loop needs one content without dates, days, hours, quiet hours, caps or budget, so that "
            "something can always be shown",
            ("loop",),
        )


def _known(source: PlainData, name: str, names: set[str], place: Place) -> None:
    if name not in names:
        raise source.error(f"{name}: not in this catalogue{hint(name, names)}", place)


def site_of(address: str) -> str:
    """Return scheme, host and port of a web address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        InputError: There is no time zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(f"{name}: no such time zone; expected one such as Europe/Paris", column="zone") from None
