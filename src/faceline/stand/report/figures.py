"""The figures of a report, narrow enough for a phone."""

import io
import re
from html import escape
from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.plot_style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    TEXT_SIZE,
    new_figure,
    panel_title,
    percent,
    style_axes,
    whole_numbers,
)
from faceline.stand.report.comparison import AIRTIME, SECONDS
from faceline.stand.report.effectiveness import Effectiveness

_WIDTH: Final = 5.2
_ROWS: Final = 8
"""Most groups of a kind in the figure of the uplift; the table has all."""

STEPS: Final = {
    "passers_by": "came by",
    "attended": "looked",
    "reacted": "reacted",
    "interested": "interested",
    "followed_up": "got more",
    "offers_taken": "took an offer",
}
"""How far visitors went; columns of the table of the total."""


def svg(figure: Figure, name: str, label: str) -> str:
    """The figure as SVG to put into a page, with a text for those who cannot see it.

    Args:
        figure: To draw.
        name: Begins every id inside, since those of several figures in one page must differ.
        label: The text.
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
    """The uplift of attention, of all and by stand in seconds, by campaign in its own airtime; and the finding."""
    table = told.uplift[(told.uplift["outcome"] == "attention") & told.uplift["difference"].notna()]
    table = table[(table["group"] != "stand") | (told.stands > 1)]
    visitors = table[(table["measure"] == SECONDS) & table["group"].isin(["all", "stand"])].head(_ROWS)
    airtime = table[(table["measure"] == AIRTIME) & table["group"].isin(["campaign"])].head(_ROWS)
    panels = [(rows, unit, factor) for rows, unit, factor in (
        (visitors, "seconds of attention a visitor, adaptive less control", 1.0),
        (airtime, "share of its own airtime that was attended, points", 100.0),
    ) if len(rows)]  # fmt: skip
    sizes = [len(rows) + 0.6 for rows, _, _ in panels] or [1.0]
    figure = new_figure(
        _WIDTH, 1.1 + sum(0.62 + 0.34 * size for size in sizes), "Did adapting get more attention?", source
    )
    axes_of = figure.subplots(len(sizes), squeeze=False, height_ratios=sizes)[:, 0]
    for axes, (rows, unit, factor) in zip(axes_of, panels, strict=False):
        _intervals(axes, rows, unit, factor)
    return figure, headline(told, level)


def _intervals(axes: Axes, rows: pd.DataFrame, unit: str, factor: float) -> None:
    style_axes(axes, grid="x", xlabel=unit)
    colours = {"all": INK, "campaign": PALETTE[0], "stand": PALETTE[2]}
    for place, row in enumerate(rows.to_dict("records")):
        colour, ends = colours[row["group"]], [factor * row["low"], factor * row["high"]]
        axes.plot(ends, [place, place], color=colour, linewidth=2.5, solid_capstyle="round")
        axes.plot(factor * row["difference"], place, "o", color=colour, markersize=7)
    axes.axvline(0, color=MUTED, linewidth=1)
    pairs = rows[["group", "name"]].to_numpy()
    names = {"all": "all visitors", "stand": "stand {}", "campaign": "{}"}
    axes.set_yticks(range(len(rows)), [names[group].format(name) for group, name in pairs])
    axes.set_ylim(len(rows) - 0.4, -0.6)


def funnel(told: Effectiveness, source: str) -> tuple[Figure, str]:
    """How many visitors went how far; and the same in words."""
    row = told.total.iloc[0]
    values = [(name, row[column]) for column, name in STEPS.items()]
    known = [(name, int(value)) for name, value in values if not pd.isna(value)]
    figure = new_figure(_WIDTH, 2.9, "How far visitors went", source)
    axes = figure.add_subplot()
    style_axes(axes, grid="x")
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    names, counts = zip(*known, strict=True)
    axes.barh(range(len(names)), counts, color=PALETTE[0], height=0.62)
    for place, count in enumerate(counts):
        told_share = f"{count:,}" if place == 0 else f"{count:,} · {percent(count / counts[0])}"
        axes.text(count + 0.01 * counts[0], place, told_share, va="center", size=TEXT_SIZE, color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.28 * counts[0])
    return figure, ", ".join(f"{name} {count:,}" for name, count in known)


def hours(told: Effectiveness, source: str) -> tuple[Figure, str]:
    """When people come, and how long they attend."""
    table = told.hour
    figure = new_figure(_WIDTH, 4.2, "When people come, and when they look", source)
    panels = figure.subplots(2, sharex=True)
    for axes, column, name, colour in (
        (panels[0], "passers_by", "passers-by in the hour, over all days", PALETTE[0]),
        (panels[1], "attention_per_visitor", "seconds of attention a visitor", PALETTE[1]),
    ):
        values = table[column].astype(float).to_numpy(dtype=float, na_value=np.nan)
        style_axes(axes)
        panel_title(axes, name)
        axes.bar(table["name"], np.nan_to_num(values), color=colour, width=0.75)
        top = np.nanmax(values, initial=1.0)
        missing = table["name"][np.isnan(values)]
        axes.bar(missing, 0.08 * top, color="none", edgecolor=GRID, hatch="////", width=0.75)
        axes.set_ylim(0, 1.1 * top)
    whole_numbers(panels[1].xaxis)
    panels[1].set_xlabel("hour of the day (hatched: too few to tell)", size=TEXT_SIZE, color=MUTED)
    busiest = table["name"].iloc[int(table["passers_by"].astype(float).fillna(-1).to_numpy().argmax())]
    return figure, f"passers-by and attention by hour of the day; most come at {busiest} o'clock"


def headline(told: Effectiveness, level: float) -> str:
    """Whether it worked: a verdict in words, then the figures behind it."""
    table = told.uplift
    row = table[(table["group"] == "all") & (table["outcome"] == "attention")]
    if row.empty or row["difference"].isna().iloc[0]:
        return "It cannot be told whether adapting helped: there are too few sessions in both arms."
    if row["low"].isna().iloc[0]:
        return "Nothing can be said about adapting: all sessions are alike in the attention that they gave."
    first = row.iloc[0]
    relative = f" ({100 * first['relative']:+.0f} %)" if not np.isnan(first["relative"]) else ""
    if first["measure"] == AIRTIME:
        values = [f"{100 * first[name]:.1f} %" for name in ("adaptive", "control")]
        change = [f"{100 * first[name]:+.1f}" for name in ("difference", "low", "high")]
        what, unit = "visitors attended to the campaign in", "points"
        values[0] += " of the time for which they could see it"
    else:
        values = [f"{first[name]:.1f} s" for name in ("adaptive", "control")]
        change = [f"{first[name]:+.1f}" for name in ("difference", "low", "high")]
        what, unit = "visitors attended for", "s"
    text = (
        f"{_verdict(first['chance'])} In adaptive sessions {what} {values[0]}; with the standard loop it was "
        f"{values[1]}: {change[0]} {unit}{relative}, {percent(level)} interval {change[1]} to {change[2]} {unit}. "
        f"The chance that adapting helps at all is {chance(first['chance'])}."
    )
    return re.sub(r"(?<=\d) (?=s\b|%|points)", "\u00a0", text)  # a number stays with its unit


def _verdict(likely: float) -> str:
    """What to make of the chance that adapting helps."""
    if likely >= 0.975:
        return "Adapting got more attention."
    if likely <= 0.025:
        return "Adapting got less attention."
    if likely >= 0.9:
        return "Adapting probably got more attention, and it may still be luck."
    return "It cannot be told yet whether adapting got more attention: the difference may be luck."


def chance(value: float) -> str:
    """A chance in words; none is certain."""
    return "over 99.9 %" if value > 0.999 else "under 0.1 %" if value < 0.001 else percent(float(value))
