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
from faceline.stand.sentences import retold
from faceline.stand.words import _, number, speaking

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


def webhook(fleet: str, hook: webhooks.Webhook, language: str) -> Way:
    """Create a way that posts messages to an address as JSON, with the sentences in a language."""

    def post(messages: Sequence[Message]) -> None:
        first, last = messages[0], messages[-1]
        with speaking(language):
            body = json.dumps({"fleet": fleet, "alerts": [_plain(each) for each in messages]}).encode()
        name = f"{first.at:%Y%m%d%H%M%S}-{first.number}-{last.number}"  # the same when the same is sent again
        status = webhooks.post(hook.url, body, webhooks.signed(hook.secret, name, int(time.time()), body))
        if not 200 <= status < 300:
            raise ConnectionError(f"HTTP {status}")

    return post


def mail(fleet: str, to: Sequence[str], sender: str, server: str, language: str) -> Way:
    """Create a way that mails messages in a language, all waiting ones in one mail."""

    def post(messages: Sequence[Message]) -> None:
        with speaking(language):
            first, more = messages[0], len(messages) - 1
            subject = f"{fleet}: {first.stand}: {_(first.kind)} {_(first.state)}"
            if more:
                subject = _("%(first)s, and %(count)s more", first=subject, count=number(more))
            lines = [
                f"{each.at:%Y-%m-%d %H:%M} UTC  {each.stand}: {_(each.state)}: {retold(each.told)}" for each in messages
            ]
        send(letter(sender, to, subject, "\n".join(lines) + "\n", []), server)

    return post


def _plain(message: Message) -> dict[str, Any]:
    return {
        "id": message.number, "at": message.at.isoformat(), "stand": message.stand, "kind": message.kind,
        "state": message.state, "told": retold(message.told),
    }  # fmt: skip
