"""Sends alerts by webhook and by mail; a message that does not arrive is sent again, in order."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from faceline.errors import first_line
from faceline.stand.fleet.alerts import Alerts, Message
from faceline.stand.live import webhooks
from faceline.stand.mail import letter, send

_AGAIN: Final = 4
"""Number of turns to skip after a failure."""

Way = Callable[[Sequence[Message]], None]

log = logging.getLogger("faceline.fleet")


class Messenger:
    """Sends messages.

    Args:
        alerts: The alerts that keep waiting messages.
        ways: Functions that send, by name; each raises if a message did not arrive.

    Attributes:
        problems: Ways that do not work, and why.
    """

    def __init__(self, alerts: Alerts, ways: Mapping[str, Way]) -> None:
        self._alerts, self._ways = alerts, ways
        self.problems: dict[str, str] = {}
        self._left_out: dict[str, int] = {}

    def tick(self) -> None:
        """Send all waiting messages."""
        for name, way in self._ways.items():
            if self._left_out.get(name, 0):
                self._left_out[name] -= 1
                continue
            waiting = self._alerts.waiting(name)
            if not waiting:
                continue
            try:
                way(waiting)
            except Exception as error:  # whatever it was, the next turn comes
                told = first_line(error)
                if self.problems.get(name) != told:
                    log.warning("alerts do not arrive by %s: %s", name, told)
                self.problems[name], self._left_out[name] = told, _AGAIN
                continue
            self.problems.pop(name, None)
            self._alerts.sent(name, waiting)


def webhook(fleet: str, hook: webhooks.Webhook) -> Way:
    """Create a way that posts messages to an address as JSON."""

    def post(messages: Sequence[Message]) -> None:
        first, last = messages[0], messages[-1]
        body = json.dumps({"fleet": fleet, "alerts": [_plain(each) for each in messages]}).encode()
        number = f"{first.at:%Y%m%d%H%M%S}-{first.number}-{last.number}"  # the same when the same is sent again
        status = webhooks.post(hook.url, body, webhooks.signed(hook.secret, number, int(time.time()), body))
        if not 200 <= status < 300:
            raise ConnectionError(f"HTTP {status}")

    return post


def mail(fleet: str, to: Sequence[str], sender: str, server: str) -> Way:
    """Create a way that mails messages, all waiting ones in one mail."""

    def post(messages: Sequence[Message]) -> None:
        first = messages[0]
        more = f", and {len(messages) - 1} more" if len(messages) > 1 else ""
        subject = f"{fleet}: {first.stand}: {first.kind} {first.state}{more}"
        lines = [f"{each.at:%Y-%m-%d %H:%M} UTC  {each.stand}: {each.state}: {each.told}" for each in messages]
        send(letter(sender, to, subject, "\n".join(lines) + "\n", []), server)

    return post


def _plain(message: Message) -> dict[str, Any]:
    return {
        "id": message.number, "at": message.at.isoformat(), "stand": message.stand, "kind": message.kind,
        "state": message.state, "told": message.told,
    }  # fmt: skip
