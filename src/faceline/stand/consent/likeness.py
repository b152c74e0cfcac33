"""From which similarity on two faces are taken for one person, by the embedder at hand and by how many are enrolled."""

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

Similarities = Float[np.ndarray, " people"]

STRANGERS: Final = 0.002
"""Share of the visits of strangers that may be greeted, unless something else is asked for."""

_HONEST: Final = 0.005  # share of honest people that may be taken for somebody who is enrolled already
_ONE_PERSON: Final = 1e-3  # share of the frames of another person that may pass as frames of the same one
_UNLIKE: Final = 0.1  # a look that is less alike than this share of strangers' looks are speaks against a name
_SINGLE_LOOK: Final = 0.1  # a single look must be so much rarer among strangers than several looks together
_LOOKS: Final = 2.0  # a visit is judged after every look: its strangers pass about twice as often as after one
_KEEP: Final = 30.0  # a name is kept until strangers are so many times more alike than to be given it
_ENROLLED: Final = 0.1  # of those who come before the screen, unless more is known


@runtime_checkable
class Likeness(Protocol):
    """What the similarities of an embedder mean."""

    def threshold(self, false_match: float) -> float:
        """The similarity that this share of the comparisons of different people reaches."""

    def evidence(self, similarity: float) -> float:
        """Logarithm of how much likelier a similarity is for one person than for two."""


@dataclass(frozen=True)
class OneThreshold:
    """An embedder of which one threshold is known, and nothing of how alike people are.

    Attributes:
        value: Taken at every rate.
    """

    value: float

    def threshold(self, false_match: float) -> float:
        """The same always."""
        return self.value

    def evidence(self, similarity: float) -> float:
        """None: the likelihood is not known."""
        return float("nan")


@dataclass(frozen=True)
class Rule:
    """When somebody is named.

    Attributes:
        likeness: What similarities mean.
        strangers: Share of the visits of strangers that may be greeted.
        lead: By which the nearest must be more similar than the next person.
    """

    likeness: Likeness
    strangers: float = STRANGERS
    lead: float = 0.05

    def to_name(self, enrolled: int, looks: int) -> float:
        """Least similarity at which somebody is named after some looks; it grows with the number of enrolled."""
        rarer = _SINGLE_LOOK if looks < 2 else 1.0
        return self.likeness.threshold(rarer * self.strangers / (_LOOKS * max(enrolled, 1)))

    def to_keep(self, enrolled: int) -> float:
        """Similarity below which a name that was given is taken back."""
        return self.likeness.threshold(min(_KEEP * self.strangers / (_LOOKS * max(enrolled, 1)), _UNLIKE))

    def unlike(self) -> float:
        """Similarity below which a single look speaks against a name."""
        return self.likeness.threshold(_UNLIKE)

    def enrolled_already(self, enrolled: int) -> float:
        """Least similarity of a new template at which somebody is taken for one who is enrolled."""
        return self.likeness.threshold(_HONEST / max(enrolled, 1))

    def one_person(self) -> float:
        """Least similarity of any two frames that somebody is enrolled from."""
        return self.likeness.threshold(_ONE_PERSON)

    def probability(self, similarities: Similarities) -> float | None:
        """Chance that the nearest of all enrolled is who stands there; None where the embedder cannot tell.

        One in ten visitors is taken to be enrolled, each of the enrolled as likely as another.
        """
        if np.isnan(self.likeness.evidence(0.0)):
            return None
        zero, one = self.likeness.evidence(0.0), self.likeness.evidence(1.0)
        evidence = zero + (one - zero) * similarities.astype(np.float64)
        nobody = np.log(len(similarities) * (1 - _ENROLLED) / _ENROLLED)
        most = max(float(evidence.max()), nobody)
        total = np.exp(evidence - most).sum() + np.exp(nobody - most)
        return float(np.exp(evidence.max() - most) / total)
