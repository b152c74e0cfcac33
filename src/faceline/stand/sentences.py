"""What may be wrong with a stand, as English sentences; pages tell them again in their own language.

Sentences travel as text: through logs, the API, reports to the fleet and the tables of alerts. So a page finds the
sentence again by its form, also that of a stand with another version.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from babel.dates import format_timedelta

from faceline.stand.words import UNITS, _, apart, language, mark, plain, share, time_of


class Sentence(StrEnum):
    """A sentence with places for values."""

    # what a stand tells of itself
    CAMERA = mark("No frames from the camera: %(why)s. The standard loop goes on; it is tried again.")
    COVERED = mark("The camera sees nothing: its picture is %(why)s. Look for a cap, tape or light.")
    SLOW = mark(
        "Too slow to count visitors rightly: %(rate)s frames a second, and at least %(limit)s are wanted. Who passes "
        "by fast is missed; use a faster machine, or a camera that gives smaller pictures, or more of them."
    )
    LATE = mark("The screen answers late: %(rate)s s from a frame to its decision; use a faster machine.")
    PAUSED = mark("Events are not written: %(why)s. %(count)s wait in memory.")
    LOST = mark("%(count)s events were lost while nothing could be written.")
    FAULT = mark("A fault: %(why)s")
    UNSAVED = mark("What was learned cannot be saved: %(why)s.")
    STALLED = mark("The stand looks at no frames any more; restart it.")
    CATALOGUE_REFUSED = mark("The catalogue has changed and is refused; the old one stays. %(why)s")
    CATALOGUE_UNREAD = mark("The catalogue cannot be looked at: %(why)s.")
    WEBHOOK_AWAY = mark("Webhook %(name)s: %(count)s messages wait, since it is not answered (%(why)s).")
    WEBHOOK_FULL = mark("Webhook %(name)s: %(count)s messages found no room and are lost.")
    WEBHOOK_REFUSES = mark("Webhook %(name)s: %(count)s messages were refused (%(why)s).")
    FLEET_AWAY = mark("The fleet is away; the stand goes on alone, and its events wait: %(why)s.")
    FLEET_REFUSES = mark("The fleet refuses this stand: %(why)s.")
    RELEASE_NOT_KEPT = mark("The release %(name)s of the fleet cannot be kept: %(why)s; it is tried again.")
    RELEASE_REFUSED = mark("The release %(name)s of the fleet is refused; what was shown stays. %(why)s")
    NO_ROOM = mark("%(count)s MB are needed on the disk, and %(limit)s MB are free")
    SOFTWARE_REFUSED = mark("The software that the fleet announces is not taken: %(why)s.")
    # what an enrolment refuses, and whom it misses
    ENROLLED_BEFORE = mark(
        "Not recognised: %(count)s enrolled with another face model. Add a visit of each on the page People."
    )
    NOT_DELETED = mark(
        "Withdrawn and not recognised any more, but not deleted yet: %(count)s. The database cannot be written; free "
        "space on its disk. It is tried again, also after a restart."
    )
    NOT_KEPT = mark(
        "Withdrawn and not recognised any more, but neither deleted nor noted: %(count)s. Free space on the disk, and "
        "leave the stand on until then: after a restart they would be recognised again."
    )
    KEYS_LOST = mark(
        "No key of %(name)s opens what is stored of %(count)s of %(limit)s enrolled people; they are not recognised. "
        "Add the old keys to it, or withdraw these people and enrol them again."
    )
    TAKEN_FOR = mark("This may be %(name)s, who is enrolled. If that is them, add a visit instead.")
    UNLIKE = mark("The frames do not look like %(name)s. Take them of the right person.")
    NOT_COMPARED = mark("The face model has changed, so nothing tells whether this is %(name)s. Say that you know it.")
    DIFFER = mark("The frames differ too much for one person. Let one stand there alone.")
    BUSY = mark("Somebody else is being enrolled just now. Try again in some seconds.")
    # what a fleet finds
    SILENT = mark("No report since %(when)s UTC.")
    NOT_WRITTEN = mark("Its events are not written: the store is paused.")
    NO_FACES = mark("No face for an hour in which there always were some: does the camera see the people?")
    NO_FRAMES = mark("No frames from its camera.")
    BLIND = mark("Its camera sees nothing: the picture is %(why)s.")
    FEW_FRAMES = mark("%(rate)s frames a second, where %(limit)s are the least.")
    DELAY = mark("%(rate)s ms from a frame to its decision, where %(limit)s ms are the most.")
    REFUSES = mark("It refuses the release %(name)s: %(why)s")
    AHEAD = mark("Its clock is %(length)s ahead.")
    BEHIND = mark("Its clock is %(length)s behind.")
    DISK = mark("Its disk is nearly full: %(share)s or %(count)s GB are free.")
    HELD = mark("The release %(name)s is held back. %(why)s")
    FIRST_SILENT = mark("%(name)s is silent.")
    FIRST_REFUSES = mark("%(name)s refuses it: %(why)s")
    FIRST_WARNS = mark("%(name)s warns: %(why)s")

    def __call__(self, **values: object) -> str:
        """Return the English sentence with its values."""
        return self.value % values


def retold(text: str) -> str:
    """Return sentences in the current language, one in each line; other text stays as it is."""
    return text if language() == "en" else "\n".join(map(_retold, text.splitlines()))


def _retold(line: str) -> str:
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(line):
            return _(sentence.value, **{name: _value(name, value) for name, value in found.groupdict().items()})
    return _(line)


def _value(name: str, value: str) -> str:
    """Write a value of a sentence as the language does; another version may have written it otherwise."""
    with suppress(ValueError):
        return _WRITERS[name](value)
    return value


def _count(value: str) -> str:
    return plain(float(value.replace(",", "")))


def _length(value: str) -> str:
    count, _space, units = value.partition(" ")
    for unit, size in UNITS.items():
        if units == f"{unit}s":
            return str(format_timedelta(timedelta(seconds=size * float(count)), unit, 1e9, locale=language()))
    return value


_WRITERS: Final[dict[str, Callable[[str], str]]] = {
    **dict.fromkeys(("count", "rate", "limit"), _count),
    "share": lambda value: share(float(value.removesuffix("%")) / 100),
    "when": lambda value: time_of(datetime.fromisoformat(value)),
    "length": _length,
    "name": apart,
    "why": lambda value: apart(_retold(value)),
}


@cache
def _patterns() -> tuple[tuple[Sentence, re.Pattern[str]], ...]:
    """Return the sentences as patterns, those with the most words of their own first."""
    return tuple(sorted(_compiled(), key=lambda pair: -len(re.sub(r"%\(\w+\)s", "", pair[0].value))))


def _compiled() -> Iterator[tuple[Sentence, re.Pattern[str]]]:
    for sentence in Sentence:
        parts = re.split(r"%\((\w+)\)s", sentence.value)  # text and names take turns
        yield sentence, re.compile("".join(
            f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        ))  # fmt: skip
