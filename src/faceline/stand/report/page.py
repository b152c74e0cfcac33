"""The page of a report: one file, no network, readable on a phone and by a screen reader."""

import re
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceline.plot_style import percent
from faceline.stand.report import figures as report_figures
from faceline.stand.report.comparison import OUTCOMES
from faceline.stand.report.effectiveness import SECONDS_EACH, Effectiveness, Scope

_SHARES: Final = ("reaction_rate", "interest_rate", "relative", "relative_low", "relative_high")
_DURATIONS: Final = ("dwell_seconds", "attention_per_visitor", "attention_per_viewer")
_WORDS: Final = {
    "passers_by": "passers-by",
    "attention_seconds": "attention, s in all",
    "attention_per_visitor": "attention a visitor, s",
    "attention_per_viewer": "attention a viewer, s",
    "dwell_seconds": "dwell, s",
    "reaction_rate": "reaction rate",
    "interest_rate": "interest rate",
    "followed_up": "follow-ups",
    "offers_taken": "offers taken",
}
_CAPTIONS: Final = {
    "campaign": "A viewer is a visitor who attended to something of the campaign.",
    "content": "A viewer is a visitor who attended to the content; most attention first.",
    "stand": "A passer-by is whoever came before the stand, for however short a time.",
    "hour": "By the hour in which a visitor came.",
    "day": "By the day on which a visitor came.",
}


def page(told: Effectiveness, scope: Scope, title: str) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    line = _scope_line(told, scope)
    figures = {
        "uplift": report_figures.uplift(told, scope.level, line),
        "funnel": report_figures.funnel(told, line),
        "hours": report_figures.hours(told, line),
    }
    return environment.get_template("report.html.j2").render(
        title=title,
        scope=f"{line} · days and hours of {scope.zone}",
        headline=report_figures.headline(told, scope.level),
        lost=_lost(told),
        tiles=_tiles(told),
        figures=[report_figures.svg(figure, name, words) for name, (figure, words) in figures.items()],
        tables=[_uplift_table(told, scope), *_loyal_table(told, scope), *(_table(told, name) for name in _CAPTIONS)],
        notes=_notes(scope),
    )


def _scope_line(told: Effectiveness, scope: Scope) -> str:
    first, last = told.period
    days = f"{first:%-d %B %Y}" if first == last else f"{first:%-d %B %Y} to {last:%-d %B %Y}"
    stands = "1 stand" if told.stands == 1 else f"{told.stands:,} stands"
    return f"{days} · {stands}" + (f" · campaign {scope.campaign}" if scope.campaign else "")


def _lost(told: Effectiveness) -> str:
    lost, seconds = told.lost
    if not seconds:
        return ""
    return f"Stands could not write their events for {seconds:,.0f} s in all, and {lost:,} events were lost."


def _tiles(told: Effectiveness) -> list[tuple[str, str]]:
    row = told.total.iloc[0]
    names = ("passers_by", "attention_per_visitor", "dwell_seconds", "interest_rate", "reaction_rate", "greeted",
             "followed_up", "offers_taken")  # fmt: skip
    return [(_WORDS.get(name, "loyal customers greeted"), cell(name, row[name])) for name in names]


def _table(told: Effectiveness, name: str) -> tuple[str, str, list[str], list[list[str]]]:
    table = told.tables[name].drop(columns="suppressed")
    columns = [name, *(_WORDS.get(column, column) for column in table.columns[1:])]
    rows = [[cell(column, row[column]) for column in table.columns] for _, row in table.iterrows()]
    return f"By {name}", _CAPTIONS[name], columns, rows


def _loyal_table(told: Effectiveness, scope: Scope) -> list[tuple[str, str, list[str], list[list[str]]]]:
    """Greeted visits against those that enrolled people are expected to have made; none where no rate is known."""
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
    for _, row in shown.iterrows():
        what = "all visitors" if row["group"] == "all" else f"{row['group']} {row['name']}"
        share = row["outcome"] != "attention"
        values = [_signed(row[name], " points" if share else " s") for name in ("difference", "low", "high")]
        rows.append(
            [
                f"{what} · {row['outcome']}",
                _plain(row["adaptive"], share),
                _plain(row["control"], share),
                values[0],
                f"{values[1]} to {values[2]}" if values[0] != "–" else "–",
                _signed(row["relative"], " %"),
                "–" if pd.isna(row["chance"]) else report_figures.chance(row["chance"]),
            ]
        )
    columns = [
        "",
        "adaptive",
        "control",
        "difference",
        f"{percent(scope.level)} interval",
        "relative",
        "chance above 0",
    ]
    outcomes = "; ".join(f"{name}: {words}" for name, words in OUTCOMES.items())
    return "Uplift of adaptive over control", f"{outcomes}. The first row is the one to decide by.", columns, rows


def _plain(value: Any, share: bool) -> str:
    return "–" if pd.isna(value) else f"{100 * value:.1f} %" if share else f"{value:.2f} s"


def _signed(value: Any, unit: str) -> str:
    """A difference: of seconds, of shares in percentage points, or relative in per cent."""
    if pd.isna(value):
        return "–"
    return f"{value:+.2f}{unit}" if unit == " s" else f"{100 * value:+.1f}{unit}"


def cell(column: str, value: Any) -> str:
    """A figure as a person reads it."""
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
        "others are for orientation. By campaign and content, the uplift is of the attention to that campaign or "
        "content; a content that is chosen more often gains what others lose.",
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
