"""The figures of a report, narrow enough for a phone."""

import io
import re
from html import escape
from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
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
    """The uplift of attention in all, by campaign and by stand, with intervals; and the finding."""
    table = told.uplift[
        (told.uplift["outcome"] == "attention") & told.uplift["group"].isin(["all", "campaign", "stand"])
    ]
    table = table[table["difference"].notna()]
    table = pd.concat([table[table["group"] == group].head(_ROWS) for group in ("all", "campaign", "stand")])
    table = table[(table["group"] != "stand") | (told.stands > 1)]
    finding = headline(told, level)
    figure = new_figure(_WIDTH, 1.5 + 0.34 * max(len(table), 1), "More attention than the standard loop?", source)
    axes = figure.add_subplot()
    style_axes(axes, grid="x", xlabel="seconds of attention a visitor, adaptive less control")
    colours = {"all": INK, "campaign": PALETTE[0], "stand": PALETTE[2]}
    for place, row in enumerate(table.to_dict("records")):
        colour = colours[row["group"]]
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.5, solid_capstyle="round")
        axes.plot(row["difference"], place, "o", color=colour, markersize=7)
    axes.axvline(0, color=MUTED, linewidth=1)
    names = [
        "all visitors" if group == "all" else f"{group} {name}" for group, name in table[["group", "name"]].to_numpy()
    ]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    return figure, finding


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
    """Whether it worked, in one sentence."""
    table = told.uplift
    row = table[(table["group"] == "all") & (table["outcome"] == "attention")]
    if row.empty or row["difference"].isna().iloc[0]:
        return "There are too few sessions in both arms to say whether adapting helped."
    if row["low"].isna().iloc[0]:
        return "All sessions are alike in the attention that they gave: nothing can be said about adapting."
    first = row.iloc[0]
    relative = f" ({100 * first['relative']:+.0f} %)" if not np.isnan(first["relative"]) else ""
    text = (
        f"Visitors of adaptive sessions attended {first['adaptive']:.1f} s, those of the standard loop "
        f"{first['control']:.1f} s: {first['difference']:+.1f} s{relative}, {percent(level)} interval "
        f"{first['low']:+.1f} to {first['high']:+.1f} s. "
        f"The chance that adapting helps at all is {chance(first['chance'])}."
    )
    return re.sub(r"(?<=\d) (?=s\b|%)", "\u00a0", text)  # a number stays with its unit


def chance(value: float) -> str:
    """A chance in words; none is certain."""
    return "over 99.9 %" if value > 0.999 else "under 0.1 %" if value < 0.001 else percent(float(value))
