"""The page of a proof of play: did campaigns get the airtime that was sold?"""

from typing import Any, Final

import pandas as pd

from faceline.stand.content.catalogue import Catalogue
from faceline.stand.report.page import rendered, stand_count, zone_line
from faceline.stand.report.plays import Plays
from faceline.stand.words import _, day, days, number, share

_NEAR: Final = 0.01
"""A share counts as given if it is missed by at most this much: one percentage point."""

Rows = tuple[list[str], list[list[str]]]
"""Headings, and the cells of each row."""


def plays_page(found: Plays, catalogue: Catalogue, title: str, zone: str, smallest_group: int) -> str:
    """Return the proof of play as HTML in the current language."""
    parts = [days(*found.span), stand_count(found.rows["stand"].nunique()), zone_line(zone)]
    shares = _("Shares are of the seconds on the screen, on the days on which the campaign runs: in all, before "
               "audiences of either arm, and while nobody was there.")  # fmt: skip
    return rendered(
        title=title,
        scope=" · ".join(parts),
        headline=verdict(found, catalogue),
        lost="",
        tiles=[
            (_("plays"), number(found.campaigns["plays"].sum())),
            (_("hours on the screen"), number(found.campaigns["seconds"].sum() / 3600, 1)),
        ],
        figures=[],
        tables=[
            (_("By campaign"), shares, *campaign_rows(found, catalogue)),
            (_("By content"), _("The time is that of the plays that are counted."), *content_rows(found, catalogue)),
            (_("By day"), _("The hours of each day are in plays.csv."), *day_rows(found, catalogue)),
        ],
        definitions={},
        notes=_notes(smallest_group),
    )


def verdict(found: Plays, catalogue: Catalogue) -> str:
    """Say in one sentence whether campaigns got what was sold."""
    promised = found.campaigns[found.campaigns["sold"].notna() | found.campaigns["plays_a_day"].notna()]
    if promised.empty:
        return _("No share and no minimum was sold.")
    missed = []
    for row in promised.to_dict("records"):
        name = _name(catalogue, row["campaign"])
        if not pd.isna(row["sold"]) and row["given"] < row["sold"] - _NEAR:
            missed.append(_("%(name)s has %(given)s of %(sold)s", name=name, given=share(row["given"], 1),
                            sold=share(row["sold"], 1)))  # fmt: skip
        if row["days_short"]:
            missed.append(_("%(name)s missed its plays on %(short)s of %(days)s days", name=name,
                            short=number(row["days_short"]), days=number(row["days"])))  # fmt: skip
    if not missed:
        if len(found.campaigns) == 1:
            return _("The campaign was given what was sold to it.")
        return _("Every campaign was given what was sold to it.")
    return _("Not everything was given that was sold: %(missed)s.", missed="; ".join(missed))


def campaign_rows(found: Plays, catalogue: Catalogue) -> Rows:
    """Return a row for each campaign, formatted for readers."""
    headings = [_("campaign"), _("plays"), _("time on the screen"), _("share sold"), _("share given"),
                _("given: adaptive"), _("given: control"), _("given: nobody there")]  # fmt: skip
    minimum = bool(found.campaigns["plays_a_day"].notna().any())
    rows = []
    for row in found.campaigns.to_dict("records"):
        shares = [row[key] for key in ("sold", "given", "given_adaptive", "given_control", "given_nobody")]
        cells = [_name(catalogue, row["campaign"]), number(row["plays"])]
        cells += [_time(row["seconds"]), *map(_share, shares)]
        if minimum:
            least = row["plays_a_day"]
            short = {"short": number(row["days_short"]), "days": number(row["days"])}
            cells += ["–", "–"] if pd.isna(least) else [number(least), _("%(short)s of %(days)s", **short)]
        rows.append(cells)
    return [*headings, *([_("plays sold a day"), _("days short")] if minimum else [])], rows


def content_rows(found: Plays, catalogue: Catalogue) -> Rows:
    """Return a row for each content, formatted for readers."""
    rows = [
        [
            title_of(catalogue, row["content"]),
            _name(catalogue, row["campaign"]),
            number(row["plays"]),
            _time(row["seconds"]),
        ]
        for row in found.contents.to_dict("records")
    ]
    return [_("content"), _("campaign"), _("plays"), _("time on the screen")], rows


def day_rows(found: Plays, catalogue: Catalogue) -> Rows:
    """Return a row for each day and campaign, formatted for readers."""
    rows = [
        [
            day(row["day"]),
            _name(catalogue, row["campaign"]),
            number(row["plays"]),
            _time(row["seconds"]),
            _share(row["sold"]),
            _share(row["given"]),
        ]
        for row in found.days.sort_values(["day", "campaign"]).to_dict("records")
    ]
    headings = [_("day"), _("campaign"), _("plays"), _("time on the screen"), _("share sold"), _("share given")]
    return headings, rows


def title_of(catalogue: Catalogue, content: str) -> str:
    """Return the title of a content; its id if the catalogue does not have it any more."""
    known = catalogue.by_id.get(content)
    return content if known is None else known.label


def _name(catalogue: Catalogue, campaign: str) -> str:
    known = catalogue.campaign_by_id.get(campaign)
    return campaign if known is None else known.name


def _share(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else share(value, 1)


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _notes(smallest_group: int) -> list[str]:
    return [
        _("A play is one showing of a content to its end, in the hour in which it began. What was cut short, since "
          "somebody came or was answered, counts in the shares of the airtime only."),
        _("Share sold is what the catalogue promises at the time of this report. A campaign with quiet hours is given "
          "its share in the other hours only."),
        _("Sessions are adaptive or control by chance: in the control arm the standard loop is shown, without "
          "follow-ups and greetings. Each campaign is to have its share in both."),
        _("Follow-ups and greetings answer one visitor. Their plays are rounded down to multiples of %(smallest)s and "
          "are told by day, so that no figure is about few people. All other plays are exact.",
          smallest=number(smallest_group)),
        _("Times on the screen are hours:minutes:seconds."),
    ]  # fmt: skip
