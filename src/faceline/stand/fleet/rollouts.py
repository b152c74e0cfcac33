"""Rolls a release out to a group of stands: first to a few, then to all, unless the first ones have problems."""

import json
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa

from faceline.errors import InputError
from faceline.stand.database import microseconds, utc
from faceline.stand.fleet.roster import Member, Roster
from faceline.stand.fleet.tables import GROUPS, ROLLOUTS, STANDS
from faceline.stand.sentences import Sentence

State = Literal["first", "held", "all", "rolled back"]
OPEN: Final = ("first", "held")


class Rollout(NamedTuple):
    """The rollout of a release.

    Attributes:
        number: Number of the rollout.
        release: Name of the release.
        group: Name of the group.
        first: Names of the stands that get the release first.
        before: What each stand of the group showed before.
        group_before: What new stands of the group got before.
        state: State of the rollout.
        told: Why it is held; empty if it is not.
        at: Time when it began.
        by: Name of the person who began it.
        changed: Time of the last change of state; with the first stands, the time since when all of them show it.
    """

    number: int
    release: str
    group: str
    first: tuple[str, ...]
    before: dict[str, str | None]
    group_before: str | None
    state: State
    told: str
    at: datetime
    by: str
    changed: datetime


class Rollouts:
    """The rollouts of a fleet.

    Args:
        roster: Stands of the fleet.
        stage: How long the first stands must be well before all stands get the release.
        silent: Time without a report after which a stand does not count as well.
    """

    def __init__(self, roster: Roster, stage: timedelta, silent: timedelta) -> None:
        self.roster, self.stage, self.silent = roster, stage, silent
        self._since: datetime | None = None  # the first look: before it the fleet may have been away itself

    def begin(self, release: str, group: str, first: str, *, by: str) -> int:
        """Give a release to the first stands of a group and return the number of the rollout.

        Args:
            release: Name of the release.
            group: Name of the group.
            first: How many stands get it first: a number, a share such as ``10%``, or ``all``.
            by: Name of the person who begins it.

        Raises:
            InputError: There is no such group, another rollout runs there, or no stand is well enough to be first.
        """
        with self.roster.writing:
            if group not in self.roster.groups:
                raise InputError(f"{group}: no such group", column="group")
            for each in self.listed(group):
                if each.state in OPEN:
                    raise InputError(f"{each.release} is on its way to {group}; let it go on or roll it back first")
            members = [member for member in self.roster.members if member.group == group]
            chosen = self._choose(members, first)
            number = self._insert(release, group, chosen, members, by)
            self._want(dict.fromkeys(chosen, release))
            if first == "all" or not members:
                self.go_on(number)
        return number

    def go_on(self, number: int) -> None:
        """Give the release to all stands of the group.

        Raises:
            InputError: The rollout is over, or there is no such rollout.
        """
        with self.roster.writing:
            rollout = self._open(number, OPEN)
            with self.roster.engine.begin() as connection:
                mine = STANDS.c.customer_group == rollout.group
                connection.execute(STANDS.update().where(mine).values(wanted=rollout.release))
                connection.execute(
                    GROUPS.update().where(GROUPS.c.name == rollout.group).values(release=rollout.release)
                )
            self._set(number, "all")

    def roll_back(self, number: int) -> None:
        """Give every stand of the group back what it showed before.

        Raises:
            InputError: A later release came to this group, or the rollout was rolled back already.
        """
        with self.roster.writing:
            rollout = self._open(number, (*OPEN, "all"))
            if self.listed(rollout.group)[0].number != number:
                raise InputError("a later release came after this one; roll that one back, or publish another")
            members = [member.name for member in self.roster.members if member.group == rollout.group]
            self._want({name: rollout.before.get(name, rollout.group_before) for name in members})
            with self.roster.engine.begin() as connection:
                mine = GROUPS.c.name == rollout.group
                connection.execute(GROUPS.update().where(mine).values(release=rollout.group_before))
            self._set(number, "rolled back")

    def tick(self) -> None:
        """Hold rollouts whose first stands have problems; continue those whose first stands stayed well."""
        now = self.roster.clock()
        self._since = self._since or now
        for rollout in self.listed():
            if rollout.state != "first":
                continue
            with self.roster.writing:
                first = [member for member in self.roster.members if member.name in rollout.first]
                wrong = next((told for told in (self._wrong(each, rollout, now) for each in first) if told), None)
                if wrong is not None:
                    self._set(rollout.number, "held", wrong)
                elif not all(each.report and each.report.release == rollout.release for each in first):
                    self._set(rollout.number, "first")  # the time of all of them begins when the last one has it
                elif now - rollout.changed >= self.stage:
                    self.go_on(rollout.number)

    def listed(self, group: str | None = None, most: int = 50) -> list[Rollout]:
        """Return the last rollouts, newest first."""
        query = sa.select(ROLLOUTS).order_by(ROLLOUTS.c.id.desc()).limit(most)
        query = query if group is None else query.where(ROLLOUTS.c.customer_group == group)
        with self.roster.engine.connect() as connection:
            return [_rollout(row) for row in connection.execute(query)]

    def _wrong(self, member: Member, rollout: Rollout, now: datetime) -> str | None:
        report = member.report
        heard = max(member.seen or rollout.at, rollout.at, self._since or rollout.at)
        if report is None or now - heard > self.silent:
            return Sentence.FIRST_SILENT(name=member.name)
        if report.refused is not None and report.refused.release == rollout.release:
            return Sentence.FIRST_REFUSES(name=member.name, why=report.refused.why)
        if report.warnings:
            return Sentence.FIRST_WARNS(name=member.name, why=report.warnings[0])
        return None

    def _choose(self, members: list[Member], first: str) -> list[str]:
        """Choose the first stands: of those that are well, the ones that reported last."""
        if first == "all":
            return [member.name for member in members]
        now = self.roster.clock()
        well = [
            member
            for member in members
            if member.report and not member.report.warnings and member.seen and now - member.seen <= self.silent
        ]
        if members and not well:
            raise InputError(
                "no stand of this group is well enough to have it first; choose all, or wait", column="first"
            )
        well.sort(key=lambda member: (member.seen, member.name), reverse=True)
        return [member.name for member in well[: _count(first, len(members))]]

    def _insert(self, release: str, group: str, first: list[str], members: list[Member], by: str) -> int:
        now = microseconds(self.roster.clock())
        values: dict[str, Any] = {
            "release": release, "customer_group": group, "first": json.dumps(first), "state": "first", "told": "",
            "before": json.dumps({member.name: member.wanted for member in members}), "begun_at": now, "begun_by": by,
            "changed_at": now, "group_before": self.roster.groups[group],
        }  # fmt: skip
        with self.roster.engine.begin() as connection:
            key = connection.execute(ROLLOUTS.insert().values(**values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def _want(self, wanted: dict[str, str | None]) -> None:
        with self.roster.engine.begin() as connection:
            for name, release in wanted.items():
                connection.execute(STANDS.update().where(STANDS.c.name == name).values(wanted=release))

    def _set(self, number: int, state: State, told: str = "") -> None:
        values = {"state": state, "told": told, "changed_at": microseconds(self.roster.clock())}
        with self.roster.engine.begin() as connection:
            connection.execute(ROLLOUTS.update().where(ROLLOUTS.c.id == number).values(**values))

    def _open(self, number: int, states: tuple[str, ...]) -> Rollout:
        with self.roster.engine.connect() as connection:
            row = connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.id == number)).first()
        if row is None or row.state not in states:
            raise InputError("this rollout is over; reload the page")
        return _rollout(row)


def _count(first: str, members: int) -> int:
    """Turn ``3``, ``10%`` or ``all`` into a number of stands, at least one."""
    text = first.strip()
    share = text.endswith("%")
    digits = text.removesuffix("%")
    if not digits.isdecimal() or not int(digits) or (share and int(digits) > 100):
        raise InputError(f"expected a number of stands, a share such as 10%, or all, got {first!r}", column="first")
    return max(1, -(-members * int(digits) // 100)) if share else int(digits)


def _rollout(row: Any) -> Rollout:
    return Rollout(
        row.id, row.release, row.customer_group, tuple(json.loads(row.first)), json.loads(row.before),
        row.group_before, row.state, row.told, utc(row.begun_at), row.begun_by, utc(row.changed_at),
    )  # fmt: skip
