"""Draws identification: how often people are found, who is confused with whom, and the cost of strangers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceline.geometry.markup import OUTLINES
from faceline.metrics.identification import FPIRS, STRANGER, f1, rank_k
from faceline.plot_style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    SMALL_SIZE,
    colours,
    in_percent,
    label_ends,
    new_figure,
    percent,
    style_axes,
    subtitle,
    whole_numbers,
)
from faceline.types import Images

RIGHT: Final = PALETTE[0]
WRONG: Final = PALETTE[1]
_DEEPEST: Final = 20  # ranks that are drawn
_PAIRS: Final = 10
_EXAMPLES: Final = 6

Curve = tuple[np.ndarray, np.ndarray, Mapping[str, tuple[float, float]]]
"""FPIR and FNIR of every threshold, and those of the thresholds from the validation set, by their rates."""

Shares = tuple[float, float, float]
"""A share, and both ends of its interval."""


def rank_curve(ranks: Mapping[str, Integer[np.ndarray, " n"]], *, source: str) -> Figure:
    """Draw the cumulative match characteristic: share of probes whose true person is among the first k.

    Args:
        ranks: The ranks of the true person for each probe and model, 0 for a stranger.
        source: Provenance, written below the figure.

    Raises:
        ValueError: There is no model, or one without mated probes.
    """
    if not ranks:
        raise ValueError("expected the ranks of at least one model, got none")
    k = np.arange(1, _DEEPEST + 1)
    shares = {model: np.array([rank_k(rank, int(place)) for place in k]) for model, rank in ranks.items()}
    best = max(shares, key=lambda model: float(shares[model][0]))
    first, fifth = (percent(float(shares[best][place])) for place in (0, 4))
    title = f"{best} names {first} rightly; for {fifth} the person is among five"
    figure = new_figure(7.6, 4.4, title, source)
    axes = figure.subplots()
    style_axes(axes, grid="both", xlabel="people looked at, the most alike first")
    subtitle(axes, "Share of probes whose true person is among them")
    for share, colour in zip(shares.values(), colours(len(shares)), strict=True):
        axes.plot(k, share, color=colour, linewidth=2, marker="o", markersize=3.5)
    axes.set(xlim=(0.5, _DEEPEST + 0.5), ylim=(0, 1.02))
    in_percent(axes.yaxis)
    axes.set_xticks([1, 5, 10, 15, 20])
    label_ends(
        axes, float(_DEEPEST), {model: float(share[-1]) for model, share in shares.items()}, colours(len(shares))
    )
    return figure


def det_curve(curves: Mapping[str, Curve], strangers: int, *, source: str) -> Figure:
    """Draw the detection error trade-off: missed people against falsely recognised strangers.

    Args:
        curves: Curve of each model.
        strangers: Number of strangers among the probes; lower rates than one of them cannot be measured.
        source: Provenance, written below the figure.

    Raises:
        ValueError: There is no model, or there are no strangers.
    """
    if not curves or strangers < 1:
        raise ValueError(f"expected curves and strangers, got {len(curves)} and {strangers}")
    chosen = {model: marks["1pct"][1] for model, (_, _, marks) in curves.items()}
    best = min(chosen, key=chosen.__getitem__)
    title = f"{best} misses {percent(chosen[best])} of the enrolled at the threshold set for 1 % of false alarms"
    figure = new_figure(7.6, 4.8, title, source)
    axes = figure.subplots()
    style_axes(axes, grid="both", xlabel="FPIR: share of strangers' probes taken for somebody")
    subtitle(axes, "FNIR: share of enrolled people's probes not named rightly. Rings: thresholds chosen on validation.")
    lowest = min(0.5 / strangers, 0.0005)
    axes.set_xscale("log")
    for (_, (alarms, misses, marks)), colour in zip(curves.items(), colours(len(curves)), strict=True):
        axes.step(np.maximum(alarms, lowest), misses, where="post", color=colour, linewidth=2)
        for name, (alarm, miss) in marks.items():
            place = (max(alarm, lowest), miss)
            axes.plot(*place, "o", color=colour, markersize=9, markerfacecolor="none", markeredgewidth=2)
            _annotate(axes, f"for {100 * FPIRS[name]:g} %", place, (8, 5), colour)
    axes.axvspan(lowest, 1 / strangers, color=GRID, alpha=0.6, linewidth=0)
    axes.text(
        1 / strangers,
        0.02,
        f"under one of \n{strangers:,} probes ",
        color=MUTED,
        size=SMALL_SIZE,
        ha="right",
        va="bottom",
        transform=axes.get_xaxis_transform(),
    )
    axes.set(xlim=(lowest, 1), ylim=(0, 1.02))
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    ends = {model: float(misses[alarms >= 1][-1]) for model, (alarms, misses, _) in curves.items()}
    label_ends(axes, 1.0, ends, colours(len(curves)))
    return figure


def most_mixed_up(table: pd.DataFrame, *, source: str) -> Figure:
    """Draw the pairs of people that are most often confused.

    Args:
        table: Table with a row for each probe and columns ``person`` and ``predicted``; strangers, with rank 0, are
            left out.
        source: Provenance, written below the figure.
    """
    wrong = table[(table["rank"] > 0) & (table["person"] != table["predicted"])]
    pairs = wrong.groupby(["person", "predicted"]).size().sort_values(ascending=False, kind="stable").head(_PAIRS)
    if not len(pairs):
        figure = new_figure(7.6, 1.6, "Nobody was mixed up", source)
        figure.subplots().set_axis_off()
        return figure
    (first, second), most = pairs.index[0], int(pairs.iloc[0])
    title = f"Most often mixed up: {_name(first)}, taken for {_name(second)} {most} times"
    figure = new_figure(7.6, 1.7 + 0.34 * len(pairs), title, source)
    axes = figure.subplots()
    style_axes(axes, grid="x", xlabel="probes")
    asked = int((table["rank"] > 0).sum())
    subtitle(axes, f"The {len(pairs)} most frequent of {len(wrong):,} wrong answers among {asked:,} probes")
    heights = np.arange(len(pairs))[::-1]
    axes.hlines(heights, 0, pairs.to_numpy(), color=WRONG, linewidth=4, alpha=0.35)
    axes.plot(pairs.to_numpy(), heights, "o", color=WRONG, markersize=7)
    axes.set_yticks(heights, [f"{_name(a)} → {_name(b)}" for a, b in pairs.index])
    axes.set(xlim=(0, most * 1.1), ylim=(-0.6, len(pairs) - 0.4))
    whole_numbers(axes.xaxis)
    return figure


def by_frames(table: pd.DataFrame, gallery: np.ndarray, *, source: str) -> Figure:
    """Draw F1 against the number of frames that a person is enrolled with.

    Args:
        table: Table as for ``most_mixed_up``.
        gallery: Name of the person in each gallery frame.
        source: Provenance, written below the figure.
    """
    mated = table[table["rank"] > 0]
    people, target = np.unique(mated["person"], return_inverse=True)
    preds = np.where(np.isin(mated["predicted"], people), np.searchsorted(people, mated["predicted"]), -1)
    frames = np.array([(gallery == person).sum() for person in people])
    edges = np.unique(np.quantile(frames, np.linspace(0, 1, 7)).astype(int))
    edges = np.append(edges[:-1], edges[-1] + 1) if len(edges) > 1 else np.array([edges[0], edges[0] + 1])
    names, scores, counts = [], [], []
    for low, high in pairwise(edges):
        members = np.flatnonzero((frames >= low) & (frames < high))
        inside = np.isin(target, members)
        if inside.any():
            least, most = frames[members].min(), frames[members].max()
            names.append(str(least) if least == most else f"{least}–{most}")
            scores.append(f1(preds[inside], target[inside], "weighted"))
            counts.append(len(np.unique(target[inside])))
    title = f"F1 {scores[0]:.2f} for people with {names[0]} frames in the gallery, {scores[-1]:.2f} with {names[-1]}"
    figure = new_figure(7.6, 4.2, title, source)
    axes = figure.subplots()
    style_axes(axes, xlabel="frames in the gallery (people)")
    subtitle(axes, "F1 weighted of the probes of these people")
    axes.bar(range(len(names)), scores, color=RIGHT, width=0.6)
    for place, score in enumerate(scores):
        _annotate(axes, f"{score:.2f}", (place, score), (0, 8), INK, ha="center")
    axes.set_xticks(range(len(names)), [f"{name}\n({count})" for name, count in zip(names, counts, strict=True)])
    axes.set_ylim(0, max(1.12 * max(scores), 0.1))
    return figure


def cost_of_a_visit(known: Mapping[str, Shares], new: Mapping[str, Shares], *, source: str) -> Figure:
    """Draw the F1 of each method on new frames of known videos and on new videos, with intervals.

    Args:
        known: F1 and both ends of its interval under ``frame_random``, by method.
        new: F1 and both ends of its interval under ``video_disjoint``, by method.
        source: Provenance, written below the figure.

    Raises:
        ValueError: No method was measured under both.
    """
    both = [method for method in known if method in new]
    if not both:
        raise ValueError("expected at least one method under both protocols")
    best = max(both, key=lambda method: (known[method][0], new[method][0]))
    others = sorted((method for method in new if method not in known), key=lambda method: new[method][0])
    order = [*sorted(known, key=lambda method: known[method][0]), *others]
    title = f"On a new visit the best method, {best}, falls from F1 {known[best][0]:.3f} to {new[best][0]:.3f}"
    figure = new_figure(7.6, 1.8 + 0.42 * len(order), title, source)
    axes = figure.subplots()
    style_axes(axes, grid="x", xlabel="F1 weighted; bars are intervals of 95 %")
    subtitle(axes, "Full: other frames of known videos (frame_random). Ring: a video never seen (video_disjoint).")
    for height, method in enumerate(order):
        marked = [(known, RIGHT, RIGHT), (new, WRONG, "white")]
        for scores, colour, face in marked:
            if method in scores:
                f1_score, low, high = scores[method]
                axes.hlines(height, low, high, color=colour, linewidth=5, alpha=0.3)
                axes.plot(f1_score, height, "o", color=colour, markersize=8, markerfacecolor=face, markeredgewidth=2)
        ends = [scores[method] for scores in (known, new) if method in scores]
        left, right = min(ends), max(ends)
        _annotate(axes, f"{right[0]:.3f}", (right[2], height), (9, 0), MUTED)
        if left is not right:
            _annotate(axes, f"{left[0]:.3f}", (left[1], height), (-9, 0), MUTED, ha="right")
    axes.set_yticks(range(len(order)), order)
    axes.set(ylim=(-0.6, len(order) - 0.4), xlim=(-0.1, 1.08))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    return figure


def pick_examples(
    target: Integer[np.ndarray, " n"], predicted: Integer[np.ndarray, " n"], score: Float[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray]:
    """Pick probes for an example sheet: confident right answers, then confident wrong ones, each of another person.

    Returns:
        Probes, and the column of each predicted person; up to 6 of each kind.
    """
    probes: list[int] = []
    for kind in (predicted == target, (predicted != target) & (target != STRANGER)):
        order = np.flatnonzero(kind)[np.argsort(-score[kind], kind="stable")]
        _, first = np.unique(target[order], return_index=True)
        probes += order[np.sort(first)[:_EXAMPLES]].tolist()
    return np.array(probes), predicted[probes]


def example_faces(probes: Images, gallery: Images, captions: Sequence[str], *, source: str) -> Figure:
    """Pictures of probes above pictures of the person that each was taken for.

    Args:
        probes: One picture of each probe.
        gallery: One picture of each predicted person.
        captions: Two lines: who it is, and after = or ≠ who it was taken for.
        source: Provenance, written below the figure.
    """
    return _examples(probes, gallery, captions, _draw_picture, source)


def example_shapes(
    probes: Float[np.ndarray, "n p 2"],
    gallery: Float[np.ndarray, "n p 2"],
    captions: Sequence[str],
    *,
    outlines: Sequence[Sequence[int]] = OUTLINES,
    source: str,
) -> Figure:
    """Draw shapes of probes above shapes of the predicted people, as ``example_faces`` does."""
    return _examples(probes, gallery, captions, partial(_draw_shape, outlines=outlines), source)


def _examples(
    probes: np.ndarray,
    gallery: np.ndarray,
    captions: Sequence[str],
    draw: Callable[[Axes, np.ndarray], None],
    source: str,
) -> Figure:
    right = [i for i, caption in enumerate(captions) if "= " in caption]
    wrong = [i for i, caption in enumerate(captions) if "≠ " in caption]
    columns = max(len(right), len(wrong), 1)
    title = "The surest answers: right above, wrong below; each probe over a frame of the person it was taken for"
    figure = new_figure(max(5.6, 1.6 * columns + 0.6), 8.2, title, source)
    grid = figure.subplots(4, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for top, members, colour in ((0, right, RIGHT), (2, wrong, WRONG)):
        for column, i in enumerate(members):
            person, guess = captions[i].split("\n")
            for below, (content, text) in enumerate(((probes[i], person), (gallery[i], guess))):
                axes = grid[top + below, column]
                draw(axes, content)
                axes.set_title(_name(text), loc="left", size=SMALL_SIZE - 1, color=colour, pad=2)
    return figure


def _annotate(
    axes: Axes,
    text: str,
    place: tuple[int | float, int | float],
    offset: tuple[int, int],
    colour: str,
    ha: str = "left",
) -> None:
    axes.annotate(
        text, place, xytext=offset, textcoords="offset points", size=SMALL_SIZE, color=colour, va="center", ha=ha
    )


def _draw_picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, interpolation="antialiased")


def _draw_shape(axes: Axes, shape: np.ndarray, outlines: Sequence[Sequence[int]]) -> None:
    lone = [point for point in range(len(shape)) if not any(point in line for line in outlines)]
    axes.plot(*shape[lone].T, ".", color=INK, markersize=3)
    for outline in outlines:
        axes.plot(*shape[list(outline)].T, color=INK, linewidth=1)
    axes.set_aspect("equal")
    axes.invert_yaxis()


def _name(person: str) -> str:
    """Format a person's name for readers."""
    text = str(person).replace("_", " ")
    return text if len(text) <= 24 else f"{text[:22]}…"
