"""A thread of the stand that reports to its fleet, sends events and takes what is published.

The stand works without it. While the fleet is away, events wait in the stand's own store and contents stay.
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.clock import now
from faceline.stand.fleet.caller import AwayError, Caller
from faceline.stand.fleet.courier import Courier
from faceline.stand.fleet.installing import Contents
from faceline.stand.fleet.protocol import Batch, Joined, Joining, Orders, Report
from faceline.stand.sentences import Sentence

_EVERY: Final = 20.0
_LONGEST: Final = 60.0
"""Longest pause, in seconds, between two tries to reach a fleet that is away."""
_COMPARE: Final = 3600.0
_AWAY: Final = Sentence.FLEET_AWAY.partition("%")[0]

log = logging.getLogger("faceline.stand")


class _Days(BaseModel):
    days: dict[int, int]


class _New(BaseModel):
    new: int


class Home:
    """The connection of a stand to its fleet.

    Args:
        address: Address of the fleet.
        token: Token of a group, or None if the stand has joined before.
        stand: Name of the stand.
        folder: Folder for the secret and the mark of sent events.
        report: Makes a health report.
        engine: Returns the database of events.
        contents: Installs what the fleet publishes.
        steady: Returns the seconds of a steady clock.
        clock: Returns the time.
        ca: Certificate file to trust, as in `Caller`.

    Raises:
        InputError: There is neither a token nor a secret, or the address is refused.
    """

    def __init__(
        self,
        address: str,
        token: str | None,
        stand: str,
        folder: Path,
        report: Callable[..., Report],
        engine: Callable[[], sa.Engine],
        contents: Contents,
        steady: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = lambda: now().utc,
        ca: str | None = None,
    ) -> None:
        self.caller, self.stand, self.contents = Caller(address, ca), stand, contents
        self._token, self._file, self._report, self._steady = token, folder / "joined.json", report, steady
        self._every, self._compared = _EVERY, -_COMPARE
        self._away: str | None = None
        self._refused: str | None = None
        joined = self._joined()
        if joined is None and token is None:
            raise InputError("missing; give the token of a group, which the fleet's page shows", column="fleet_token")
        sent = folder / "sent.json"
        if joined is None:
            sent.unlink(missing_ok=True)  # it is of another fleet
        else:
            self._use(joined)
        self.courier = Courier(engine, stand, self._send, self._there, sent, clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def problem(self) -> str | None:
        """Return what an operator should know about the connection; None if all is well."""
        if self._away is not None:
            return Sentence.FLEET_AWAY(why=self._away)
        return self._refused or self.contents.problem

    def call(self) -> float:
        """Call once and return the seconds until the next call."""
        try:
            self._join()
            more = self._talk()
        except AwayError as error:
            self._away, self._every = first_line(error), min(2 * self._every, _LONGEST)
            return self._every * random.uniform(0.8, 1.2)  # a chain must not call all at once
        except InputError as error:
            self._away, self._refused = None, Sentence.FLEET_REFUSES(why=error.told)
            return _LONGEST
        self._away = self._refused = None
        return 0.0 if more else self._every

    def _talk(self) -> bool:
        """Report, take orders and send events; True if more events should go at once."""
        unsent, since = self.courier.waiting()
        report = self._report(
            unsent=unsent, unsent_since=since, release=self.contents.release, refused=self.contents.refused,
            software=self.contents.software,
        )  # fmt: skip
        told = tuple(each for each in report.warnings if not each.startswith(_AWAY))  # it is not away any more
        report = report.model_copy(update={"warnings": told})
        orders = self.caller.ask("report", report, Orders)
        self._every = orders.every
        self.contents.follow(orders, self.caller)
        more = not self.courier.carry()
        if not more and self._steady() - self._compared >= _COMPARE:
            self.courier.compare()
            self._compared = self._steady()
        return more

    def _join(self) -> None:
        if self.caller.secret:
            return
        joined = self.caller.ask("join", Joining(name=self.stand, token=self._token or ""), Joined)
        kept = {"fleet": self.caller.address, "stand": self.stand, **joined.model_dump()}
        with write_whole(self._file, 0o600) as partial:
            partial.write_text(json.dumps(kept), encoding="utf-8")
        self._use(joined)
        log.warning("the stand %s belongs to the group %s of %s", self.stand, joined.group, self.caller.address)

    def _joined(self) -> Joined | None:
        """Return the stored answer to joining; None if the stand has not joined this fleet under this name."""
        try:
            kept: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
            joined = Joined.model_validate(kept)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise InputError(
                f"cannot be read ({first_line(error)}); remove it to join again", file=self._file
            ) from None
        return joined if (kept.get("fleet"), kept.get("stand")) == (self.caller.address, self.stand) else None

    def _use(self, joined: Joined) -> None:
        self.caller.secret = joined.secret
        self.contents.public_key = joined.public_key

    def _send(self, batch: Batch) -> None:
        self.caller.ask("events", batch, _New)

    def _there(self) -> dict[int, int]:
        return self.caller.ask("days", None, _Days).days

    def _run(self) -> None:
        wait = random.uniform(0.0, 2.0)
        while not self._stop.wait(wait):
            try:
                wait = self.call()
            except Exception as error:  # the line must live on, whatever it was
                self._away = first_line(error)
                log.exception("the line to the fleet goes on after a fault")
                wait = _LONGEST
