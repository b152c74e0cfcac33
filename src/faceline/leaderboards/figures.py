"""Draws the figures of a leaderboard for its first runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from faceline.errors import InputError
from faceline.leaderboards.hardest_frames import hardest_frames
from faceline.leaderboards.ranking import Ranked
from faceline.metrics.identification import det_of
from faceline.plot_style import percent
from faceline.reports import comparison_plots as plots
from faceline.reports.comparison import COSTS, TITLES, Leaderboard
from faceline.reports.comparison_page import Closer, Plot
from faceline.reports.svg import inline_svg
from faceline.tracking.records import RunRecord, history

OBJECTIVE = {"landmarks": "nme", "identification": "rank1"}
"""Validation metric that is drawn over the epochs."""
PAIRS = 10
MODELS = 4
"""Most models that are shown side by side."""

Tables = list[tuple[str, pd.DataFrame | None]]
"""Label and test frames of a board's first runs, in order; None if the frames are not available."""
Labels = list[tuple[int, str]]


def closer_look(found: Ranked, key: str) -> Closer:
    """Draw everything about a board.

    Args:
        found: The board.
        key: Letters and digits that are unique on the page.
    """
    board = found.board
    tables: Tables = [(entry.label, found.frames.get(entry.run_id)) for entry in board.entries[: plots.DRAWN]]
    labels = [(i, label) for i, (label, table) in enumerate(tables) if table is not None]
    own = _errors if board.task == "landmarks" else _identified
    drawn = [_learning(found, key), *(own(tables, labels, key) if labels else ()), *_costs(board, key)]
    known = [plot for plot in drawn if plot is not None]
    if board.task == "landmarks":
        return _with_hardest(found, known)
    return Closer(known, mixed_up=_mixed_up([table for _, table in tables[:MODELS]]))


def _learning(found: Ranked, key: str) -> Plot | None:
    board, metric = found.board, f"val/{OBJECTIVE[found.board.task]}"
    runs = found.runs[: plots.DRAWN]
    curves = [_history(run, metric) for run in runs]
    labels = [(i, entry.label) for i, entry in enumerate(board.entries[: plots.DRAWN]) if curves[i] is not None]
    if not labels:
        return None
    name = "NME" if board.lowest else "rank-1"
    figure = plots.learning_curves(curves, f"validation {name}", percent=True, lowest=board.lowest)
    best = [
        (curve[0][curve[1].argmin() if board.lowest else curve[1].argmax()], curve[0][-1]) for curve in curves if curve
    ]
    late = sum(at == last for at, last in best)
    finding = f"The mark is each model's best epoch; {late} of {len(best)} were still at their best in the last."
    return _plot("Learning curves", finding, figure, f"{key}-learning", labels)


def _history(run: RunRecord, metric: str) -> plots.Points | None:
    """Return epochs and values; None for fewer than two."""
    points = history(run, metric)
    return (np.array(list(points)) + 1, np.array(list(points.values()))) if len(points) > 1 else None


def _errors(tables: Tables, labels: Labels, key: str) -> list[Plot]:
    """Draw the errors of landmark detectors: how large, and where on the face."""
    nme = [None if table is None else table["nme"].to_numpy() for _, table in tables]
    shares = _each(tables, lambda table: float((table["nme"] <= 0.08).mean()))
    curve = f"Share of test frames with an NME of at most 8 %: {shares}."
    named = [set(table.filter(regex="^nme_").columns) for _, table in tables if table is not None]
    names = sorted(name.removeprefix("nme_") for name in set.intersection(*named)) if named else []
    by_region = [
        None if table is None else {region: table[f"nme_{region}"].dropna().to_numpy() for region in names}
        for _, table in tables
    ]
    known = [one for one in by_region if one is not None]
    means = {region: float(np.mean([one[region].mean() for one in known])) for region in names}
    if not means:  # a markup without regions
        return [_plot("How large the errors are", curve, plots.error_curves(nme), f"{key}-errors", labels)]
    hard, easy = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    where = f"Hardest: {hard} ({percent(means[hard])} on average); easiest: {easy} ({percent(means[easy])})."
    return [
        _plot("How large the errors are", curve, plots.error_curves(nme), f"{key}-errors", labels),
        _plot("Error by region of the face", where, plots.regions(by_region), f"{key}-regions", labels),
    ]


def _plot(title: str, finding: str, figure: Figure, key: str, labels: Labels) -> Plot:
    return Plot(title, finding, inline_svg(figure, key, title, finding), labels)


def _each(tables: Tables, share: Callable[[pd.DataFrame], float]) -> str:
    """Describe a share of each run's frames in words."""
    return ", ".join(f"{label} {percent(share(table))}" for label, table in tables if table is not None)


def _costs(board: Leaderboard, key: str) -> list[Plot]:
    """Draw the metric against each cost that at least two runs have logged."""
    drawn: list[Plot] = []
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
        drawn.append(_plot(title, finding, figure, f"{key}-{name.replace('_', '')}", labels))
    return drawn


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = list(names[:most]) + ([f"{len(names) - most} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _identified(tables: Tables, labels: Labels, key: str) -> list[Plot]:
    """Draw how often the true person is found, and what strangers cost if there are any."""
    ranks = [None if table is None else table["rank"].to_numpy() for _, table in tables]
    named = _each(tables, lambda table: float((table["rank"][table["rank"] > 0] == 1).mean()))
    finding, title = f"Named rightly at once: {named}.", "Is the true person among the first?"
    drawn = [_plot(title, finding, plots.rank_curves(ranks), f"{key}-ranks", labels)]
    strangers = int(max((rank == 0).sum() for rank in ranks if rank is not None))
    if strangers:
        rates = [None if t is None else det_of(t["score"].to_numpy(), t["rank"].to_numpy())[1:] for _, t in tables]
        finding = f"Every threshold's errors among {strangers:,} probes of strangers; in grey, less than one of them."
        title = "Missed people against false alarms (DET)"
        drawn.append(_plot(title, finding, plots.det_curves(rates, strangers), f"{key}-det", labels))
    return drawn


def _mixed_up(tables: Sequence[pd.DataFrame | None]) -> Mapping[tuple[str, str], Sequence[int]]:
    """Return the pairs of people most often confused, and how often by each model."""
    counts = [Counter() if table is None else _wrong_pairs(table) for table in tables]
    total: Counter[tuple[str, str]] = sum(counts, Counter())
    pairs = sorted(total, key=lambda pair: (-total[pair], pair))[:PAIRS]
    return {pair: [count[pair] for count in counts] for pair in pairs}


def _wrong_pairs(table: pd.DataFrame) -> Counter[tuple[str, str]]:
    wrong = table[(table["rank"] > 0) & (table["person"] != table["predicted"])]
    return Counter(zip(wrong["person"], wrong["predicted"], strict=True))


def _with_hardest(found: Ranked, drawn: Sequence[Plot]) -> Closer:
    runs = [run for run in found.runs if run.id in found.frames][:MODELS]
    labels = {entry.run_id: entry.label for entry in found.board.entries}
    if not runs:
        return Closer(drawn, no_worst="the runs' test frames are not at hand")
    try:
        worst = hardest_frames(runs, found.frames)
    except InputError as error:
        return Closer(drawn, no_worst=error.message)
    return Closer(drawn, worst=worst, worst_models=[labels[run.id] for run in runs])
