"""The published table of landmark detectors."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from faceline.reports.results import NONE, Amount, Result, ResultsTable, Span, Text, commands, table

STUDY_MSE: Final = {
    "cnn": "0.0010",
    "efficientnet_b0": "0.0019",
    "resnet18": "0.0004",
    "mobilenetv2": "0.0004",
}
"""Test MSE on [0, 1] in the reference study, with its number of digits."""

NOTE: Final = (
    "- **px**: side of the square input.\n"
    "- **MSE** is on coordinates from 0 to 1.\n"
    "- **NME** is the mean point error over the distance of the outer eye corners. Brackets hold its 95 % interval, by "
    "bootstrap over videos. Where they are missing, `faceline results --add RUN` adds them from the run's store.\n"
    "- **study's MSE** comes from a published study on these data, which chose a test set of its own. It is a mark to "
    "beat, not a like-for-like comparison.\n"
    "- **weights**: parameters of the model.\n"
    "- **min**: wall time of the training, with one thread, on a machine that did other work too."
)


class LandmarkResult(Result):
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
    """

    model: Text
    data: Text
    split: Text
    input_size: Annotated[int, Field(gt=0)]
    mse: Amount
    nme: Amount
    ci95: Span | None = None
    params: Annotated[int, Field(gt=0)]
    train_seconds: Amount


def ranked(results: Sequence[LandmarkResult]) -> list[list[LandmarkResult]]:
    """Group the results by data set and split, in order; the lowest MSE comes first in each group."""
    groups: dict[tuple[str, str], list[LandmarkResult]] = {}
    for result in results:
        groups.setdefault((result.data, result.split), []).append(result)
    return [sorted(group, key=lambda result: result.mse) for group in groups.values()]


def markdown_table(results: Sequence[LandmarkResult]) -> str:
    """Return the results as Markdown: a table for each data set and split, a note, and each row's command."""
    text: list[str] = []
    for group in ranked(results):
        text += [f"**{group[0].data} · {group[0].split}**", "", *table(_columns(group))]
    ordered = [result for group in ranked(results) for result in group]
    named = [(f"{result.model} · {result.data} · {result.split}", result) for result in ordered]
    return "\n".join([*text, NOTE, "", *commands(named), ""])


def _columns(group: Sequence[LandmarkResult]) -> dict[str, list[str]]:
    studied = (group[0].data, group[0].split) == ("udacity", "official")
    return {
        "model": [result.model for result in group],
        "px": [str(result.input_size) for result in group],
        "MSE": [f"{result.mse:.6f}" for result in group],
        "NME, % [95 %]": [f"{100 * result.nme:.2f}{_interval(result.ci95)}" for result in group],
        "study's MSE": [STUDY_MSE.get(result.model, NONE) if studied else NONE for result in group],
        "weights": [f"{result.params / 1e6:.1f} M" for result in group],
        "min": [f"{result.train_seconds / 60:.0f}" for result in group],
    }


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f" [{100 * ends[0]:.2f}, {100 * ends[1]:.2f}]"


LANDMARKS: Final = ResultsTable("landmarks", LandmarkResult, markdown_table)
