"""Writes the report as one HTML file without network access, for phones and screen readers too."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceline.stand.content.catalogue import Catalogue
from faceline.stand.report import figures as report_figures
from faceline.stand.report.comparison import SECONDS
from faceline.stand.report.effectiveness import GREETING_RATE, STRANGER_RATE, Effectiveness, Scope
from faceline.stand.report.wording import caption, definitions, heading, notes, titles
from faceline.stand.words import _, day, days, in_seconds, mark, number, rough, several, share, signed, translate

_SHARES: Final = (
    "look_rate",
    "view_rate",
    "reaction_rate",
    "interest_rate",
    "offer_rate",
    "greeting_offer_rate",
)
_DURATIONS: Final = ("mean_dwell_seconds", "attention_per_visitor", "attention_per_viewer")

Table = tuple[str, str, list[str], list[list[str]]]
"""Heading, a line below it, headings of the columns, and the cells of each row."""

_NAMED: Final = {"campaign": mark("campaign %(name)s"), "content": mark("content %(name)s"),
                 "stand": mark("stand %(name)s")}  # fmt: skip


def rendered(**values: Any) -> str:
    """Return the page of a report in the current language."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    translate(environment)
    return environment.get_template("report.html.j2").render(values)


def page(told: Effectiveness, scope: Scope, title: str, catalogue: Catalogue | None = None) -> str:
    """Return the report as HTML in the current language; with a catalogue it uses titles in place of ids."""
    told = titled(told, catalogue)
    line = scope_line(told, scope.campaign, catalogue)
    figures = {
        "uplift": report_figures.uplift(told, scope.level, line),
        "funnel": report_figures.funnel(told, line),
        "hours": report_figures.hours(told, line),
        "week": report_figures.week(told, line),
    }
    return rendered(
        title=title,
        scope=f"{line} · {zone_line(scope.zone)}",
        headline=report_figures.headline(told, scope.level),
        lost=_lost(told),
        tiles=tiles(told),
        figures=[report_figures.svg(figure, name, words) for name, (figure, words) in figures.items()],
        tables=[
            *(_table(told, name) for name in ("campaign", "content")),
            _contest_table(told),
            _uplift_table(told, scope),
            *loyal_table(told, scope),
            *(_table(told, name) for name in ("stand", "hour", "day")),
        ],
        definitions=definitions(),
        notes=notes(scope),
    )


def scope_line(told: Effectiveness, chosen: str | None, catalogue: Catalogue | None) -> str:
    """Return which days, stands and campaign a report is about."""
    campaign = chosen and names_of(catalogue, "campaign").get(chosen, chosen)
    parts = [days(*told.period), stand_count(told.stands)]
    return " · ".join([*parts, *([_("campaign %(name)s", name=campaign)] if campaign else [])])


def stand_count(count: int) -> str:
    """Say how many stands a report is about."""
    return several("%(count)s stand", "%(count)s stands", count)


def zone_line(zone: str) -> str:
    """Say of which time zone days and hours are."""
    return _("days and hours of %(zone)s", zone=zone)


def titled(told: Effectiveness, catalogue: Catalogue | None) -> Effectiveness:
    """Return the same figures with titles in place of the ids of campaigns and contents."""
    tables: dict[str, Any] = {}
    for kind in ("campaign", "content"):
        names, table = names_of(catalogue, kind), told.tables[kind]
        tables[kind] = table.assign(name=[names.get(name, name) for name in table["name"]])
        uplift = tables.get("uplift", told.uplift)
        called = [names.get(name, name) if group == kind else name
                  for group, name in zip(uplift["group"], uplift["name"], strict=True)]  # fmt: skip
        tables["uplift"] = uplift.assign(name=called)
        column = "campaign" if kind == "campaign" else "name"
        contest = tables.get("contest", told.contest)
        tables["contest"] = contest.assign(**{column: [names.get(name, name) for name in contest[column]]})
    return replace(told, **tables)


def names_of(catalogue: Catalogue | None, kind: str) -> dict[str, str]:
    """Return the titles of campaigns or contents by id; equal titles get the id too."""
    if catalogue is None:
        return {}
    if kind == "campaign":
        return {campaign.id: campaign.name for campaign in catalogue.campaigns}
    titles = {content.id: content.label for content in catalogue.contents}
    several = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {name: f"{title} ({name})" if title in several else title for name, title in titles.items()}


def _lost(told: Effectiveness) -> str:
    lost, paused = told.lost
    if not paused:
        return ""
    return _("Stands could not write their events for %(seconds)s s in all, and %(count)s events were lost.",
             seconds=number(paused), count=number(lost))  # fmt: skip


def tiles(told: Effectiveness) -> list[tuple[str, str]]:
    """Return the main figures, and what each means."""
    row = told.total.iloc[0]
    return [(words, cell(name, row[name])) for name, words in titles().items()]


def _table(told: Effectiveness, name: str) -> Table:
    table = told.tables[name].drop(columns=["suppressed", "reacted", "interested"])  # the files have them
    table = table.drop(columns=["look_low", "look_high"], errors="ignore")
    columns = [heading(name), *(heading(column) for column in table.columns[1:])]
    told_rows = told.tables[name].to_dict("records")
    rows = [[_with_interval(row) if c == "look_rate" else cell(c, row[c]) for c in table.columns] for row in told_rows]
    return *caption(name), columns, rows


def _with_interval(row: dict[Hashable, Any]) -> str:
    """Return the share that looked, with its interval if it has one."""
    low, high = row["look_low"], row["look_high"]
    ends = "" if pd.isna(low) else f" ({number(100 * low)}–{number(100 * high)})"
    return cell("look_rate", row["look_rate"]) + ends


def loyal_table(told: Effectiveness, scope: Scope) -> list[Table]:
    """Return how many visits of enrolled people the greeted ones speak for; empty if no rate is known."""
    row = told.total.iloc[0]
    if scope.greeting_rate is None:
        return []
    mistaken = scope.stranger_rate * row["passers_by"]  # if every stranger came before a screen that greets
    ends = [max(row["greeted"] - strangers, 0.0) / scope.greeting_rate for strangers in (mistaken, 0.0)]
    rows = [
        [_("visits greeted as those of an enrolled person"), cell("greeted", row["greeted"])],
        [_("taken as known: share of enrolled people's visits that are greeted"), share(scope.greeting_rate, 1)],
        [_("taken as known: share of strangers' visits that are greeted by mistake"), share(scope.stranger_rate, 2)],
        [_("visits of enrolled people that this speaks for"), _rounded_span(ends, scope.smallest_group)],
    ]
    below = [_("Greetings are shown in adaptive sessions only."), _where_rates_are_from(scope)]
    if scope.stranger_rate:
        below.append(_("The smaller number leaves out the strangers who may have been greeted by mistake."))
    return [(_("Loyal customers"), " ".join(below), [_("figure"), _("value")], rows)]


def _rounded_span(ends: list[float], smallest: int) -> str:
    """Return the ends of a span; what follows from rounded counts is rounded alike."""
    if any(map(pd.isna, ends)):
        return cell("expected", None)
    low, high = (number(smallest * round(end / smallest)) for end in ends)
    return low if low == high else _("%(low)s to %(high)s", low=low, high=high)


def _where_rates_are_from(scope: Scope) -> str:
    if (scope.greeting_rate, scope.stranger_rate) == (GREETING_RATE, STRANGER_RATE):
        return _("The shares were measured on clips of the Udacity set (faceline benchmark recognition), not at these "
                 "stands. Whoever runs them can give their own as greeting_rate and stranger_rate.")  # fmt: skip
    return _("The shares were given by whoever runs these stands.")


def _uplift_table(told: Effectiveness, scope: Scope) -> Table:
    rows = []
    shown = told.uplift[(told.uplift["group"] != "stand") | (told.stands > 1)]
    shown = shown[shown["difference"].notna() & (shown["group"] != "hour")]
    for row in shown.to_dict("records"):
        what = _("all visitors") if row["group"] == "all" else _(_NAMED[row["group"]], name=row["name"])
        timed = row["measure"] == SECONDS
        change, low, high = (
            report_figures.difference(row[name], points=not timed, places=2) for name in ("difference", "low", "high")
        )
        rows.append(
            [
                f"{what} · {_(row['outcome'])}",
                _(row["measure"]),
                _exact(row["adaptive"], timed),
                _exact(row["control"], timed),
                change,
                _("%(low)s to %(high)s", low=low, high=high),
                _relative(row["relative"]),
                "–" if pd.isna(row["chance"]) else report_figures.chance(row["chance"]),
            ]
        )
    columns = [_("of whom or what"), _("figure"), _("adaptive"), _("control"), _("difference"),
               _("%(level)s interval", level=rough(scope.level)), _("relative"), _("chance above 0")]  # fmt: skip
    below = _("The first row is the one to decide by. A campaign or content is compared in its own airtime: which "
              "share of the time for which visitors could see it they attended to it. Rows about too few visitors are "
              "left out; the hours are in uplift.csv.")  # fmt: skip
    return _("Did adapting help?"), below, columns, rows


def _contest_table(told: Effectiveness) -> Table:
    rows = []
    for row in told.contest[told.contest["finding"].notna()].to_dict("records"):
        ends = {name: number(100 * row[name], 1) for name in ("low", "high")}
        rows.append([
            str(row["name"]), str(row["campaign"]), share(row["share"], 1),
            _("%(low)s to %(high)s", **ends) + "\u00a0%",
            report_figures.difference(row["difference"], points=True, places=1),
            report_figures.finding(row["finding"]),
        ])  # fmt: skip
    columns = [heading("content"), heading("campaign"), _("of its airtime attended"), _("interval"),
               _("to the best of the campaign"), _("finding")]  # fmt: skip
    below = _("%(winners)s Compared are control sessions alone: there the standard loop chooses without a look at the "
              "audience. Contents about too few visitors are left out.",
              winners=report_figures.winners(told))  # fmt: skip
    return _("Which content is better, or is it luck?"), below, columns, rows


def _exact(value: Any, timed: bool) -> str:
    return "–" if pd.isna(value) else in_seconds(number(value, 2)) if timed else share(value, 1)


def _relative(value: Any) -> str:
    return "–" if pd.isna(value) else f"{signed(100 * value, 1)}\u00a0%"


def cell(column: str, value: Any) -> str:
    """Format a figure for a reader."""
    if value is None or pd.isna(value):
        return _("too few")
    if column in _SHARES:
        return share(value, 1)
    if column in _DURATIONS:
        return number(value, 1)
    if column == "name":
        return day(value) if isinstance(value, date) else str(value)
    return number(value)
