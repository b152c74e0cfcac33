"""Shared parts of the identification tasks: one kind of trial, one way to ask, one set of figures."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from faceline.data.index import LabelIndex
from faceline.data.splits import GalleryAndProbes, Split, columns_of
from faceline.errors import InputError
from faceline.metrics import identification as metrics
from faceline.metrics.bootstrap import identification_intervals, mean_interval
from faceline.models.identifier import Identifier
from faceline.reports import identification_plots as plots
from faceline.tasks.task import Config, Measurement, Part

OPEN_SET = "person_disjoint"
"""Protocol whose probes may show strangers."""


@runtime_checkable
class TrialData(Protocol):
    """A data module that knows who is enrolled and which frames ask."""

    @property
    def index(self) -> LabelIndex:
        """The usable frames."""
        ...

    @property
    def split(self) -> Split:
        """The training, validation and test sets."""
        ...

    def trial(self, part: Literal["val", "test"]) -> GalleryAndProbes:
        """Return gallery and probes of one set."""
        ...


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of an identifier in one trial.

    Attributes:
        trial: Rows of the gallery and of the probes.
        people: Sorted names of the columns: everybody enrolled and, in a closed set, everybody in the probes.
        enrolled: (people,) bool, who is enrolled. Only enrolled people can have a finite score.
        scores: (probes, people) scores.
        target: (probes,) column of the true person, -1 for a stranger.
    """

    trial: GalleryAndProbes
    people: np.ndarray
    enrolled: np.ndarray
    scores: metrics.Scores
    target: metrics.Target


class IdentificationTask(ABC):
    """Identifies which enrolled person is in a frame."""

    name = "identification"
    objective = "rank1"

    def scalars(self, config: Config) -> frozenset[str]:
        """Return the names of the metrics; those of the open set only under the protocol that has one."""
        return metrics.scalar_names(config["split"]["protocol"] == OPEN_SET)

    @abstractmethod
    def features(self, data: Any, rows: np.ndarray) -> Any:
        """Return what an identifier sees of some frames."""

    @abstractmethod
    def identifier(self, model: Any, open_set: bool) -> Identifier:
        """Return a trained model as an identifier that can enrol people."""

    @abstractmethod
    def examples(self, data: Any, gallery: np.ndarray, probes: np.ndarray, captions: list[str], source: str) -> Figure:
        """Draw some probes above frames of the person that each was taken for."""

    @abstractmethod
    def fit(self, model: Any, data: Any, file: Path, record: Mapping[str, Any]) -> None:
        """Fit and save a model that is not trained in epochs."""

    def measure(self, model: Any, data: Any, part: Part, label: str, source: str) -> Measurement:
        """Compute all figures of one trial; thresholds of the open set come from the validation trial.

        Raises:
            InputError: The set is the training set, or all frames.
        """
        if part == "train" or part == "all":  # noqa: PLR1714  # in this form mypy knows what remains
            told = "expected val or test: people are enrolled from other frames than those that are identified"
            raise InputError(told, column="part")
        open_set = data.split.protocol == OPEN_SET
        identifier = self.identifier(model, open_set)
        thresholds = None
        if open_set:
            tuning = self._ask(identifier, data, "val", open_set)
            thresholds = metrics.thresholds_for(tuning.scores, tuning.target)
        answers = tuning if open_set and part == "val" else self._ask(identifier, data, part, open_set)
        result = metrics.evaluate(answers.scores, answers.target, thresholds)
        table = _table(answers, data.index, result.frames)
        scalars = {**result.scalars, **_counts(answers), **_intervals(answers, table, thresholds)}
        chosen = {name: (scalars[f"fpir_at_{name}"], scalars[f"fnir_at_fpir_{name}"]) for name in thresholds or ()}
        draw = partial(self._figures, answers, data, result.frames, table, chosen, label, source)
        return Measurement(scalars, table, draw)

    def one_frame(self, model: Any, data: Any) -> None:
        """Return None: finding the landmarks takes the time, not identifying."""
        return

    def lines(self, scalars: Mapping[str, float]) -> list[str]:
        """Format counts as numbers and everything else as shares."""
        return [
            f"{name:<21} {value:.0f}" if name in _COUNTS else f"{name:<21} {value:.3f}"
            for name, value in scalars.items()
        ]

    def verdict(self, scalars: Mapping[str, float]) -> str:
        """Summarise F1 with its interval and rank-1, FNIR for strangers, and who could not be found."""
        text = (
            f"F1 weighted {scalars['f1_weighted']:.3f} "
            f"[{scalars['f1_weighted_low']:.3f}, {scalars['f1_weighted_high']:.3f}], rank-1 {scalars['rank1']:.3f}"
        )
        if "fnir_at_fpir_1pct" in scalars:
            text += f", FNIR {scalars['fnir_at_fpir_1pct']:.3f} at a threshold for FPIR 1 %"
        if scalars["not_enrolled"]:
            text += f"; {scalars['not_enrolled']:.0f} probes show people who have no frame in the gallery: errors all"
        return text

    def _ask(self, identifier: Identifier, data: TrialData, part: Literal["val", "test"], open_set: bool) -> Answers:
        trial, persons = data.trial(part), data.index.persons
        asking = persons[trial.probes]
        identifier.enrol(self.features(data, trial.gallery), persons[trial.gallery])
        scores = identifier.scores(self.features(data, trial.probes))
        people = identifier.people if open_set else np.union1d(identifier.people, asking)
        if len(people) > len(identifier.people):  # nobody is found who is not enrolled, and not looking is no excuse
            wide = np.full((len(scores), len(people)), -np.inf, dtype=scores.dtype)
            wide[:, np.searchsorted(people, identifier.people)] = scores
            scores = wide
        enrolled = np.isin(people, identifier.people)
        return Answers(trial, people, enrolled, scores, columns_of(asking, people))

    def _figures(
        self,
        answers: Answers,
        data: Any,
        frames: Mapping[str, np.ndarray],
        table: pd.DataFrame,
        chosen: Mapping[str, tuple[float, float]],
        label: str,
        source: str,
    ) -> dict[str, Figure]:
        """Draw the figures of a trial; `chosen` holds FPIR and FNIR at each threshold of an open set, or nothing."""
        figures = {
            "ranks.png": plots.rank_curve({label: frames["rank"]}, source=source),
            "mixed_up.png": plots.most_mixed_up(table, source=source),
            "frames_per_person.png": plots.by_frames(table, data.index.persons[answers.trial.gallery], source=source),
            "examples.png": self._examples(answers, data, frames, source),
        }
        if chosen:
            curve = metrics.det_curve(answers.scores, answers.target)
            strangers = int((answers.target == metrics.STRANGER).sum())
            figures["det.png"] = plots.det_curve({label: (curve[1], curve[2], chosen)}, strangers, source=source)
        return figures

    def _examples(self, answers: Answers, data: Any, frames: Mapping[str, np.ndarray], source: str) -> Figure:
        probes, columns = plots.pick_examples(answers.target, frames["predicted"], frames["score"])
        persons = data.index.persons
        gallery = np.array(
            [
                answers.trial.gallery[np.flatnonzero(persons[answers.trial.gallery] == answers.people[column])[0]]
                for column in columns
            ]
        )
        rows = answers.trial.probes[probes]
        captions = [
            f"{persons[probe]}\n{'= ' if persons[probe] == persons[guess] else '≠ '}{persons[guess]}"
            for probe, guess in zip(rows, gallery, strict=True)
        ]
        return self.examples(data, gallery, rows, captions, source)


_COUNTS = ("people", "probes", "strangers", "not_enrolled")


def _counts(answers: Answers) -> dict[str, float]:
    """Count people and frames of the trial; figures mean nothing without them."""
    missing = (answers.target >= 0) & ~answers.enrolled[answers.target]
    return {
        "people": float(answers.enrolled.sum()),
        "probes": float(len(answers.target)),
        "strangers": float((answers.target == metrics.STRANGER).sum()),
        "not_enrolled": float(missing.sum()),
    }


def _table(answers: Answers, index: LabelIndex, frames: Mapping[str, np.ndarray]) -> pd.DataFrame:
    probes = answers.trial.probes
    return pd.DataFrame(
        {
            "file": index.files[probes],
            "person": index.persons[probes],
            "video": index.videos[probes],
            "predicted": answers.people[frames["predicted"]],
            "score": frames["score"],
            "rank": frames["rank"],
        }
    )


def _intervals(answers: Answers, table: pd.DataFrame, thresholds: Mapping[str, float] | None) -> dict[str, float]:
    """Return the ends of the 95 % intervals, by the names of their figures."""
    mated = answers.target != metrics.STRANGER
    videos, preds = table["video"].to_numpy(), answers.scores.argmax(axis=1)
    intervals = identification_intervals(preds[mated], answers.target[mated], videos[mated])
    for name, threshold in (thresholds or {}).items():
        found = (table["rank"].to_numpy() == 1) & metrics.reaches(table["score"].to_numpy(), threshold)
        missed = (~found).astype(np.float64)[mated]
        intervals[f"fnir_at_fpir_{name}"] = mean_interval(missed, videos[mated])
    return {
        f"{name}_{end}": value
        for name, pair in intervals.items()
        for end, value in zip(("low", "high"), pair, strict=True)
    }
