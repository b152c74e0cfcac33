"""Draws the figures of a report, narrow enough for a phone."""

import io
import re
import textwrap
from html import escape
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from faceline.plot_style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    TEXT_SIZE,
    Side,
    new_figure,
    panel_title,
    style_axes,
    whole_numbers,
)
from faceline.stand.report.comparison import AIRTIME, SECONDS
from faceline.stand.report.contest import ALONE, BEST, UNSURE, WORSE
from faceline.stand.report.effectiveness import Effectiveness
from faceline.stand.words import _, apart, day_names, direction, in_seconds, mark, number, plain, rough, share, signed

_WIDTH: Final = 5.2
_LETTERS: Final = 46
"""Letters of a line below an axis."""
_ROWS: Final = 8
"""Most groups of a kind in the figure of the uplift; the table has all."""

STEPS: Final = {
    "passers_by": mark("came by"),
    "attended": mark("looked"),
    "reacted": mark("reacted"),
    "interested": mark("interested"),
    "followed_up": mark("got more"),
    "offers_taken": mark("took an offer"),
}
"""Steps of visitors, as columns of the total's table, and their names."""


def svg(figure: Figure, name: str, label: str) -> str:
    """Return the figure as SVG for a page, with a text for people who cannot see it.

    Args:
        figure: Figure to draw.
        name: Prefix of every id inside, because figures in one page need different ids.
        label: Text alternative.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    found = re.search(r'<svg[^>]*viewBox="([^"]*)"[^>]*>(.*)</svg>', stream.getvalue(), re.DOTALL)
    assert found is not None
    drawing = re.sub(r"<metadata>.*?</metadata>", "", found[2], flags=re.DOTALL).replace("\n", " ")
    drawing = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawing)
    return f'<svg viewBox="{found[1]}" role="img" aria-label="{escape(label)}">{drawing}</svg>'


def uplift(told: Effectiveness, level: float, source: str) -> tuple[Figure, str]:
    """Draw the uplift of attention, and return it in words too.

    It is in seconds for all visitors and by stand, and in shares of their own airtime for campaigns.
    """
    table = told.uplift[(told.uplift["outcome"] == "attention") & told.uplift["difference"].notna()]
    table = table[(table["group"] != "stand") | (told.stands > 1)]
    visitors = table[(table["measure"] == SECONDS) & table["group"].isin(["all", "stand"])].head(_ROWS)
    airtime = table[(table["measure"] == AIRTIME) & table["group"].isin(["campaign"])].head(_ROWS)
    panels = [(rows, unit, factor) for rows, unit, factor in (
        (visitors, _("seconds of attention a visitor, adaptive less control"), 1.0),
        (airtime, _("share of its own airtime that was attended, points"), 100.0),
    ) if len(rows)]  # fmt: skip
    sizes = [len(rows) + 0.6 for rows, _, _ in panels] or [1.0]
    figure = _titled(1.1 + sum(0.62 + 0.34 * size for size in sizes), _("Did adapting get more attention?"), source)
    axes_of = figure.subplots(len(sizes), squeeze=False, height_ratios=sizes)[:, 0]
    for axes, (rows, unit, factor) in zip(axes_of, panels, strict=False):
        _intervals(axes, rows, unit, factor)
    return figure, headline(told, level)


def _titled(height: float, title: str, source: str) -> Figure:
    """Create a figure whose title and source begin where lines of the language begin."""
    return new_figure(_WIDTH, height, title, source, _side())


def _side() -> Side:
    return "right" if direction() == "rtl" else "left"


def _intervals(axes: Axes, rows: pd.DataFrame, unit: str, factor: float) -> None:
    style_axes(axes, grid="x", xlabel=textwrap.fill(unit, _LETTERS))
    colours = {"all": INK, "campaign": PALETTE[0], "stand": PALETTE[2]}
    for place, row in enumerate(rows.to_dict("records")):
        colour, ends = colours[row["group"]], [factor * row["low"], factor * row["high"]]
        axes.plot(ends, [place, place], color=colour, linewidth=2.5, solid_capstyle="round")
        axes.plot(factor * row["difference"], place, "o", color=colour, markersize=7)
    axes.axvline(0, color=MUTED, linewidth=1)
    pairs = rows[["group", "name"]].to_numpy()
    names = {"all": _("all visitors"), "stand": _("stand %(name)s"), "campaign": "%(name)s"}
    axes.set_yticks(range(len(rows)), [names[group] % {"name": name} for group, name in pairs])
    _in_words(axes.xaxis)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def funnel(told: Effectiveness, source: str) -> tuple[Figure, str]:
    """Draw how many visitors went how far; return the same in words too."""
    row = told.total.iloc[0]
    values = [(_(name), row[column]) for column, name in STEPS.items()]
    known = [(name, int(value)) for name, value in values if not pd.isna(value)]
    figure = _titled(2.9, _("How far visitors went"), source)
    axes = figure.add_subplot()
    style_axes(axes, grid="x")
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    names, counts = zip(*known, strict=True)
    axes.barh(range(len(names)), counts, color=PALETTE[0], height=0.62)
    for place, count in enumerate(counts):
        told_share = number(count) if place == 0 else f"{number(count)} · {rough(count / counts[0])}"
        axes.text(count + 0.01 * counts[0], place, told_share, va="center", size=TEXT_SIZE, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.28 * counts[0])
    return figure, ", ".join(f"{name} {number(count)}" for name, count in known)


def hours(told: Effectiveness, source: str) -> tuple[Figure, str]:
    """Draw when people come, and how long they attend."""
    table = told.hour
    figure = _titled(4.2, _("When people come, and when they look"), source)
    panels = figure.subplots(2, sharex=True)
    for axes, column, name, colour in (
        (panels[0], "passers_by", _("passers-by in the hour, over all days"), PALETTE[0]),
        (panels[1], "attention_per_visitor", _("seconds of attention a visitor"), PALETTE[1]),
    ):
        values = table[column].astype(float).to_numpy(dtype=float, na_value=np.nan)
        style_axes(axes)
        panel_title(axes, name, _side())
        axes.bar(table["name"], np.nan_to_num(values), color=colour, width=0.75)
        top = np.nanmax(values, initial=1.0)
        missing = table["name"][np.isnan(values)]
        axes.bar(missing, 0.08 * top, color="none", edgecolor=GRID, hatch="////", width=0.75)
        axes.set_ylim(0, 1.1 * top)
        _in_words(axes.yaxis)
    whole_numbers(panels[1].xaxis)
    panels[1].set_xlabel(_("hour of the day (hatched: too few to tell)"), size=TEXT_SIZE, color=MUTED)
    busiest = table["name"].iloc[int(table["passers_by"].astype(float).fillna(-1).to_numpy().argmax())]
    return figure, _("passers-by and attention by hour of the day; most come at %(hour)s o'clock", hour=busiest)


def week(told: Effectiveness, source: str) -> tuple[Figure, str]:
    """Draw how many people come in each hour of a week; hours with too few stay empty."""
    table = told.week[told.week["passers_by"] > 0]
    mean = (table["passers_by"].astype(float) / table["days"]).to_numpy(dtype=float)
    days, hours, names = sorted(set(told.week["weekday"])), sorted(set(told.week["hour"])), day_names()
    grid = np.full((len(days), len(hours)), np.nan)
    for weekday, hour, value in zip(table["weekday"], table["hour"], mean, strict=True):
        grid[days.index(weekday), hours.index(hour)] = value
    figure = _titled(1.6 + 0.32 * len(days), _("When people come in the week"), source)
    axes = figure.add_subplot()
    style_axes(axes, grid="")
    axes.pcolormesh(np.ma.masked_invalid(grid), cmap="Blues", vmin=0, edgecolor="white")
    axes.invert_yaxis()
    top = np.nanmax(grid, initial=1.0)
    for (row, column), value in np.ndenumerate(grid):
        if not np.isnan(value):
            colour = "white" if value > 0.6 * top else INK
            axes.text(
                column + 0.5, row + 0.5, number(value), ha="center", va="center", size=TEXT_SIZE - 1, color=colour
            )
    axes.set_yticks(np.arange(len(days)) + 0.5, [names[each - 1] for each in days])
    axes.set_xticks(np.arange(len(hours)) + 0.5, [str(hour) for hour in hours])
    axes.set_xlabel(_("hour; passers-by on a mean day (empty: too few to tell)"), size=TEXT_SIZE, color=MUTED)
    if not len(table):
        return figure, _("too few people came to tell of the hours of a week")
    best = int(mean.argmax())
    when = {"day": names[table["weekday"].iloc[best] - 1], "hour": table["hour"].iloc[best]}
    return figure, _("most people come on %(day)s at %(hour)s o'clock", **when)


def _in_words(axis: Axis) -> None:
    """Write the numbers of an axis as the language does."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def winners(told: Effectiveness) -> str:
    """Say which content of each campaign holds attention best, and whether that may be luck."""
    sentences = []
    for campaign, rows in told.contest[told.contest["finding"].notna()].groupby("campaign", sort=False):
        best, rivals = rows[rows["finding"] == BEST], rows[rows["finding"].isin([WORSE, UNSURE])]
        if best.empty:
            continue
        unsure = rivals.loc[rivals["finding"] == UNSURE, "name"]
        names = {"campaign": apart(str(campaign)), "best": apart(str(best["name"].iloc[0])),
                 "luck": ", ".join(apart(str(each)) for each in unsure)}  # fmt: skip
        sentences.append(
            _("%(campaign)s: “%(best)s” holds attention best, but against %(luck)s it may be luck.", **names)
            if names["luck"]
            else _("%(campaign)s: “%(best)s” holds attention best, and that is hardly luck.", **names)
        )
    return " ".join(sentences) or _("There is no campaign of which two contents can be compared yet.")


def finding(code: str) -> str:
    """Say in words what was found about a content."""
    words = {BEST: _("the best"), WORSE: _("worse, hardly luck"), UNSURE: _("may be luck"), ALONE: _("the only one")}
    return words[code]


def headline(told: Effectiveness, level: float) -> str:
    """Say whether it worked: a verdict in words, then the figures behind it."""
    table = told.uplift
    row = table[(table["group"] == "all") & (table["outcome"] == "attention")]
    if row.empty or row["difference"].isna().iloc[0]:
        return _("It cannot be told whether adapting helped: there are too few sessions in both arms.")
    if row["low"].isna().iloc[0]:
        return _("Nothing can be said about adapting: all sessions are alike in the attention that they gave.")
    first = row.iloc[0]
    own = first["measure"] == AIRTIME
    arms = [share(first[name], 1) if own else in_seconds(number(first[name], 1)) for name in ("adaptive", "control")]
    change = [difference(first[name], points=own, places=1) for name in ("difference", "low", "high")]
    if not np.isnan(first["relative"]):
        change[0] += f" ({signed(100 * first['relative'])}\u00a0%)"
    values = {"adaptive": arms[0], "control": arms[1], "change": change[0], "low": change[1], "high": change[2],
              "level": share(level), "chance": chance(first["chance"])}  # fmt: skip
    figures = (
        _("In adaptive sessions visitors attended to the campaign in %(adaptive)s of the time for which they could "
          "see it; with the standard loop it was %(control)s: %(change)s, %(level)s interval %(low)s to %(high)s.",
          **values)
        if own
        else _("In adaptive sessions visitors attended for %(adaptive)s; with the standard loop it was %(control)s: "
               "%(change)s, %(level)s interval %(low)s to %(high)s.", **values)
    )  # fmt: skip
    return " ".join([
        _verdict(first["chance"]), figures, _("The chance that adapting helps at all is %(chance)s.", **values)
    ])  # fmt: skip


def difference(value: Any, *, points: bool, places: int) -> str:
    """Format a difference of shares in percentage points with one decimal, or one of seconds with these decimals."""
    if pd.isna(value):
        return "–"
    return f"{signed(100 * value, 1)}\u00a0{_('points')}" if points else in_seconds(signed(value, places))


def _verdict(likely: float) -> str:
    """Say in words how likely it is that adapting helps."""
    if likely >= 0.975:
        return _("Adapting got more attention.")
    if likely <= 0.025:
        return _("Adapting got less attention.")
    if likely >= 0.9:
        return _("Adapting probably got more attention, and it may still be luck.")
    return _("It cannot be told yet whether adapting got more attention: the difference may be luck.")


def chance(value: float) -> str:
    """Say a probability in words; none is certain."""
    if value > 0.999:
        return _("over %(share)s", share=share(0.999, 1))
    return _("under %(share)s", share=share(0.001, 1)) if value < 0.001 else rough(float(value))
