"""Builds leaderboards from tracked runs: what is ranked together, by how much, and whether it is luck."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pandas as pd

from faceline.errors import InputError
from faceline.metrics.paired import Resampled
from faceline.reports.comparison import COSTS, TITLES, Apart, Comparison, Entry, Leaderboard, Review, review_verdict
from faceline.tracking.comparison import RANKED_BY, Terms, resampled, same_frames, terms_of, test_frames, why_apart
from faceline.tracking.records import RunRecord

JUDGED = 20
"""Number of runs of a board that are resampled; their frames are read."""

Groups = dict[Terms, list[RunRecord]]


@dataclass(frozen=True)
class Ranked:
    """A board with the data for its figures.

    Attributes:
        board: The board as it is reported.
        runs: Runs in the order of the board.
        frames: Test frames of the first runs; fewer if some are not available.
    """

    board: Leaderboard
    runs: Sequence[RunRecord]
    frames: Mapping[str, pd.DataFrame]


def grouped(runs: Sequence[RunRecord]) -> tuple[Groups, dict[str, int]]:
    """Group the runs by their terms, the best of each first; count those without a result, by the reason."""
    groups: Groups = defaultdict(list)
    left_out: Counter[str] = Counter()
    for run in runs:
        try:
            groups[terms_of(run)].append(run)
        except InputError:
            left_out["finished without figures of a test set" if run.status == "FINISHED" else run.status.lower()] += 1
    for terms, members in groups.items():
        by = RANKED_BY[terms.task]
        members.sort(key=lambda run: (run.metrics[by.metric] * (1 if by.lowest else -1), run.started))
    largest = sorted(groups, key=lambda terms: (terms.task != "landmarks", terms.task, -len(groups[terms]), terms))
    return {terms: groups[terms] for terms in largest}, dict(left_out)


def ranked(groups: Groups) -> tuple[list[Ranked], list[Apart]]:
    """Make a board for each group of two or more and for the largest of each task; list the others with a reason."""
    boards: list[Ranked] = []
    apart: list[Apart] = []
    first: dict[str, Terms] = {}
    for terms, runs in groups.items():
        largest = first.setdefault(terms.task, terms)
        reason = None if terms == largest else why_apart(terms, largest)
        if len(runs) > 1 or reason is None:
            boards.append(_board(terms, runs, reason))
        else:
            apart.append(_apart(terms, runs[0], reason))
    return boards, apart


def reviewed(a: RunRecord, b: RunRecord) -> tuple[Comparison, list[Ranked]]:
    """Compare two runs; return the verdict, or why there can be none.

    Raises:
        InputError: One of them has no result.
    """
    of_a, of_b = terms_of(a), terms_of(b)
    reason = why_apart(of_b, of_a)
    labels = labels_of([a, b])
    boards: list[Ranked] = []
    if reason is None:
        by = RANKED_BY[of_a.task]
        runs = sorted([a, b], key=lambda run: run.metrics[by.metric] * (1 if by.lowest else -1))
        boards = [_board(of_a, runs, None)]
        entries = {entry.run_id: entry for entry in boards[0].board.entries}
        verdict = review_verdict(boards[0].board, entries[a.id], entries[b.id])
    else:
        verdict = f"{labels[a.id]} and {labels[b.id]} must not be ranked together: the second is of {reason}"
    scalars = {
        name.removeprefix("test/"): (a.metrics.get(name), b.metrics.get(name))
        for name in {**a.metrics, **b.metrics}
        if name.startswith("test/")
    }
    review = Review(
        labels=(labels[a.id], labels[b.id]),
        run_ids=(a.id, b.id),
        verdict=verdict,
        differs=differences([a, b]),
        scalars=scalars,
    )
    return Comparison([found.board for found in boards], review=review), boards


def differences(runs: Sequence[RunRecord]) -> dict[str, Sequence[str | None]]:
    """Return the values of every config key in which some of the runs differ; None if a run has no such key."""
    keys = sorted({key for run in runs for key in run.params})
    values = {key: [run.params.get(key) for run in runs] for key in keys}
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def labels_of(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return the model of each run by its id, with the start of the id if several runs share a model."""
    models = Counter(_model(run) for run in runs)
    return {run.id: _model(run) + (f" {run.id[:6]}" if models[_model(run)] > 1 else "") for run in runs}


def _model(run: RunRecord) -> str:
    return run.tags.get("model", run.name)


def _board(terms: Terms, runs: Sequence[RunRecord], apart: str | None) -> Ranked:
    by, labels = RANKED_BY[terms.task], labels_of(runs)
    frames = _frames(runs[:JUDGED])
    tried = {run_id: resampled(terms.task, table) for run_id, table in frames.items()}
    drawn = {run_id: found for run_id, found in tried.items() if found is not None}
    entries = [_entry(run, labels[run.id], by.metric, drawn, runs[0].id) for run in runs]
    entries = [
        *(replace(one, beats_next=_beats(drawn, one.run_id, other.run_id)) for one, other in pairwise(entries)),
        entries[-1],
    ]
    ids = [run.id for run in runs[:JUDGED]]
    board = Leaderboard(
        task=terms.task,
        data=terms.data,
        protocol=terms.protocol,
        fingerprint=terms.fingerprint,
        metric=by.name,
        lowest=by.lowest,
        entries=entries,
        probabilities=[[None if a == b else _beats(drawn, a, b) for b in ids] for a in ids],
        differs=differences(runs[:JUDGED]),
        apart=apart,
    )
    return Ranked(board, runs, frames)


def _frames(runs: Sequence[RunRecord]) -> dict[str, pd.DataFrame]:
    """Return the test frames of the runs that list the same ones as the first run with any."""
    frames: dict[str, pd.DataFrame] = {}
    for run in runs:
        try:
            table = test_frames(run)
        except InputError:
            continue  # the run's files were deleted, or its store does not hand them out
        if not frames or same_frames([next(iter(frames.values())), table]):
            frames[run.id] = table
    return frames


def _entry(run: RunRecord, label: str, metric: str, drawn: Mapping[str, Resampled], first: str) -> Entry:
    own, best = drawn.get(run.id), drawn.get(first)
    tags = run.tags
    facts = {
        "command": tags.get("command", ""),
        "commit": tags.get("faceline.commit", "")[:12],
        "changed files": tags.get("faceline.dirty", ""),
        "threads": tags.get("faceline.threads", ""),
    }
    return Entry(
        run_id=run.id,
        label=label,
        figure=run.metrics[metric],
        interval=own.interval() if own else None,
        behind=own.against(best) if own and best and run.id != first else None,
        beats_next=None,
        scalars={name.removeprefix("test/"): value for name, value in run.metrics.items() if name.startswith("test/")},
        costs={name: run.metrics[name] for name in COSTS if name in run.metrics},
        facts={name: text for name, text in facts.items() if text},
    )


def _beats(drawn: Mapping[str, Resampled], a: str, b: str) -> float | None:
    return drawn[a].against(drawn[b]).probability if a in drawn and b in drawn else None


def _apart(terms: Terms, run: RunRecord, reason: str) -> Apart:
    by = RANKED_BY[terms.task]
    value = run.metrics[by.metric]
    shown = f"{100 * value:.2f} %" if by.lowest else f"{value:.3f}"
    where = f"{terms.task} · {terms.data} · {terms.protocol}"
    return Apart(run.id, _model(run), where, f"{TITLES[by.name]} {shown}", reason)
