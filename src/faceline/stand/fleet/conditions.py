"""Finds what is wrong with a stand, from its last report and its earlier hours."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from faceline.stand.database import microseconds
from faceline.stand.fleet.protocol import Report
from faceline.stand.fleet.roster import Member
from faceline.stand.sentences import Sentence

Kind = Literal["silent", "camera", "faces", "speed", "store", "clock", "disk", "release", "rollout"]

HOUR: Final = 3600 * 1_000_000
_DAYS, _WEEKS = 7, 3
"""An hour should have visitors if it had some on each of the last days, or on this weekday of the last weeks."""


class Limits(NamedTuple):
    """Limits beyond which something is wrong.

    Attributes:
        silent: Longest time without a report.
        frames: Frames a second below which a stand is slow.
        delay_ms: Longest time from a frame to its decision, in milliseconds.
        clock: Largest error of the stand's clock.
        disk: Share of the disk that must be free.
    """

    silent: timedelta
    frames: float
    delay_ms: float
    clock: timedelta
    disk: float


class Findings(NamedTuple):
    """What is wrong with a stand, and what is known about it.

    Attributes:
        wrong: A sentence for each kind of problem.
        known: Kinds that could be checked; alerts of other kinds stay as they are.
    """

    wrong: dict[Kind, str]
    known: frozenset[Kind]


def findings(
    member: Member,
    now: datetime,
    limits: Limits,
    visitors: Mapping[int, int],
    raised: Collection[str],
    since: datetime | None = None,
) -> Findings:
    """Find what is wrong with a stand.

    Args:
        member: The stand.
        now: The current time.
        limits: Limits beyond which something is wrong.
        visitors: Visitors in each of the `hours_before`, counted from 1970 in UTC.
        raised: Kinds that are raised already.
        since: Time since when the fleet listens; a stand was not silent while the fleet was away.
    """
    report, seen = member.report, member.seen
    if report is None or seen is None:
        return Findings({}, frozenset())
    if now - seen > limits.silent:
        if since is not None and now - since <= limits.silent:
            return Findings({}, frozenset())
        return Findings({"silent": Sentence.SILENT(when=f"{seen:%Y-%m-%d %H:%M}")}, frozenset({"silent"}))
    known: set[Kind] = {"silent", "store", "clock", "disk", "release"}
    wrong: dict[Kind, str | None] = {
        "store": None if report.logging else Sentence.NOT_WRITTEN(),
        "clock": _clock(report, seen, limits),
        "disk": _disk(report, limits),
        "release": _release(report),
    }
    if report.open or not report.camera:  # a dark hall at night is no fault
        known.add("camera")
        wrong["camera"] = _camera(report)
    if report.camera:
        known.add("speed")
        wrong["speed"] = _speed(report, limits)
    if report.unsent_since is None or microseconds(report.unsent_since) >= hours_before(now)[0] * HOUR:
        known.add("faces")
        wrong["faces"] = _faces(now, visitors, "faces" in raised)
    return Findings({kind: told for kind, told in wrong.items() if told}, frozenset(known))


def hours_before(now: datetime) -> list[int]:
    """Return the hours that tell whether the last hour should have had visitors, with that hour and the current one."""
    last = microseconds(now) // HOUR - 1
    return [last + 1, last, *_same_hours(last)]


def _same_hours(last: int) -> list[int]:
    return [last - 24 * day for day in range(1, _DAYS + 1)] + [last - 168 * week for week in range(1, _WEEKS + 1)]


def _faces(now: datetime, visitors: Mapping[int, int], raised: bool) -> str | None:
    running, last, *_ = hours_before(now)
    if visitors.get(last) or visitors.get(running):
        return None
    days, weeks = _same_hours(last)[:_DAYS], _same_hours(last)[_DAYS:]
    usual = any(all(visitors.get(hour) for hour in hours) for hours in (days, weeks))
    if not (usual or raised):  # what was called wrong is well again once somebody comes, not once the mall closes
        return None
    return Sentence.NO_FACES()


def _camera(report: Report) -> str | None:
    if not report.camera:
        return Sentence.NO_FRAMES()
    return report.picture and Sentence.BLIND(why=report.picture)


def _speed(report: Report, limits: Limits) -> str | None:
    if report.frames_per_second < limits.frames:
        return Sentence.FEW_FRAMES(rate=f"{report.frames_per_second:.1f}", limit=f"{limits.frames:g}")
    if report.latency_ms is not None and report.latency_ms > limits.delay_ms:
        return Sentence.DELAY(rate=f"{report.latency_ms:.0f}", limit=f"{limits.delay_ms:g}")
    return None


def _release(report: Report) -> str | None:
    refused = report.refused
    return None if refused is None else Sentence.REFUSES(name=refused.release, why=refused.why)


def _clock(report: Report, seen: datetime, limits: Limits) -> str | None:
    ahead = report.at - seen
    if abs(ahead) <= limits.clock:
        return None
    return (Sentence.AHEAD if ahead > timedelta(0) else Sentence.BEHIND)(length=_length(abs(ahead)))


def _disk(report: Report, limits: Limits) -> str | None:
    if report.disk_free >= limits.disk:
        return None
    return Sentence.DISK(share=f"{report.disk_free:.0%}", count=f"{report.disk_free_gb:.1f}")


def _length(time: timedelta) -> str:
    seconds = time.total_seconds()
    for size, word in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} seconds"
