"""Decides who a visitor is from all looks of a visit: named while that is sure enough, and no longer."""

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np

from faceline.stand.consent.likeness import Rule
from faceline.stand.consent.people import Gallery
from faceline.stand.consent.quality import Template

Reason = Literal["recognised", "nobody with a consent", "not sure yet", "between two people"]
"""Why a visitor is named or not."""

_MEMORY: Final = 12.0
"""Number of looks that count; older ones fade, so that a person who takes another's place is judged anew."""


class Verdict(NamedTuple):
    """The decision after all looks of a visit.

    Attributes:
        person: Id of the person; None if nobody is named.
        reason: Why the visitor is named or not.
        similarity: Cosine with the nearest template; -1 if nobody is enrolled.
        wanted: Similarity at which the nearest person would be named.
        probability: Probability that the nearest person is right; None if the embedder gives none.
        looks: Number of looks so far.
    """

    person: str | None
    reason: Reason
    similarity: float
    wanted: float
    probability: float | None
    looks: int


NO_VERDICT: Final = Verdict(None, "not sure yet", -1.0, 1.0, None, 0)


@dataclass(eq=False)
class Evidence:
    """Combines the looks at one visitor into one template; nothing of it outlives the visit.

    Attributes:
        verdict: The decision after the last look.
    """

    verdict: Verdict = NO_VERDICT
    _sum: Template | None = None
    _weight: float = 0.0
    _looks: int = 0
    _last: list[tuple[Template, float]] = field(default_factory=list)

    def add(self, embedding: Template, weight: float, gallery: Gallery, rule: Rule) -> Verdict:
        """Add a look and decide again.

        Args:
            embedding: Embedding of the face, of any length (norm).
            weight: Quality of the look, from 0 to 1.
            gallery: Templates of the enrolled people.
            rule: Rule that says when a person is named.
        """
        unit = _direction(embedding)
        self._last = [*self._last[-1:], (unit, weight)]
        if self._contradicted(gallery, rule):
            self._sum, self._weight, self._looks = None, 0.0, 0
            for each, its in self._last:
                self._gather(each, its)
            self.verdict = NO_VERDICT
        else:
            self._gather(unit, weight)
        self.verdict = self._judge(gallery, rule)
        return self.verdict

    def _gather(self, unit: Template, weight: float) -> None:
        fade = min(1.0, _MEMORY / max(self._weight, 1e-9))
        self._sum = weight * unit if self._sum is None else fade * self._sum + weight * unit
        self._weight = fade * self._weight + weight
        self._looks += 1

    def _contradicted(self, gallery: Gallery, rule: Rule) -> bool:
        """Tell whether the last two looks are both unlike the named person."""
        named = self.verdict.person
        if named not in gallery.persons or len(self._last) < 2:
            return False
        template = gallery.templates[gallery.persons.index(named)]
        return all(float(unit @ template) < rule.unlike() for unit, _ in self._last)

    def _judge(self, gallery: Gallery, rule: Rule) -> Verdict:
        count = len(gallery.persons)
        if not count or self._sum is None:
            return Verdict(None, "nobody with a consent", -1.0, rule.to_name(count, self._looks), None, self._looks)
        similar = np.einsum("ij,j->i", gallery.templates, _direction(self._sum))  # not by threads that wait for cores
        best = int(similar.argmax())
        similarity, lead = float(similar[best]), _lead(similar, best)
        wanted = rule.to_name(count, self._looks, gallery.visits[best])
        enough_to_keep = similarity >= rule.to_keep(count, gallery.visits[best])
        probability = rule.probability(similar)
        person: str | None = None
        reason: Reason
        kept = gallery.persons[best] == self.verdict.person and enough_to_keep
        if kept or (similarity >= wanted and lead >= rule.lead):
            person, reason = gallery.persons[best], "recognised"
        elif similarity >= wanted:
            reason = "between two people"
        elif enough_to_keep:
            reason = "not sure yet"
        else:
            reason = "nobody with a consent"
        return Verdict(person, reason, similarity, wanted, probability, self._looks)


def _lead(similar: np.ndarray, best: int) -> float:
    if len(similar) < 2:
        return float("inf")
    return float(similar[best] - np.delete(similar, best).max())


def _direction(vector: np.ndarray) -> Template:
    unit: Template = (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
    return unit
