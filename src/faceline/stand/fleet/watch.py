"""Watches a fleet every few seconds: alerts, rollouts, and events that are too old."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from faceline.stand.database import EVENTS, microseconds
from faceline.stand.fleet.alerts import Alerts
from faceline.stand.fleet.conditions import Findings, Limits, findings, hours_before
from faceline.stand.fleet.messenger import Messenger
from faceline.stand.fleet.rollouts import Rollouts
from faceline.stand.fleet.roster import Roster
from faceline.stand.fleet.tables import HOURS
from faceline.stand.sentences import Sentence

_EVERY: Final = 10.0
_TIDY: Final = 3600.0

log = logging.getLogger("faceline.fleet")


class Watch:
    """A thread that watches a fleet.

    Args:
        roster: Stands of the fleet.
        limits: Limits beyond which something is wrong with a stand.
        alerts: Alerts to update.
        rollouts: Rollouts to hold or to continue.
        messenger: Sends the alerts.
        keep_days: Age in days at which events are deleted.
    """

    def __init__(
        self, roster: Roster, limits: Limits, alerts: Alerts, rollouts: Rollouts, messenger: Messenger, keep_days: int
    ) -> None:
        self.roster, self.limits, self.alerts, self.rollouts = roster, limits, alerts, rollouts
        self.messenger, self.keep_days = messenger, keep_days
        self._tidied = -_TIDY
        self._since: datetime | None = None  # the first look
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def tick(self) -> None:
        """Check everything once."""
        now, raised = self.roster.clock(), self.alerts.raised()
        visitors, since = self._visitors(hours_before(now)), self._since or now
        self._since = since
        found = {
            member.name: findings(member, now, self.limits, visitors[member.name], raised.get(member.name, ()), since)
            for member in self.roster.members
        }
        self.rollouts.tick()
        self.alerts.take(found | self._held())
        self.messenger.tick()
        if time.monotonic() - self._tidied >= _TIDY:
            self._tidied = time.monotonic()
            old = microseconds(now - timedelta(days=self.keep_days))
            with self.roster.writing, self.roster.engine.begin() as connection:
                connection.execute(EVENTS.delete().where(EVENTS.c.at < old))

    def _held(self) -> dict[str, Findings]:
        """Return rollouts on hold as findings, with the group in place of a stand."""
        last = {each.group: each for each in reversed(self.rollouts.listed())}
        return {
            f"group {group}": Findings(
                {"rollout": Sentence.HELD(name=each.release, why=each.told)} if each.state == "held" else {},
                frozenset({"rollout"}),
            )
            for group, each in last.items()
        }

    def _visitors(self, hours: list[int]) -> Mapping[str, dict[int, int]]:
        found: defaultdict[str, dict[int, int]] = defaultdict(dict)
        with self.roster.engine.connect() as connection:
            for row in connection.execute(sa.select(HOURS).where(HOURS.c.hour.in_(hours))):
                found[row.stand][row.hour] = row.visitors
        return found

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self.tick()
            except Exception:  # the next look may go well
                log.exception("the fleet is looked after again in some seconds")
