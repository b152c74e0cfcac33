"""The form of an enrolment: typed values, and what is wrong with each field."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from faceline.config.tree import nearest
from faceline.stand.consent.consent_text import LONGEST_DAYS, ConsentText
from faceline.stand.consent.people import Consent, Person
from faceline.stand.words import _

_LONGEST_NAME: Final = 120
_LONGEST_GREETING: Final = 60


@dataclass(frozen=True)
class EnrolForm:
    """The values that an operator typed, all as text, as browsers send them.

    Attributes:
        face: Number of the face among those present.
        given_by: Name of the person, as on the signed form.
        by_name: Whether the person chose a greeting by name, which others can read.
        greeting: Name for the greeting.
        group: Group that the person chose.
        days: Number of days that the consent holds.
        agreed: Whether the person has read the text and agreed to it.
        wrong: Faults by field.
    """

    face: str = ""
    given_by: str = ""
    by_name: str = ""
    greeting: str = ""
    group: str = ""
    days: str = ""
    agreed: str = ""
    wrong: dict[str, str] = field(default_factory=dict)

    def check(self, groups: Collection[str]) -> dict[str, str]:
        """Return the faults by field; empty if all is well.

        Args:
            groups: Groups that contents of the catalogue are for.
        """
        found = {
            "face": "" if _whole(self.face) else _("Choose who of those present it is."),
            "given_by": self._name(),
            "greeting": self._greeting(),
            "group": self._group(groups),
            "days": ""
            if 1 <= _number(self.days) <= LONGEST_DAYS
            else _("Give a number from 1 to %(most)s.", most=LONGEST_DAYS),
            "agreed": "" if self.agreed else _("Nobody is enrolled who has not read the text and agreed to it."),
        }
        return {name: told for name, told in found.items() if told}

    def with_faults(self, wrong: dict[str, str]) -> "EnrolForm":
        """Return the same form with faults."""
        return EnrolForm(**{**asdict(self), "wrong": wrong})

    def person(self) -> Person:
        """Return how the person wants to be greeted; the screen names them only if they chose it."""
        return Person(self.greeting.strip() if self.by_name else None, self.group.strip() or None)

    def consent(self, text: ConsentText) -> Consent:
        """Return the consent, valid from now on."""
        at = datetime.now(UTC)
        until = at + timedelta(days=_number(self.days))
        return Consent(self.given_by.strip(), text.purpose, text.mark, at, until)

    def _name(self) -> str:
        if not self.given_by.strip():
            return _("The name is empty. Give it as on the form that they signed.")
        return _too_long(self.given_by, _LONGEST_NAME)

    def _greeting(self) -> str:
        if self.by_name and not self.greeting.strip():
            return _("Give the name that they want to read on the screen, or take the tick away.")
        if self.greeting.strip() and not self.by_name:
            return _("Others can read it: tick the box above if they chose that, or leave this empty.")
        return _too_long(self.greeting, _LONGEST_GREETING)

    def _group(self, groups: Collection[str]) -> str:
        group = self.group.strip()
        if not group or group in groups:
            return ""
        if not groups:
            return _("No content of this stand is for a group. Leave it empty.")
        near = nearest(group, sorted(groups))
        if near is not None:
            return _("No content of this stand is for a group of that name; did you mean %(near)s?", near=near)
        known = ", ".join(sorted(groups))
        return _("No content of this stand is for a group of that name; expected one of %(known)s", known=known)


def _too_long(text: str, most: int) -> str:
    return (
        ""
        if len(text.strip()) <= most
        else _("At most %(most)s characters; these are %(count)s.", most=most, count=len(text.strip()))
    )


def _whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20


def _number(text: str) -> int:
    return int(text) if _whole(text.strip()) else 0
