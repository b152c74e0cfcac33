"""Decides whether a run is better than the champion.

Promotion looks at validation frames only, which also choose the checkpoints. So test results stay unbiased; otherwise
each champion would be the one with the most luck on the test set.
"""

import math
from dataclasses import dataclass
from typing import Final

from faceline.errors import InputError
from faceline.metrics.paired import Paired
from faceline.tracking.comparison import RANKED_BY, compare_runs, task_of, terms_of, why_apart
from faceline.tracking.records import RunRecord, get_run
from faceline.tracking.registry import Version

PROBABILITY: Final = 0.95
"""Lowest probability of being better that promotes a run."""

VALIDATION: Final = "val/frames.csv"


@dataclass(frozen=True)
class Verdict:
    """The decision whether a run replaces the champion.

    Attributes:
        wins: Whether it is better; None if that cannot be told.
        reason: The reason in words.
    """

    wins: bool | None
    reason: str


def decide(run: RunRecord, champion: Version | None) -> Verdict:
    """Compare a run with the champion by a paired bootstrap over the videos of the validation set."""
    if champion is None:
        return Verdict(True, "there was no champion")
    try:
        before = get_run(run.client, champion.run_id)
        apart = why_apart(terms_of(run), terms_of(before)) or _other_split(run, before)
        if apart:
            return Verdict(None, f"the champion stands on {apart}")
        paired = compare_runs(run, before, VALIDATION)
    except InputError as error:
        return Verdict(None, f"the frames of the champion's run cannot be compared: {error.message}")
    figures = f"{_figures(run, 'best_val')} in validation against {_figures(before, 'best_val')} of {champion}"
    on_test = f"on test frames, which decide nothing, {_figures(run, 'test')} against {_figures(before, 'test')}"
    if paired is None:
        return Verdict(None, f"{figures}, but on a single video, and a probability takes several; {on_test}")
    wins = paired.probability >= PROBABILITY
    return Verdict(
        wins,
        f"{figures}, {'better' if wins else 'better only'} with {_percent(paired.probability)} probability (paired "
        f"bootstrap over {paired.videos} videos; {PROBABILITY * 100:.0f} % are needed{_too_few(paired)}); {on_test}",
    )


def _too_few(paired: Paired) -> str:
    """Say how many videos it takes at least, where no probability from these few could be enough."""
    least = math.ceil(-math.log2(1 - PROBABILITY))
    return f", which takes {least} videos or more" if paired.videos < least else ""


def _other_split(run: RunRecord, before: RunRecord) -> str | None:
    """Return why the splits do not match: validation frames must be the same, and no run may have trained on them."""
    same = run.tags["split_fingerprint"] == before.tags["split_fingerprint"]
    return None if same else "another split (split.seed, its fractions or data.limit differ)"


def _figures(run: RunRecord, part: str) -> str:
    ranked = RANKED_BY[task_of(run)]
    value = run.metrics.get(f"{part}/{ranked.name}")
    if value is None:
        return "no figure"
    return f"NME {value:.2%}" if ranked.name == "nme" else f"F1 {value:.3f}"


def _percent(probability: float) -> str:
    """Format a probability rounded down: 94.99 % is not enough and must not appear as 95 %."""
    return f"{int(probability * 1000) / 10:.1f} %"
