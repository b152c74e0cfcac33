"""The page of a comparison: one self-contained file for browsers of any width."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from faceline.geometry.markup import N_LANDMARKS, OUTLINES
from faceline.plot_style import percent
from faceline.reports.comparison import COSTS, TITLES, Comparison, Leaderboard, board_verdict, cost

_MARKS: Final = (
    "M11 2a4 4 0 1 0 .01 0z",
    "M7.5 2.5h7v7h-7z",
    "M11 1l5 5-5 5-5-5z",
    "M11 1.5l4.8 8.5H6.2z",
    "M11 10.5l4.8-8.5H6.2z",
    "M9.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "M8 1.5l3 2.6 3-2.6 2 2-2.7 2.5 2.7 2.5-2 2-3-2.6-3 2.6-2-2 2.7-2.5-2.7-2.5z",
)
"""Markers of `faceline.reports.comparison_plots` as paths."""


@dataclass(frozen=True)
class Plot:
    """A figure of a board.

    Attributes:
        title: Title of the figure.
        finding: Finding in one sentence.
        svg: SVG of the figure.
        series: Position and label of each series.
    """

    title: str
    finding: str
    svg: Markup
    series: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, eq=False)
class WorstFrame:
    """A test frame that all models find hard, with each model's landmarks.

    Attributes:
        name: Name of the frame.
        jpeg: JPEG of the frame, stretched to a square.
        size: Width and height of the original.
        target: (68, 2) true landmarks in pixels; NaN without a label.
        preds: (models, 68, 2) predicted landmarks in pixels.
        nme: (models,) errors.
    """

    name: str
    jpeg: bytes
    size: tuple[int, int]
    target: np.ndarray
    preds: np.ndarray
    nme: Sequence[float]

    @property
    def uri(self) -> str:
        """Return the pixels as a data address."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"

    @property
    def window(self) -> str:
        """Return the square around the true face and nearby predictions, as a view box."""
        low, high = np.nanmin(self.target, axis=0), np.nanmax(self.target, axis=0)
        side = 1.7 * float((high - low).max())
        left, top = (low + high) / 2 - side / 2
        return f"{left:.1f} {top:.1f} {side:.1f} {side:.1f}"

    @property
    def stroke(self) -> float:
        """Return the width of a line in pixels of the frame."""
        return float((np.nanmax(self.target, axis=0) - np.nanmin(self.target, axis=0)).max()) / 70


@dataclass(frozen=True)
class Closer:
    """Details about a board.

    Attributes:
        plots: Figures of the board.
        mixed_up: Pairs of confused people, and how often by each of the first models.
        worst: Hard frames with the first models' landmarks.
        worst_models: Labels of these models.
        no_worst: Why there are no such frames.
    """

    plots: Sequence[Plot] = ()
    mixed_up: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    worst: Sequence[WorstFrame] = ()
    worst_models: Sequence[str] = ()
    no_worst: str | None = None


def page(comparison: Comparison, closer: Sequence[Closer], *, made: str, version: str) -> str:
    """Return the HTML of the page.

    Args:
        comparison: Result of the comparison.
        closer: Details about each board.
        made: Date of the page.
        version: Version of the program.
    """
    loader = PackageLoader("faceline.reports", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "outline": _outline, "breakable": _breakable}
    template = environment.get_template("comparison.html.j2")
    return template.render(
        comparison=comparison,
        boards=list(zip(comparison.boards, closer, strict=True)),
        verdict_of=board_verdict,
        titles=TITLES,
        costs=COSTS,
        cost=cost,
        place=_places,
        marks=_MARKS,
        made=made,
        version=version,
    )


def _breakable(name: str) -> Markup:
    """Return a name that may wrap after a dot or an underscore."""
    return Markup(re.sub(r"([._/])", r"\1<wbr>", str(escape(name))))


def _outline(shape: np.ndarray) -> str:
    """Return the lines of a face as path data; small crosses if its markup has no known lines."""
    if len(shape) != N_LANDMARKS:
        known = shape[~np.isnan(shape).any(axis=1)]
        return " ".join(f"M{x - 1:.1f} {y:.1f}h2M{x:.1f} {y - 1:.1f}v2" for x, y in known)
    return " ".join(_line(shape[list(line)]) for line in OUTLINES)


def _line(points: np.ndarray) -> str:
    """Return one line, with the pen lifted where a landmark has no label."""
    drawn, pen = "", "M"
    for x, y in points:
        if np.isnan(x):
            pen = "M"
        else:
            drawn, pen = f"{drawn}{pen}{x:.1f} {y:.1f}", "L"
    return drawn


def _places(board: Leaderboard, low: float, at: float, high: float, *, gap: bool = False) -> Markup:
    """Return the place of an interval on a board's common scale, as CSS properties.

    Args:
        board: Board of the scale.
        low: Lower end.
        at: The figure itself.
        high: Upper end.
        gap: Whether to use the scale of differences from the first, which includes 0.
    """
    if gap:
        ends = [end for entry in board.entries if entry.behind for end in (entry.behind.low, entry.behind.high)] + [0.0]
    else:
        ends = [end for entry in board.entries for end in (entry.interval or ())]
    least, most = min(ends), max(ends)
    span = (most - least) or 1.0
    places = {"low": low, "at": at, "high": high, "zero": 0.0}
    return Markup(";".join(f"--{name}:{100 * (value - least) / span:.1f}%" for name, value in places.items()))
