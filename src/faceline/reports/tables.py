"""Tables of landmark detectors: the leaderboard in the terminal, and the one of the README."""

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceline.reports.results import Amount, ResultsTable, Text, commands, line

STUDY_MSE: Final = {
    "cnn": "0.0010",
    "efficientnet_b0": "0.0019",
    "resnet18": "0.0004",
    "mobilenetv2": "0.0004",
}
"""Test MSE on [0, 1] that the reference study reports, to the digits that it gives."""

NOTE: Final = (
    "MSE is on [0, 1] coordinates; NME is the mean point error over the distance of the outer eye corners. "
    "The study's MSE was measured on a test part of its own choice; it stands beside `official`, whose test frames "
    "come from videos seen in training, as a mark to beat and not as a like-for-like comparison. Training minutes are "
    "the wall time of one thread on a machine that did other work beside it."
)


class Score(BaseModel):
    """One line of a leaderboard.

    Attributes:
        model: Name of the model, as its experiment is called.
        data: Name of the data set.
        split: Protocol of the split; scores under different ones are never ranked together.
        mse: On [0, 1] coordinates.
        nme: A fraction: 0.05 is 5 %.
        params: Number of parameters.
        train_seconds: Wall time of the training.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    model: Text
    data: Text
    split: Text
    mse: Amount
    nme: Amount
    params: Annotated[int, Field(gt=0)]
    train_seconds: Amount


class LandmarkResult(Score):
    """A score with what is needed to get it again: one object of ``docs/results/landmarks.json``.

    Attributes:
        input_size: Side of the square input, in pixels.
        run_id: The MLflow run.
        commit: Git commit of the code that ran.
        command: The exact command line.
    """

    input_size: Annotated[int, Field(gt=0)]
    run_id: Text
    commit: Text
    command: Text


_AnyScore = TypeVar("_AnyScore", bound=Score)


def ranked(scores: Sequence[_AnyScore]) -> list[list[_AnyScore]]:
    """The scores in groups of one data set and split, as they come; within each the lowest MSE first."""
    groups: dict[tuple[str, str], list[_AnyScore]] = {}
    for score in scores:
        groups.setdefault((score.data, score.split), []).append(score)
    return [sorted(group, key=lambda score: score.mse) for group in groups.values()]


def leaderboard(scores: Sequence[Score]) -> Table:
    """A table for the terminal; ranks start again with each data set and split."""
    table = Table(title="Leaderboard", title_justify="left")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("model", no_wrap=True)
    for name in ("MSE", "NME %", "parameters", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in ranked(scores):
        table.add_section()
        table.add_row("", escape(f"{group[0].data} · {group[0].split}"), style="bold")
        for rank, score in enumerate(group, start=1):
            numbers = (_mse(score), _nme(score), f"{score.params:,}", f"{score.train_seconds:,.0f}")
            table.add_row(str(rank), escape(score.model), *numbers)
    return table


def print_leaderboard(scores: Sequence[Score], console: Console | None = None) -> None:
    """Print ``leaderboard`` to the console, by default standard output."""
    (console or Console()).print(leaderboard(scores))


def markdown_table(results: Sequence[LandmarkResult]) -> str:
    """The results as Markdown: a table, a note on the study's figures, and the command of every row."""
    ordered = [result for group in ranked(results) for result in group]
    head = "model|data|split|input px|MSE|NME|study's MSE|parameters|training minutes|run|commit"
    rule = "---|---|---|---:|---:|---:|---:|---:|---:|---|---"
    lines = [line(head.split("|")), line(rule.split("|")), *(line(_cells(result)) for result in ordered)]
    details = commands([(f"{result.model} · {result.data} · {result.split}", result.command) for result in ordered])
    return "\n".join([*lines, "", NOTE, "", *details, ""])


def _cells(result: LandmarkResult) -> list[str]:
    study = STUDY_MSE.get(result.model, "") if (result.data, result.split) == ("udacity", "official") else ""
    return [
        result.model,
        result.data,
        result.split,
        str(result.input_size),
        _mse(result),
        f"{_nme(result)} %",
        study or "–",
        f"{result.params:,}",
        f"{result.train_seconds / 60:.1f}",
        f"`{result.run_id[:8]}`",
        f"`{result.commit[:10]}`",
    ]


def _mse(score: Score) -> str:
    return f"{score.mse:.6f}"


def _nme(score: Score) -> str:
    return f"{100 * score.nme:.2f}"


LANDMARKS: Final = ResultsTable("landmarks", LandmarkResult, markdown_table)
