"""Consents, the people who gave them, and the gallery of those who may be recognised."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from faceline.errors import InputError
from faceline.stand.consent.quality import Embeddings

_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""A consent may be dated this much later than the clock of this machine."""


@dataclass(frozen=True)
class Consent:
    """The consent of a person.

    Attributes:
        given_by: Name of the person, as on the signed form.
        purpose: Purpose that they agreed to.
        text_version: Version of the text that they read.
        given_at: Time of the consent, in UTC.
        expires_at: Time when it ends, in UTC.
    """

    given_by: str
    purpose: str
    text_version: str
    given_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Person:
    """How an enrolled person wishes to be greeted.

    Attributes:
        greeting: Name for the greeting on the screen, which others can read; None if they did not choose that.
        group: Group of customers that they chose; None if they chose none.
    """

    greeting: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Gallery:
    """The people who may be recognised now.

    Attributes:
        persons: Ids of the people.
        people: How each person wishes to be greeted.
        templates: Template of each person, of length 1; (0, 0) if there is nobody.
        visits: Number of visits that each template is made of.
    """

    persons: tuple[str, ...]
    people: tuple[Person, ...]
    templates: Embeddings
    visits: tuple[int, ...]


NOBODY: Final = Gallery((), (), np.empty((0, 0), dtype=np.float32), ())


class Known(NamedTuple):
    """An enrolled person, as an operator knows them.

    Attributes:
        person: Id.
        name: Name, as on the signed form.
        until: Day on which the consent ends.
    """

    person: str
    name: str
    until: str


class Preview(NamedTuple):
    """The template that some frames would make, and how it compares with those of other people.

    Attributes:
        good: Number of good frames.
        agreement: Smallest cosine of two good frames.
        others: Number of enrolled people that it is compared with.
        nearest: Cosine with the nearest of them; None if nobody is enrolled or nothing is compared.
        limit: Cosine from which two templates count as one person.
        named: Cosine from which the stand names a person.
        taken_for: The person that this may be, by `limit`; None for nobody.
        alike: Cosine with the earlier visits of the same person; None if there are none, or of another embedder.
    """

    good: int
    agreement: float
    others: int
    nearest: float | None
    limit: float | None
    named: float | None
    taken_for: Known | None
    alike: float | None = None


def check_consent(person: Person, consent: Consent) -> None:
    """Refuse a consent that lacks something, or is dated wrongly.

    Raises:
        InputError: The message names what is wrong.
    """
    now = datetime.now(UTC)
    if not consent.given_by.strip():
        raise InputError("the name is empty; give it as on the form that they signed", column="given_by")
    for name in ("given_by", "purpose", "text_version"):
        if not getattr(consent, name).strip():
            raise InputError("missing; a consent needs a name, a purpose and the version of its text", column=name)
    _check_time(consent.given_at, "given_at", lambda at: at <= now + _CLOCKS_DIFFER, "in the past")
    _check_time(consent.expires_at, "expires_at", lambda at: at > now, "in the future")
    if person.group is not None and not re.fullmatch(r"[\w-]{1,40}", person.group):
        raise InputError(f"expected a name of letters, digits, - and _, got {person.group!r}", column="group")


def _check_time(at: datetime, name: str, holds: Callable[[datetime], bool], expected: str) -> None:
    if at.utcoffset() is None:
        raise InputError("expected a time with its zone", column=name)
    if not holds(at):
        raise InputError(f"expected a time {expected}, got {at.isoformat()}", column=name)
