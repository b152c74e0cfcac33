"""The style of every figure: one palette, titles that state the finding, and a footer with the source.

Figures are plain ``matplotlib.figure.Figure`` objects. The global state of pyplot is never touched, so no window opens
and nothing is left behind.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from faceline.types import PerFrame

INK: Final = "#1F2933"
MUTED: Final = "#66707C"
GRID: Final = "#E4E7EB"
TITLE_SIZE: Final = 13.0
TEXT_SIZE: Final = 9.5
SMALL_SIZE: Final = 8.0
DPI: Final = 150.0

PALETTE: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours for colour-blind readers (Okabe and Ito, 2008), without the yellow that fades on white."""

Side = Literal["left", "right"]


def colours(n: int) -> list[str]:
    """Return the colours of n series; they repeat after seven."""
    return [PALETTE[i % len(PALETTE)] for i in range(n)]


def new_figure(width: float, height: float, title: str, source: str, begins: Side = "left") -> Figure:
    """Create an empty figure, in inches, with the finding above it and the source below.

    Args:
        width: Its width.
        height: Its height.
        title: The finding.
        source: Where the data come from.
        begins: Side on which lines of the texts begin.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    # a character of bold text is about 0.58 of its size wide
    characters = int((width - 0.2) * 72 / (0.58 * TITLE_SIZE))
    x = 0.1 / width if begins == "left" else 1 - 0.1 / width
    figure.suptitle(textwrap.fill(title, characters), x=x, ha=begins, size=TITLE_SIZE, weight="bold", color=INK)
    figure.supxlabel(source, x=x, ha=begins, size=SMALL_SIZE, color=MUTED)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    return figure


def style_axes(axes: Axes, *, grid: Literal["x", "y", "both", ""] = "y", xlabel: str = "", ylabel: str = "") -> None:
    """Style axes: a base line, a light grid behind the data, no tick marks."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    if grid:
        axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=TEXT_SIZE, labelcolor=INK, pad=5)
    axes.set_xlabel(xlabel, size=TEXT_SIZE, color=MUTED)
    axes.set_ylabel(ylabel, size=TEXT_SIZE, color=MUTED)


def subtitle(axes: Axes, text: str) -> None:
    """Write a line above one plot."""
    axes.set_title(text, loc="left", size=TEXT_SIZE, color=MUTED, pad=8)


def panel_title(axes: Axes, text: str, loc: Side = "left") -> None:
    """Write the finding of one plot among several."""
    axes.set_title(text, loc=loc, size=TEXT_SIZE + 1, weight="bold", color=INK, pad=8)


def in_percent(axis: Axis) -> None:
    """Format the fractions of an axis as percentages."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))


def whole_numbers(axis: Axis) -> None:
    """Set ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def percent(fraction: float) -> str:
    """Format a fraction for readers: 0.0534 is ``5.3 %``, 0.534 is ``53 %``."""
    value = 100 * fraction
    if 99 < value < 100:  # rounding must not make it all
        return f"{min(value, 99.9):.1f} %"
    return f"{value:.1f} %" if abs(value) < 9.95 else f"{value:.0f} %"


def spread(positions: Sequence[float] | PerFrame, gap: float) -> np.ndarray:
    """Move label positions as little as needed to keep a gap between neighbours.

    Each cluster of crowded labels keeps its mean, so the labels stay beside what they name.
    """
    wanted = np.asarray(positions, dtype=np.float64)
    order = np.argsort(wanted, kind="stable")
    # Labels a gap apart are equal positions once i * gap is taken off: a monotone fit by pooling neighbours.
    pools: list[list[float]] = []  # [mean, members]
    for rank, position in enumerate(wanted[order]):
        pools.append([float(position) - rank * gap, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean_a, n_a), (mean_b, n_b) = pools[-2:]
            pools[-2:] = [[(mean_a * n_a + mean_b * n_b) / (n_a + n_b), n_a + n_b]]
    placed = np.empty_like(wanted)
    placed[order] = np.repeat([mean for mean, _ in pools], [int(n) for _, n in pools]) + gap * np.arange(len(wanted))
    return placed


def label_ends(axes: Axes, x: float, ends: Mapping[str, float], names: Sequence[str]) -> None:
    """Write the name of each line beside its right end in its colour, without overlaps.

    Args:
        axes: Axes whose limits and scale are set.
        x: Right end of the lines.
        ends: Height of each line's end, by its name.
        names: Colours of the lines, in the same order.
    """
    low, high = (axes.transData.transform((x, y))[1] for y in axes.get_ylim())
    heights = np.array([axes.transData.transform((x, y))[1] for y in ends.values()])
    gap = 1.35 * TEXT_SIZE / 72 / (axes.get_figure(root=True).get_figheight() - 1.2)  # type: ignore[union-attr]
    for text, place, colour in zip(ends, spread((heights - low) / (high - low), gap), names, strict=True):
        axes.annotate(
            text,
            (x, place),
            xycoords=("data", "axes fraction"),
            xytext=(8, 0),
            textcoords="offset points",
            color=colour,
            size=TEXT_SIZE,
            va="center",
            annotation_clip=False,
        )


def png(figure: Figure) -> bytes:
    """Return the figure as bytes of a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
