"""Whether a run is better than the champion.

It is decided on the frames of validation, from which checkpoints are chosen too. A choice made with test frames would
make the test figures of every later champion those of the luckiest, and nothing would be left to measure with.
"""

from dataclasses import dataclass
from typing import Final

from faceline.errors import InputError
from faceline.tracking.comparison import RANKED_BY, compare_runs, task_of, terms_of, why_apart
from faceline.tracking.records import RunRecord, get_run
from faceline.tracking.registry import Version

PROBABILITY: Final = 0.95
"""At least so probable has it to be that a run is better."""

VALIDATION: Final = "val/frames.csv"


@dataclass(frozen=True)
class Verdict:
    """Whether a run takes the place of the champion.

    Attributes:
        wins: It is better; None where that cannot be told.
        reason: In words.
    """

    wins: bool | None
    reason: str


def decide(run: RunRecord, champion: Version | None) -> Verdict:
    """Compare a run with the champion by a paired bootstrap over the videos of validation."""
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
    wins = paired.probability >= PROBABILITY
    return Verdict(
        wins,
        f"{_figures(run, 'best_val')} in validation against {_figures(before, 'best_val')} of {champion}, "
        f"{'better' if wins else 'better only'} with {_percent(paired.probability)} probability (paired bootstrap over "
        f"{paired.videos} videos; {PROBABILITY * 100:.0f} % are needed); on test frames, which decide nothing, "
        f"{_figures(run, 'test')} against {_figures(before, 'test')}",
    )


def _other_split(run: RunRecord, before: RunRecord) -> str | None:
    """Validation has to be the same frames too, and training must not hold them for one of the two."""
    same = run.tags["split_fingerprint"] == before.tags["split_fingerprint"]
    return None if same else "another split (split.seed, its fractions or data.limit differ)"


def _figures(run: RunRecord, part: str) -> str:
    ranked = RANKED_BY[task_of(run)]
    value = run.metrics.get(f"{part}/{ranked.name}")
    if value is None:
        return "no figure"
    return f"NME {value:.2%}" if ranked.name == "nme" else f"F1 {value:.3f}"


def _percent(probability: float) -> str:
    """Rounded down: 94.99 % is not enough, and must not be told as 95 %."""
    return f"{int(probability * 1000) / 10:.1f} %"
