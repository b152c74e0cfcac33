"""The published table of identification."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from faceline.reports.results import NONE, Amount, Result, ResultsTable, Text, commands, table

STUDY_F1: Final = {
    "gnb": "0.120",
    "logreg": "0.207",
    "tree": "0.489",
    "forest": "0.686",
    "knn": "0.925",
    "fnn_2d": "0.928",
    "fnn_3d": "0.928",
}
"""F1 on frames of known videos of all 828 people, as the reference study reports it."""

NOTE: Final = (
    "- **F1** is weighted by the probes of each person. Brackets hold its 95 % interval, by bootstrap over videos. The "
    "macro F1 weighs all people alike.\n"
    "- **rank-1** is the share of probes for which the right person comes first.\n"
    "- **FNIR** is the share of enrolled people's probes that are not named correctly. The threshold is the one that "
    "gives 1 % of false alarms on validation.\n"
    "- **study's F1** comes from a published study: `frame_random`, on the landmarks of all 260,399 frames of YouTube "
    "Faces. No row here has these frames, so it is a mark, not a comparison.\n"
    "- **s** and **MB**: seconds for fitting and for answering the test probes, and the largest memory. One thread "
    "was used, on a machine that did other work too."
)

_Share = Annotated[float, Field(ge=0, le=1)]
_Interval = Annotated[list[_Share], Field(min_length=2, max_length=2)]


class IdentificationResult(Result):
    """One way of identifying people on one data set under one protocol: an object of the results file.

    Attributes:
        method: Name of the model, from its experiment.
        data: Name of the data set.
        protocol: What is new in the probes.
        f1_weighted: The weighted F1 of the probes of enrolled people.
        f1_macro: The macro F1, which weighs all people the same.
        rank1: Share of probes whose true person comes first.
        fnir_at_fpir_1pct: FNIR at an FPIR of 1 %; None if everybody in the probes is enrolled.
        ci95: Interval of ``f1_weighted``.
        seconds: Seconds for fitting and answering the test probes.
        peak_mb: Largest memory of the process in MB.
    """

    method: Text
    data: Text
    protocol: Text
    f1_weighted: _Share
    f1_macro: _Share
    rank1: _Share
    fnir_at_fpir_1pct: _Share | None
    ci95: _Interval
    seconds: Amount
    peak_mb: Amount


def grouped(scores: Sequence[IdentificationResult]) -> list[list[IdentificationResult]]:
    """Group the scores by data set and protocol, in order; the highest F1 comes first in each group."""
    groups: dict[tuple[str, str], list[IdentificationResult]] = {}
    for score in scores:
        groups.setdefault((score.data, score.protocol), []).append(score)
    return [sorted(group, key=lambda score: -score.f1_weighted) for group in groups.values()]


def markdown_table(results: Sequence[IdentificationResult]) -> str:
    """Return the results as Markdown: a table for each data set and protocol, a note, and each row's command."""
    text: list[str] = []
    for group in grouped(results):
        text += [f"**{group[0].data} · {group[0].protocol}**", "", *table(_columns(group))]
    ordered = [result for group in grouped(results) for result in group]
    named = [(f"{result.method} · {result.data} · {result.protocol}", result) for result in ordered]
    return "\n".join([*text, NOTE, "", *commands(named), ""])


def _columns(group: Sequence[IdentificationResult]) -> dict[str, list[str]]:
    studied = group[0].protocol == "frame_random"
    return {
        "method": [result.method for result in group],
        "F1 [95 %]": [f"{result.f1_weighted:.3f} {_interval(result.ci95)}" for result in group],
        "F1 macro": [f"{result.f1_macro:.3f}" for result in group],
        "rank-1": [f"{result.rank1:.3f}" for result in group],
        "FNIR at FPIR 1 %": [_fnir(result.fnir_at_fpir_1pct) for result in group],
        "study's F1": [STUDY_F1.get(result.method, NONE) if studied else NONE for result in group],
        "s": [f"{result.seconds:,.0f}" for result in group],
        "MB": [f"{result.peak_mb:,.0f}" for result in group],
    }


def _interval(ends: Sequence[float]) -> str:
    return f"[{ends[0]:.3f}, {ends[1]:.3f}]"


def _fnir(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


IDENTIFICATION: Final = ResultsTable("identification", IdentificationResult, markdown_table)
