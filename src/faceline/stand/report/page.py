"""Writes the report as one HTML file without network access, for phones and screen readers too."""

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceline.plot_style import percent
from faceline.stand.content.catalogue import Catalogue
from faceline.stand.report import figures as report_figures
from faceline.stand.report.comparison import SECONDS
from faceline.stand.report.effectiveness import SECONDS_EACH, Effectiveness, Scope
from faceline.stand.words import _

_SHARES: Final = (
    "look_rate",
    "view_rate",
    "reaction_rate",
    "interest_rate",
    "offer_rate",
    "greeting_offer_rate",
    "relative",
    "relative_low",
    "relative_high",
)
_DURATIONS: Final = ("mean_dwell_seconds", "attention_per_visitor", "attention_per_viewer")
_WORDS: Final = {
    "passers_by": "passers-by",
    "attended": "looked",
    "look_rate": "of them looked, interval",
    "ots": "OTS",
    "view_rate": "views of OTS",
    "attention_seconds": "attention, s in all",
    "attention_per_visitor": "attention a visitor, s",
    "attention_per_viewer": "attention a viewer, s",
    "mean_dwell_seconds": "mean dwell, s",
    "reaction_rate": "reaction rate",
    "interest_rate": "interest rate",
    "followed_up": "follow-ups",
    "offers_taken": "offers taken",
    "offer_rate": "offers taken of views",
    "greeting_offer_rate": "offers taken of greetings",
}
_CAPTIONS: Final = {
    "campaign": "Most attention first.",
    "content": "Most attention first.",
    "stand": "By where a visitor came.",
    "hour": "By the hour in which a visitor came, added up over all days of this report.",
    "day": "By the day on which a visitor came.",
}


def definitions() -> dict[str, str]:
    """Return the industry's terms as this report uses them."""
    return {
        _("Passer-by"): _("Somebody whose face the camera saw before the screen, for however short a time."),
        _("Looked"): _("A passer-by whose head pointed to the screen for a while: who looked at anything at all."),
        _("Play"): _(
            "One showing of a content while somebody was there. Plays before an empty hall are in the proof of play."
        ),
        _("OTS"): _(
            "Opportunity to see: one visitor who was there while a play ran. Two visitors and three plays are six."
        ),
        _("View"): _("An opportunity to see that was used: the visitor's head pointed to the screen during the play."),
        _("Viewer"): _("A visitor with at least one view of the campaign or content."),
        _("Dwell"): _("How long a visitor was before the screen."),
        _("Attention"): _("For how long of that the head pointed to the screen."),
        _("Reaction"): _(
            "A movement of the face against the visitor's usual: a smile, raised brows, open mouth or closed eyes."
        ),
        _("Interest"): _("Attention that held, with a smile or raised brows that came while the content was shown."),
        _("Age and gender"): no_age_or_gender(),
    }


def no_age_or_gender() -> str:
    """Return the statement that nobody's age or gender is estimated, and why."""
    return _("Age and gender are not estimated. Guesses of them from faces are wrong more often for some groups than "
             "for others, nobody agreed to them, and no rule here asks for them.")  # fmt: skip


def page(told: Effectiveness, scope: Scope, title: str, catalogue: Catalogue | None = None) -> str:
    """Return the report as HTML; with a catalogue it uses the titles of campaigns and contents."""
    told = titled(told, catalogue)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    line = scope_line(told, scope.campaign, catalogue)
    figures = {
        "uplift": report_figures.uplift(told, scope.level, line),
        "funnel": report_figures.funnel(told, line),
        "hours": report_figures.hours(told, line),
        "week": report_figures.week(told, line),
    }
    return environment.get_template("report.html.j2").render(
        title=title,
        scope=f"{line} · days and hours of {scope.zone}",
        headline=report_figures.headline(told, scope.level),
        lost=_lost(told),
        tiles=tiles(told),
        figures=[report_figures.svg(figure, name, words) for name, (figure, words) in figures.items()],
        tables=[
            *(_table(told, name) for name in ("campaign", "content")),
            _contest_table(told),
            _uplift_table(told, scope),
            *_loyal_table(told, scope),
            *(_table(told, name) for name in ("stand", "hour", "day")),
        ],
        definitions=definitions(),
        notes=_notes(scope),
    )


def scope_line(told: Effectiveness, chosen: str | None, catalogue: Catalogue | None) -> str:
    """Return which days, stands and campaign a report is about."""
    first, last = told.period
    days = f"{first:%-d %B %Y}" if first == last else f"{first:%-d %B %Y} to {last:%-d %B %Y}"
    stands = "1 stand" if told.stands == 1 else f"{told.stands:,} stands"
    campaign = chosen and names_of(catalogue, "campaign").get(chosen, chosen)
    return f"{days} · {stands}" + (f" · campaign {campaign}" if campaign else "")


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
    lost, seconds = told.lost
    if not seconds:
        return ""
    return f"Stands could not write their events for {seconds:,.0f} s in all, and {lost:,} events were lost."


def tiles(told: Effectiveness) -> list[tuple[str, str]]:
    """Return the main figures, and what each means."""
    row = told.total.iloc[0]
    names = {
        **{"passers_by": "passers-by", "look_rate": "of them looked", "plays": "plays"},
        **{"ots": "opportunities to see (OTS)", "views": "views", "mean_dwell_seconds": "dwell, s, mean"},
        **{"attention_per_visitor": "attention a visitor, s", "interest_rate": "showed interest"},
        **{"reaction_rate": "reacted", "followed_up": "follow-ups", "greeted": "loyal customers greeted"},
        "offers_taken": "offers taken",
    }
    return [(words, cell(name, row[name])) for name, words in names.items()]


def _table(told: Effectiveness, name: str) -> tuple[str, str, list[str], list[list[str]]]:
    table = told.tables[name].drop(columns=["suppressed", "reacted", "interested"])  # the files have them
    table = table.drop(columns=["look_low", "look_high"], errors="ignore")
    columns = [name, *(_WORDS.get(column, column) for column in table.columns[1:])]
    told_rows = told.tables[name].to_dict("records")
    rows = [[_with_interval(row) if c == "look_rate" else cell(c, row[c]) for c in table.columns] for row in told_rows]
    return f"By {name}", _CAPTIONS[name], columns, rows


def _with_interval(row: dict[Hashable, Any]) -> str:
    """Return the share that looked, with its interval if it has one."""
    low, high = row["look_low"], row["look_high"]
    ends = "" if pd.isna(low) else f" ({100 * low:.0f}–{100 * high:.0f})"
    return cell("look_rate", row["look_rate"]) + ends


def _loyal_table(told: Effectiveness, scope: Scope) -> list[tuple[str, str, list[str], list[list[str]]]]:
    """Compare greeted visits with those expected from enrolled people; empty if no rate is known."""
    row = told.total.iloc[0]
    if scope.greeting_rate is None:
        return []
    known = not pd.isna(row["greeted"])
    expected = row["greeted"] / scope.greeting_rate if known else None
    rows = [
        ["visits greeted as those of an enrolled person", cell("greeted", row["greeted"])],
        ["measured: share of enrolled people's visits that are greeted", f"{100 * scope.greeting_rate:.1f} %"],
        ["visits of enrolled people that this speaks for", cell("expected", expected)],
        ["measured: share of strangers' visits that are greeted by mistake", f"{100 * scope.stranger_rate:.2f} %"],
    ]
    caption = (
        "Greetings are shown in adaptive sessions only. The shares were measured on clips of other people "
        "(faceline benchmark recognition), not at these stands."
    )
    return [("Loyal customers", caption, ["figure", "value"], rows)]


def _uplift_table(told: Effectiveness, scope: Scope) -> tuple[str, str, list[str], list[list[str]]]:
    rows = []
    shown = told.uplift[(told.uplift["group"] != "stand") | (told.stands > 1)]
    shown = shown[shown["difference"].notna() & (shown["group"] != "hour")]
    for row in shown.to_dict("records"):
        what = "all visitors" if row["group"] == "all" else f"{row['group']} {row['name']}"
        share = row["measure"] != SECONDS
        values = [_signed(row[name], " points" if share else " s") for name in ("difference", "low", "high")]
        rows.append(
            [
                f"{what} · {row['outcome']}",
                row["measure"],
                _plain(row["adaptive"], share),
                _plain(row["control"], share),
                values[0],
                f"{values[1]} to {values[2]}",
                _signed(row["relative"], " %"),
                "–" if pd.isna(row["chance"]) else report_figures.chance(row["chance"]),
            ]
        )
    columns = ["of whom or what", "figure", "adaptive", "control", "difference", f"{percent(scope.level)} interval",
               "relative", "chance above 0"]  # fmt: skip
    few = " Rows about too few visitors are left out; the hours are in uplift.csv."
    caption = (
        "The first row is the one to decide by. A campaign or content is compared in its own airtime: which share of "
        f"the time for which visitors could see it they attended to it.{few}"
    )
    return "Did adapting help?", caption, columns, rows


def _contest_table(told: Effectiveness) -> tuple[str, str, list[str], list[list[str]]]:
    rows = []
    for row in told.contest[told.contest["finding"].notna()].to_dict("records"):
        ends = [f"{100 * row[name]:.1f}" for name in ("low", "high")]
        rows.append([
            str(row["name"]), str(row["campaign"]), cell("relative", row["share"]), f"{ends[0]} to {ends[1]} %",
            _signed(row["difference"], " points"), report_figures.finding(row["finding"]),
        ])  # fmt: skip
    columns = ["content", "campaign", "of its airtime attended", "interval", "to the best of the campaign", "finding"]
    caption = (
        f"{report_figures.winners(told)} Compared are control sessions alone: there the standard loop chooses without "
        "a look at the audience. Contents about too few visitors are left out."
    )
    return "Which content is better, or is it luck?", caption, columns, rows


def _plain(value: Any, share: bool) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f} %" if share else f"{value:.2f} s"


def _signed(value: Any, unit: str) -> str:
    """Format a difference: seconds, percentage points of shares, or per cent if relative."""
    if pd.isna(value):
        return "–"
    return f"{value:+.2f}{unit}" if unit == " s" else f"{100 * value:+.1f}{unit}"


def cell(column: str, value: Any) -> str:
    """Format a figure for a reader."""
    if value is None or pd.isna(value):
        return "too few"
    if column in _SHARES:
        return f"{100 * value:.1f} %"
    if column in _DURATIONS:
        return f"{value:.1f}"
    if column == "name":
        return re.sub(r" 00:00:00$", "", str(value))
    return f"{value:,.0f}"


def _notes(scope: Scope) -> list[str]:
    return [
        "A visitor is one visit under a random number that is never used again; nobody is followed from one visit to "
        "the next, and no figure here comes from a face: only times, counts and movements were written down.",
        "Attention is the time in which a head was turned to the screen; a reaction is a movement of the face against "
        "its own neutral shape; interest is attention that held, with a positive change. None of them says what "
        "somebody felt.",
        "Each session, an audience from the first who comes to the last who goes, was given an arm by chance: adaptive "
        "(the policy chooses) or control (the standard loop, without greetings and follow-ups). Their difference is "
        "what adapting did, since nothing else differs.",
        "Intervals and chances count sessions, not visitors, because those who stand together see the same screen: "
        "ratios of sums over sessions, linearised (delta method), with Welch's degrees of freedom. The chance is that "
        "of a difference above 0 under a flat prior.",
        f"Of many intervals of {percent(scope.level)} some miss: the first row of the uplift answers the question, the "
        "others are for orientation. A campaign or content is compared in its own airtime, so that nobody gains by "
        "being shown more often.",
        no_age_or_gender(),
        f"Counts are rounded to multiples of {scope.smallest_group}, as running totals from the first day on. A 0 is "
        f"fewer than {scope.smallest_group}, and no count is wrong by as much as that. Shares are made of such counts.",
        f"Sums of seconds, and the uplift of attention, are exact. Those about fewer than {scope.smallest_group} "
        "visitors are not told, nor are the next smallest where fewer could be told from a total.",
        "All figures are of closed periods: whole days, or several where one is too small. A sum leaves out the "
        "periods in which it would be about few; then it is marked as suppressed in the tables. So two reports with "
        "different days or campaigns never tell of few people by their difference.",
        f"Of one campaign, attention by stand, hour and day is rounded to {SECONDS_EACH * scope.smallest_group} s, and "
        "the uplift by stand and hour is not told.",
        "Somebody who stays for more than ten minutes goes on as a new visit, which is no new passer-by.",
    ]
