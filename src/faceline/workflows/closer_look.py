"""The figures of a leaderboard: what the numbers of its first runs look like."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from faceline.errors import InputError
from faceline.geometry.markup import REGIONS
from faceline.metrics.identification import det_of
from faceline.reports import comparison_plots as plots
from faceline.reports.comparison import COSTS, TITLES, Board
from faceline.reports.comparison_page import Closer, Plot
from faceline.reports.style import percent
from faceline.reports.svg import inline_svg
from faceline.tracking.records import RunRecord, history
from faceline.workflows.hardest_frames import hardest_frames
from faceline.workflows.ranking import Ranked

OBJECTIVE = {"landmarks": "nme", "identification": "rank1"}
"""The figure of validation that is drawn over the epochs."""
PAIRS = 10
MODELS = 4
"""Columns of what is shown side by side."""

Tables = list[tuple[int, str, pd.DataFrame]]
"""Place, label and test frames of the runs that are drawn."""


def closer_look(found: Ranked, key: str) -> Closer:
    """Everything that is drawn of a board.

    Args:
        found: The board.
        key: Letters and digits that no other board of the page has.
    """
    board = found.board
    tables: Tables = [
        (place, entry.label, found.frames[entry.run_id])
        for place, entry in enumerate(board.entries[: plots.DRAWN])
        if entry.run_id in found.frames
    ]
    drawn = [_learning(found, key), *_costs(board, key)]
    if board.task == "landmarks":
        drawn[1:1] = _errors(tables, key)
        return _with_hardest(found, [plot for plot in drawn if plot])
    drawn[1:1] = _identified(tables, key)
    return Closer([plot for plot in drawn if plot], mixed_up=_mixed_up([table for _, _, table in tables[:MODELS]]))


def _learning(found: Ranked, key: str) -> Plot | None:
    board, metric = found.board, f"val/{OBJECTIVE[found.board.task]}"
    runs = found.runs[: plots.DRAWN]
    curves = [_history(run, metric) for run in runs]
    labels = [(i, entry.label) for i, entry in enumerate(board.entries[: plots.DRAWN]) if curves[i] is not None]
    if not labels:
        return None
    name = "NME" if board.lowest else "rank-1"
    figure = plots.learning_curves(curves, f"{name} of validation", percent=True, lowest=board.lowest)
    best = [
        (curve[0][curve[1].argmin() if board.lowest else curve[1].argmax()], curve[0][-1]) for curve in curves if curve
    ]
    late = sum(at == last for at, last in best)
    finding = f"The mark is each model's best epoch; {late} of {len(best)} were still at their best in the last."
    title = "Learning curves"
    return Plot(title, finding, inline_svg(figure, f"{key}-learning", title, finding), labels)


def _history(run: RunRecord, metric: str) -> plots.Points | None:
    """Epochs and values; None where there are fewer than two."""
    points = history(run, metric)
    return (np.array(list(points)) + 1, np.array(list(points.values()))) if len(points) > 1 else None


def _errors(tables: Tables, key: str) -> list[Plot | None]:
    """The errors of landmark detectors: how large, and where on the face."""
    if not tables:
        return []
    labels = [(i, label) for i, (_, label, _) in enumerate(tables)]
    nme = [table["nme"].to_numpy() for _, _, table in tables]
    shares = ", ".join(
        f"{label} {percent(float((one <= 0.08).mean()))}" for (_, label), one in zip(labels, nme, strict=True)
    )
    curve = f"Share of test frames with an NME of at most 8 %: {shares}."
    by_region = [{region: table[f"nme_{region}"].to_numpy() for region in REGIONS} for _, _, table in tables]
    means = {region: float(np.mean([one[region].mean() for one in by_region])) for region in REGIONS}
    hard, easy = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    where = f"Hardest: {hard} ({percent(means[hard])} on average); easiest: {easy} ({percent(means[easy])})."
    return [
        Plot(
            "How large the errors are",
            curve,
            inline_svg(plots.error_curves(nme), f"{key}-errors", "Cumulative errors", curve),
            labels,
        ),
        Plot(
            "Error by region of the face",
            where,
            inline_svg(plots.regions(by_region), f"{key}-regions", "Error by region", where),
            labels,
        ),
    ]


def _costs(board: Board, key: str) -> list[Plot | None]:
    """The figure against each cost that at least two runs have logged."""
    drawn: list[Plot | None] = []
    for name, text in COSTS.items():
        entries = [entry for entry in board.entries if name in entry.costs]
        if len(entries) < 2 or entries[: plots.DRAWN] != list(board.entries[: len(entries[: plots.DRAWN])]):
            continue  # colours and marks are those of the places on the board
        costs, values = np.array([e.costs[name] for e in entries]), np.array([e.figure for e in entries])
        front = plots.pareto_front(costs, values if board.lowest else -values)
        finding = f"Nothing is both cheaper and better than {_listed([entries[i].label for i in front])}."
        figure = plots.against_cost(costs, values, text, TITLES[board.metric], lowest=board.lowest)
        labels = [(i, entry.label) for i, entry in enumerate(entries[: plots.DRAWN])]
        title = f"{TITLES[board.metric]} against {text}"
        drawn.append(Plot(title, finding, inline_svg(figure, f"{key}-{name.replace('_', '')}", title, finding), labels))
    return drawn


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _identified(tables: Tables, key: str) -> list[Plot | None]:
    """How often the true person is found, and what strangers cost where there are any."""
    if not tables:
        return []
    labels = [(i, label) for i, (_, label, _) in enumerate(tables)]
    ranks = [table["rank"].to_numpy() for _, _, table in tables]
    firsts = ", ".join(
        f"{label} {percent(float((rank[rank > 0] == 1).mean()))}"
        for (_, label), rank in zip(labels, ranks, strict=True)
    )
    named = f"Named rightly at once: {firsts}."
    title = "Is the true person among the first?"
    drawn: list[Plot | None] = [
        Plot(title, named, inline_svg(plots.rank_curves(ranks), f"{key}-ranks", title, named), labels)
    ]
    strangers = int((ranks[0] == 0).sum())
    if strangers:
        rates = [det_of(table["score"].to_numpy(), table["rank"].to_numpy())[1:] for _, _, table in tables]
        told = f"Every threshold's errors among {strangers:,} probes of strangers; in grey, less than one of them."
        title = "Missed people against false alarms (DET)"
        drawn.append(
            Plot(title, told, inline_svg(plots.det_curves(rates, strangers), f"{key}-det", title, told), labels)
        )
    return drawn


def _mixed_up(tables: Sequence[pd.DataFrame]) -> Mapping[tuple[str, str], Sequence[int]]:
    """The pairs of people most often taken for each other, and how often by each model."""
    wrong = [table[(table["rank"] > 0) & (table["person"] != table["predicted"])] for table in tables]
    counts = [Counter(zip(table["person"], table["predicted"], strict=True)) for table in wrong]
    total = sum(counts, Counter())
    pairs = sorted(total, key=lambda pair: (-total[pair], pair))[:PAIRS]
    return {pair: [count[pair] for count in counts] for pair in pairs}


def _with_hardest(found: Ranked, drawn: Sequence[Plot]) -> Closer:
    runs = [run for run in found.runs if run.id in found.frames][:MODELS]
    labels = {entry.run_id: entry.label for entry in found.board.entries}
    if not runs:
        return Closer(drawn, no_worst="the runs' test frames are not at hand")
    try:
        worst = hardest_frames(runs, found.frames)
    except InputError as error:
        return Closer(drawn, no_worst=str(error))
    return Closer(drawn, worst=worst, worst_models=[labels[run.id] for run in runs])
