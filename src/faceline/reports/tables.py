"""The published table of landmark detectors."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from faceline.reports.results import Amount, ResultsTable, Span, Text, commands, line

STUDY_MSE: Final = {
    "cnn": "0.0010",
    "efficientnet_b0": "0.0019",
    "resnet18": "0.0004",
    "mobilenetv2": "0.0004",
}
"""Test MSE on [0, 1] in the reference study, with its number of digits."""

NOTE: Final = (
    "MSE is on [0, 1] coordinates. NME is the mean point error over the distance of the outer eye corners. The "
    "brackets hold its 95 % interval by bootstrap over videos. A dash means that it is not known yet: "
    "`faceline results --add RUN` adds it where the run's store is. "
    "The study gives an MSE for four models, measured on a test set of its own choice. It is a mark to beat, not a "
    "like-for-like comparison. It stands beside `official`, whose test frames come from videos seen in training. "
    "Training minutes are the wall time of one thread on a machine that did other work at the same time."
)


class LandmarkResult(BaseModel):
    """One object of ``docs/results/landmarks.json``: figures, and what is needed to repeat them.

    Attributes:
        model: Name of the model, from its experiment.
        data: Name of the data set.
        split: Protocol of the split; results of different protocols are never ranked together.
        input_size: Side of the square input, in pixels.
        mse: MSE on [0, 1] coordinates.
        nme: NME as a fraction: 0.05 is 5 %.
        ci95: Interval of ``nme``; None if the run's frames were not available.
        params: Number of parameters.
        train_seconds: Wall time of the training in seconds.
        run_id: Id of the MLflow run.
        commit: Git commit of the code that ran.
        command: The exact command line.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    model: Text
    data: Text
    split: Text
    input_size: Annotated[int, Field(gt=0)]
    mse: Amount
    nme: Amount
    ci95: Span | None = None
    params: Annotated[int, Field(gt=0)]
    train_seconds: Amount
    run_id: Text
    commit: Text
    command: Text


def ranked(results: Sequence[LandmarkResult]) -> list[list[LandmarkResult]]:
    """Group the results by data set and split, in order; the lowest MSE comes first in each group."""
    groups: dict[tuple[str, str], list[LandmarkResult]] = {}
    for result in results:
        groups.setdefault((result.data, result.split), []).append(result)
    return [sorted(group, key=lambda result: result.mse) for group in groups.values()]


def markdown_table(results: Sequence[LandmarkResult]) -> str:
    """Return the results as Markdown: a table, a note on the study's figures, and each row's command."""
    ordered = [result for group in ranked(results) for result in group]
    head = "model|data|split|input px|MSE|NME|95 %|study's MSE|parameters|training minutes|run|commit"
    rule = "---|---|---|---:|---:|---:|---:|---:|---:|---:|---|---"
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
        f"{100 * result.nme:.2f} %",
        _interval(result.ci95),
        study or "–",
        f"{result.params:,}",
        f"{result.train_seconds / 60:.1f}",
        f"`{result.run_id[:8]}`",
        f"`{result.commit[:10]}`",
    ]


def _mse(result: LandmarkResult) -> str:
    return f"{result.mse:.6f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"[{100 * ends[0]:.2f}, {100 * ends[1]:.2f}]"


LANDMARKS: Final = ResultsTable("landmarks", LandmarkResult, markdown_table)
