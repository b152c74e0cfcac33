"""Decides from which similarity on two faces count as one person, by embedder and number of enrolled people."""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Similarities = Float[np.ndarray, " people"]

STRANGERS: Final = 0.002
"""Share of strangers' visits that may be greeted by default."""

LOOSEST: Final = 0.01
"""Largest share of false matches at which anybody is named, whatever the settings and the number enrolled."""

_HONEST: Final = 0.005  # share of honest people that may be taken for somebody who is enrolled already
_ONE_PERSON: Final = 1e-3  # share of the frames of another person that may pass as frames of the same one
_UNLIKE: Final = 0.1  # a look that is less alike than this share of strangers' looks are speaks against a name
_SINGLE_LOOK: Final = 0.1  # a single look must be so much rarer among strangers than several looks together
_LOOKS: Final = 2.0  # a visit is judged after every look: its strangers pass about twice as often as after one
_KEEP: Final = 30.0  # a name is kept until strangers are so many times more alike than to be given it
_ENROLLED: Final = 0.1  # of those who come before the screen, unless more is known


@runtime_checkable
class Likeness(Protocol):
    """The meaning of an embedder's similarities."""

    def threshold(self, false_match: float, visits: int = 1) -> float:
        """Return the similarity that this share of strangers reaches, compared with a template of some visits."""

    def evidence(self, similarity: float) -> float:
        """Return the logarithm of the likelihood ratio of a similarity for one person to that for two."""


@dataclass(frozen=True)
class OneThreshold:
    """An embedder with one known threshold and no known distribution of similarities.

    Attributes:
        value: Threshold for every rate.
    """

    value: float

    def threshold(self, false_match: float, visits: int = 1) -> float:
        """Return the threshold, for any rate and template."""
        return self.value

    def evidence(self, similarity: float) -> float:
        """Return NaN: the likelihood is unknown."""
        return float("nan")


@dataclass(frozen=True)
class Rule:
    """The rule that says when a person is named.

    Attributes:
        likeness: Meaning of similarities.
        strangers: Share of strangers' visits that may be greeted.
        lead: How much more similar the nearest person must be than the next one.
    """

    likeness: Likeness
    strangers: float = STRANGERS
    lead: float = 0.05

    def to_name(self, enrolled: int, looks: int, visits: int = 1) -> float:
        """Return the lowest similarity that names a person.

        Args:
            enrolled: Number of people who are enrolled; more of them ask for more.
            looks: Number of looks so far; the first alone asks for more.
            visits: Number of visits in the template; more of them ask for a little more.
        """
        rarer = _SINGLE_LOOK if looks < 2 else 1.0
        false_match = rarer * self.strangers / (_LOOKS * max(enrolled, 1))
        return self.likeness.threshold(min(false_match, LOOSEST), visits)

    def to_keep(self, enrolled: int, visits: int = 1) -> float:
        """Return the similarity below which a name is withdrawn."""
        return self.likeness.threshold(min(_KEEP * self.strangers / (_LOOKS * max(enrolled, 1)), _UNLIKE), visits)

    def unlike(self) -> float:
        """Similarity below which a single look speaks against a name."""
        return self.likeness.threshold(_UNLIKE)

    def enrolled_already(self, enrolled: int) -> float:
        """Return the lowest similarity of a new template at which the person counts as enrolled already."""
        return self.likeness.threshold(_HONEST / max(enrolled, 1))

    def one_person(self) -> float:
        """Lowest similarity of any two frames for one enrolment."""
        return self.likeness.threshold(_ONE_PERSON)

    def probability(self, similarities: Similarities) -> float | None:
        """Return the probability that the nearest enrolled person is right; None if the embedder cannot tell.

        One in ten visitors is assumed to be enrolled, and all enrolled people are equally likely.
        """
        if np.isnan(self.likeness.evidence(0.0)):
            return None
        zero, one = self.likeness.evidence(0.0), self.likeness.evidence(1.0)
        evidence = zero + (one - zero) * similarities.astype(np.float64)
        nobody = np.log(len(similarities) * (1 - _ENROLLED) / _ENROLLED)
        most = max(float(evidence.max()), nobody)
        total = np.exp(evidence - most).sum() + np.exp(nobody - most)
        return float(np.exp(evidence.max() - most) / total)
