"""Thompson sampling with linear models, to learn which content holds attention in which situation.

The attention to a content is modelled as linear in the features of the situation, with Gaussian noise of unknown
variance and a conjugate prior. So the posterior of a content's attention is a Student t. A choice draws once from each
posterior and takes the largest. Sources: Thompson, "On the likelihood that one unknown probability exceeds another",
1933; Agrawal and Goyal, "Thompson sampling for contextual bandits with linear payoffs", 2013; for prior and posterior
Gelman et al., "Bayesian Data Analysis", 2013, chapter 14.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float

Features = Float[np.ndarray, " d"]
"""The features of a situation; the first is always 1."""

PRIOR_MEAN: Final = 0.3
"""Attention to a content, as a share of its time, that is expected before anything is known."""

_PRECISION: Final = 1.0
_SHAPE, _RATE = 2.0, 0.1  # the noise has a variance of about 0.1: a share is between 0 and 1


@dataclass
class Posterior:
    """What has been learned about one content.

    Attributes:
        precision: (d, d) precision matrix in units of one observation.
        moment: (d,) sum of reward times features, plus the prior's part.
        squares: Sum of squared rewards, plus the prior's part.
        count: Number of observations.
    """

    precision: Float[np.ndarray, "d d"]
    moment: Features
    squares: float
    count: int
    _solved: tuple[Features, Float[np.ndarray, "d d"]] | None = None  # mean, and scale of a Student t

    @classmethod
    def prior(cls, d: int) -> "Posterior":
        """Return the state before any observation."""
        mean = np.zeros(d)
        mean[0] = PRIOR_MEAN
        return cls(_PRECISION * np.eye(d), _PRECISION * mean, _PRECISION * PRIOR_MEAN**2, 0)

    def learn(self, features: Features, reward: float) -> None:
        """Add one observation."""
        self.precision += np.outer(features, features)
        self.moment += reward * features
        self.squares += reward**2
        self.count += 1
        self._solved = None

    def correct(self, features: Features, before: float, after: float) -> None:
        """Change the reward of an observation that was added before."""
        self.moment += (after - before) * features
        self.squares += after**2 - before**2
        self._solved = None

    def predict(self, features: Features) -> tuple[float, float, float]:
        """Return location, scale and degrees of freedom of the content's predicted attention, a Student t."""
        if self._solved is None:
            covariance = np.linalg.inv(self.precision)
            mean = covariance @ self.moment
            rate = _RATE + max(self.squares - float(self.moment @ mean), 0.0) / 2
            self._solved = mean, covariance * rate / (_SHAPE + self.count / 2)
        mean, spread = self._solved
        return float(features @ mean), math.sqrt(features @ spread @ features), 2 * _SHAPE + self.count


class ThompsonSampling:
    """Chooses among contents and learns from their rewards.

    Args:
        d: Number of features.
        seed: Seed of the draws; None takes one from the system.
        draws: Number of further draws that estimate the probability of a choice.
    """

    def __init__(self, d: int, seed: int | None = None, draws: int = 1000) -> None:
        self.d, self.draws = d, draws
        self.posteriors: dict[str, Posterior] = {}
        self._rng = np.random.default_rng(seed)

    def choose(self, names: Sequence[str], situations: Float[np.ndarray, "k d"]) -> tuple[int, float]:
        """Draw from the posterior of each content and choose the largest.

        Args:
            names: Names of the contents.
            situations: Features of the situation for each content.

        Returns:
            Position of the choice, and the probability with which this policy chooses it here. The probability is the
            share of further draws in which it is the largest, moved towards 1/k by one draw for each content so that it
            is never 0. Its standard error is at most 0.5 / sqrt(draws).
        """
        if len(names) == 1:
            return 0, 1.0
        known = [self._of(name).predict(situation) for name, situation in zip(names, situations, strict=True)]
        location, scale, freedom = np.array(known).T
        values = location + scale * self._rng.standard_t(freedom, size=(1 + self.draws, len(names)))
        greatest = values.argmax(axis=1)
        choice = int(greatest[0])
        wins = int((greatest[1:] == choice).sum())
        return choice, (wins + 1) / (self.draws + len(names))

    def learn(self, name: str, features: Features, reward: float) -> None:
        """Add the reward of a content."""
        self.posteriors.setdefault(name, Posterior.prior(self.d)).learn(features, reward)

    def correct(self, name: str, features: Features, before: float, after: float) -> None:
        """Change a reward that was added before."""
        self.posteriors[name].correct(features, before, after)

    def state(self) -> dict[str, Any]:
        """Return everything that was learned as plain values."""
        return {
            name: {
                "precision": known.precision.tolist(),
                "moment": known.moment.tolist(),
                "squares": known.squares,
                "count": known.count,
            }
            for name, known in self.posteriors.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what was learned.

        Raises:
            ValueError: The state is invalid, or has other features.
        """
        posteriors = {
            name: Posterior(
                np.array(known["precision"], dtype=np.float64),
                np.array(known["moment"], dtype=np.float64),
                float(known["squares"]),
                int(known["count"]),
            )
            for name, known in state.items()
        }
        for name, known in posteriors.items():
            if known.precision.shape != (self.d, self.d) or known.moment.shape != (self.d,):
                raise ValueError(f"expected {self.d} features of {name}")
        self.posteriors = posteriors

    def _of(self, name: str) -> Posterior:
        return self.posteriors.get(name) or Posterior.prior(self.d)
