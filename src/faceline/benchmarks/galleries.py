"""Galleries for measurements, without a database."""

from collections.abc import Sequence

import numpy as np

from faceline.stand.clock import Moment
from faceline.stand.consent.people import Gallery, Person
from faceline.stand.consent.quality import LIMITS, Template, mean_direction
from faceline.stand.recognition.embedder import Embedder


class ChanceGallery:
    """Enrolled people with random templates, whom nobody looks like, so that a stand analyses faces.

    Args:
        embedder: Embedder that gives the length of a template.
        count: Number of people.
    """

    limits = LIMITS
    problem: str | None = None

    def __init__(self, embedder: Embedder, count: int = 1) -> None:
        length = embedder.embed(np.zeros((1, embedder.size, embedder.size, 3), np.uint8)).shape[1]
        templates = np.random.default_rng(0).normal(size=(count, length)).astype(np.float32)
        names = [f"{number}" for number in range(count)]
        self._gallery = gallery_of(names, [mean_direction(row[None]) for row in templates])

    def gallery(self, moment: Moment | None = None) -> Gallery:
        """Return all of them, always."""
        return self._gallery


def gallery_of(people: Sequence[str], templates: Sequence[Template], visits: int = 1) -> Gallery:
    """Return a gallery of people who were enrolled over so many visits each."""
    return Gallery(tuple(people), tuple(Person() for _ in people), np.stack(templates), (visits,) * len(people))
