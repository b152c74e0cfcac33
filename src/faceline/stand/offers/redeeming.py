"""Redeems offers at a till: the code of each impression, what a till needs for a day, and each counted once."""

import secrets
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from faceline.stand.content.catalogue import Catalogue, time_zone
from faceline.stand.database import EVENTS, microseconds, utc
from faceline.stand.director import Director, Showing
from faceline.stand.events.event import OfferTaken, offer_id
from faceline.stand.events.store import EventStore
from faceline.stand.kept_file import KeptFile, note
from faceline.stand.offers.codes import day_key, day_of, is_right, make_code, mark_of, number_of, read_code

Status = Literal["taken", "already", "expired", "unknown", "not_yours", "later"]
"""The result of a code.

- ``taken``: it counts now.
- ``already``: it was counted before.
- ``expired``: it is not valid any more.
- ``unknown``: it is no code of this stand.
- ``not_yours``: the token is for other campaigns.
- ``later``: the store cannot be read now; send the code again.
"""

FILE: Final = "offers.json"
AUDIT: Final = "offers.audit.jsonl"

_OLDEST: Final = timedelta(days=8)
"""Longest time after which a till may still send a code."""

_RECENT: Final = 2_000
_PLACE: Final = ("stand", "impression", "session", "arm", "content", "campaign")


@dataclass(frozen=True)
class Redemption:
    """The result of a code.

    Attributes:
        status: One of `Status`.
        offer: Benefit of the offer; empty if it is no code of this stand.
        content: Id of the content with the offer.
        at: Time when it was taken, now or before; None if it was not.
    """

    status: Status
    offer: str = ""
    content: str = ""
    at: datetime | None = None


class _Key(KeptFile):
    """The key of the stand that gives the keys of days."""

    purpose = "the key of the offers ({error}); move it away to make a new one, and codes on phones hold no more"

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.key = b""
        if file.exists():
            self._read()
        else:
            with self._changing():
                self.key = secrets.token_bytes(32)

    def _told(self) -> dict[str, Any]:
        return {"key": self.key.hex()}

    def _take(self, content: Any) -> None:
        self.key = bytes.fromhex(content["key"])


class Offers:
    """The codes of one stand.

    Args:
        folder: Folder of the stand; keeps the key and the audit.
        store: Event store, which knows the impressions.
        director: Director, which knows what can be shown and learns which offers were taken.
        zone: Name of the time zone of days.

    Raises:
        InputError: The key file is damaged, or others may read it.
    """

    def __init__(self, folder: Path, store: EventStore, director: Director, zone: str) -> None:
        self._key, self._audit = _Key(folder / FILE).key, folder / AUDIT
        self._store, self._director, self._zone = store, director, time_zone(zone)
        self._lock = threading.Lock()
        self._recent: dict[int, datetime] = {}  # by event: the store writes them a moment later

    def code(self, showing: Showing) -> str | None:
        """Return the code of what is on the screen; None without an offer or without visitors."""
        decision = showing.decision
        if decision.content.offer is None or decision.session is None:
            return None
        day = self._day(showing.since.utc)
        return make_code(day_key(self._key, day), day, decision.content.id, showing.impression)

    def kit(self, campaigns: Collection[str] | None, now: datetime) -> dict[str, Any]:
        """Return what a till needs to check codes for a day without the network.

        Args:
            campaigns: Campaigns whose offers the till takes; None for all.
            now: Current time in UTC.
        """
        today = self._day(now)
        days = [today + timedelta(days=step) for step in (-1, 0, 1)]
        return {
            "days": {day.isoformat(): day_key(self._key, day).hex() for day in days},
            "offers": [
                {"mark": mark_of(content.id), "offer": content.offer, "content": content.label}
                for content in self._catalogue.contents
                if content.offer and (campaigns is None or content.campaign in campaigns)
            ],
        }

    def redeem(
        self, text: str, at: datetime, campaigns: Collection[str] | None, *, by: str, now: datetime | None = None
    ) -> Redemption:
        """Count an offer as taken once, however often and by however many tills its code is sent.

        Args:
            text: Code as it was typed or scanned.
            at: Time in UTC when the till took it.
            campaigns: Campaigns whose offers this till takes; None for all.
            by: Name of the till's token, for the audit.
            now: Current time in UTC; None uses the clock.
        """
        now = now or datetime.now(UTC)
        at = min(at, now).astimezone(UTC)
        code = read_code(text)
        if code is None:
            return Redemption("unknown")
        day = day_of(code, self._day(at))
        if day is None or now - at > _OLDEST:
            return Redemption("expired" if self._was_right(text, at) else "unknown")
        if not is_right(code, day_key(self._key, day)):
            return Redemption("unknown")
        with self._lock:
            try:
                return self._count(day, code.mark, code.number, at, campaigns, by)
            except SQLAlchemyError:
                return Redemption("later")

    def _count(
        self, day: date, mark: int, number: int, at: datetime, campaigns: Collection[str] | None, by: str
    ) -> Redemption:
        shown = self._impression(day, mark, number)
        if shown is None:  # not written yet, or lost with a stand that was killed
            return Redemption("later" if not self._store.flush(1.0) else "unknown")
        content = self._catalogue.by_id.get(shown.content)
        offer = (content.offer or "") if content else ""
        if campaigns is not None and shown.campaign not in campaigns:
            return Redemption("not_yours", offer, shown.content)
        event = offer_id(shown.impression)
        before = self._recent.get(event) or self._written(shown.stand, event)
        if before is not None:
            return Redemption("already", offer, shown.content, before)
        place = {name: getattr(shown, name) for name in _PLACE}
        self._store.append(OfferTaken(**place, at=at, id=event))
        self._recent[event] = at
        while len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        self._director.offer_was_taken(shown.decision)
        note(self._audit, by, "redeemed", content=shown.content, taken=at.isoformat(timespec="seconds"))
        return Redemption("taken", offer, shown.content, at)

    def _impression(self, day: date, mark: int, number: int) -> Any:
        """Return the impression of a code."""
        begin = datetime.combine(day, datetime.min.time(), self._zone).astimezone(UTC)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), self._zone).astimezone(UTC)
        query = sa.select(EVENTS).where(
            EVENTS.c.kind == "impression_started",
            EVENTS.c.at.between(microseconds(begin), microseconds(end)),
            EVENTS.c.impression.op("&")(number_of(-1)) == number,
        )
        self._store.flush(1.0)  # what has just come on the screen
        with self._store.engine.connect() as connection:
            return next((row for row in connection.execute(query) if mark_of(row.content) == mark), None)

    def _written(self, stand: str, event: int) -> datetime | None:
        query = sa.select(EVENTS.c.at).where(EVENTS.c.stand == stand, EVENTS.c.id == event)
        with self._store.engine.connect() as connection:
            at = connection.execute(query).scalar()
        return None if at is None else utc(at)

    def _was_right(self, text: str, at: datetime) -> bool:
        """Tell whether an expired code was valid within the last month."""
        code = read_code(text)
        days = (self._day(at) - timedelta(days=back) for back in range(32))
        day = next((day for day in days if code and day.toordinal() % 32 == code.day), None)
        return code is not None and day is not None and is_right(code, day_key(self._key, day))

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    @property
    def _catalogue(self) -> Catalogue:
        return self._director.policy.catalogue
