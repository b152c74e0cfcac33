"""Webhooks: posts messages of the live audience to addresses that the owner of the stand has named.

Messages are signed as Standard Webhooks says (https://www.standardwebhooks.com): HMAC with SHA-256 over id, time and
body. Each address has a thread that sends, retries after growing pauses, and counts messages that do not fit meanwhile.
"""

import base64
import hashlib
import hmac
import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from faceline.errors import InputError, first_line
from faceline.stand.kept_file import KeptFile, check_name, note
from faceline.stand.live.feed import KINDS, Feed, Message
from faceline.stand.sentences import Sentence

FILE: Final = "webhooks.json"
"""Name of the file in the folder of a stand."""

AUDIT: Final = "webhooks.audit.jsonl"
"""Name of the audit file beside it."""

_PREFIX: Final = "whsec_"
_TIMEOUT: Final = 10.0
_LONGEST_PAUSE: Final = 300.0
_TOLD_AFTER: Final = 3  # failed tries of a message
_LOOK: Final = 1.0
_LAST_SECONDS: Final = 3.0
_TRY_AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True)
class Webhook:
    """An address that messages are posted to.

    Attributes:
        name: Name of the webhook in warnings and in the audit.
        url: Address to post to.
        kinds: Kinds of messages that it gets.
        names: Whether it gets chosen names and groups.
        secret: Key that signs messages: ``whsec_`` and base64.
    """

    name: str
    url: str
    kinds: tuple[str, ...]
    names: bool
    secret: str


def signed(secret: str, number: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message.

    Args:
        secret: Secret of the webhook.
        number: Number of the message; the same in every retry.
        at: Seconds since 1970.
        body: Body of the message.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": number,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class Webhooks(KeptFile):
    """The webhooks of a stand.

    Args:
        folder: Folder of the stand.

    Raises:
        InputError: The file is damaged, or others may read it.
    """

    purpose = "webhooks ({error}); move it away and add them again"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / FILE)
        self._hooks: dict[str, Webhook] = {}
        if self.file.exists():
            self._state = self._stamp()
            self._read()

    @property
    def all(self) -> list[Webhook]:
        """Return all webhooks by name."""
        self._look_again()
        return sorted(self._hooks.values(), key=lambda hook: hook.name)

    def add(self, name: str, url: str, kinds: Sequence[str], names: bool, *, by: str) -> str:
        """Add a webhook and return its secret, by which the receiver recognises the stand.

        Raises:
            InputError: The name is taken or invalid, or the address is invalid.
        """
        check_name(name)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"expected an address such as https://cms.example/hook, got {url}", column="url")
        secret = _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        with self._changing():
            if name in self._hooks:
                raise InputError(f"{name} is there already; remove it first, or choose another name", column="name")
            self._hooks[name] = Webhook(name, url, tuple(kinds), names, secret)
        self.note(by, "added", name, to=f"{parts.scheme}://{parts.netloc}", kinds=list(kinds), names=names)
        return secret

    def remove(self, name: str, *, by: str) -> None:
        """Remove a webhook.

        Raises:
            InputError: There is no such webhook.
        """
        with self._changing():
            if name not in self._hooks:
                there = ", ".join(sorted(self._hooks)) or "none"
                raise InputError(f"{name}: no such webhook; there are {there}", column="name")
            del self._hooks[name]
        self.note(by, "removed", name)

    def note(self, by: str, action: str, webhook: str, **what: Any) -> None:
        """Add a line to the audit."""
        note(self.file.with_name(AUDIT), by, action, webhook=webhook, **what)

    def _told(self) -> dict[str, Any]:
        return {"webhooks": [asdict(hook) for hook in self._hooks.values()]}

    def _take(self, content: Any) -> None:
        hooks = [Webhook(**{**each, "kinds": tuple(each["kinds"])}) for each in content["webhooks"]]
        if any(set(hook.kinds) - set(KINDS) for hook in hooks):
            raise ValueError("a kind that is none")
        self._hooks = {hook.name: hook for hook in hooks}


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects: what is signed for one address goes to no other."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Post a body and return the status of the answer.

    Raises:
        OSError: Nothing answers.
    """
    request = Request(url, body, {"content-type": "application/json", "user-agent": "faceline", **headers})
    try:
        with build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


class Sender:
    """Posts to one address, one message after the other, in order.

    Args:
        hook: Webhook to post to.
        feed: Feed of the messages.
        send: Function that posts, such as `post`.
        pause: Seconds before the first retry; each further pause is twice as long.
        capacity: Most messages that wait.
    """

    def __init__(
        self,
        hook: Webhook,
        feed: Feed,
        send: Callable[[str, bytes, Mapping[str, str]], int] = post,
        pause: float = 1.0,
        capacity: int = 1_000,
    ) -> None:
        self.hook, self._feed, self._send, self._pause = hook, feed, send, pause
        self.sent = self.refused = 0
        self._tries, self._why = 0, ""
        self._wake, self._stop = threading.Event(), threading.Event()
        self.waiting = feed.listen(self._wake.set, hook.kinds, capacity)
        self._thread = threading.Thread(target=self._run, name=f"webhook-{hook.name}", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Return what an operator should know; None if all is well."""
        told, name = [], self.hook.name
        if self._tries >= _TOLD_AFTER:
            told.append(Sentence.WEBHOOK_AWAY(name=name, count=f"{len(self.waiting):,}", why=self._why))
        if self.waiting.lost:
            told.append(Sentence.WEBHOOK_FULL(name=name, count=f"{self.waiting.lost:,}"))
        if self.refused:
            told.append(Sentence.WEBHOOK_REFUSES(name=name, count=f"{self.refused:,}", why=self._why or "earlier"))
        return "\n".join(told) or None

    def end(self) -> None:
        """Accept no more messages, and begin no new pause."""
        self._feed.leave(self.waiting)
        self._stop.set()
        self._wake.set()

    def join(self, seconds: float) -> int:
        """Wait until it has sent what can be sent; return how many messages are left."""
        self._thread.join(seconds)
        return len(self.waiting)

    def _run(self) -> None:
        while True:
            self._wake.clear()
            first = self.waiting.first()
            if first is None:
                if self._stop.is_set():
                    return
                self._wake.wait()
            elif self._try(*first):
                self.waiting.done()
            elif self._stop.wait(self._next_pause()):
                return

    def _try(self, number: int, message: Message) -> bool:
        """Send a message; True if it needs no retry."""
        told = {"stream": self.waiting.stream, "number": number, **message.told(self.hook.names)}
        body = json.dumps(told).encode()
        headers = signed(self.hook.secret, f"{self.waiting.stream}-{number}", int(time.time()), body)
        try:
            status = self._send(self.hook.url, body, headers)
        except Exception as error:  # whatever it was, the next try may go well
            self._why, self._tries = first_line(getattr(error, "reason", error)), self._tries + 1
            return False
        if 200 <= status < 300:
            self.sent, self._tries = self.sent + 1, 0
            return True
        self._why = f"HTTP {status}"
        if status in _TRY_AGAIN or not 400 <= status < 500:
            self._tries += 1
            return False
        self.refused, self._tries = self.refused + 1, 0
        return True

    def _next_pause(self) -> float:
        pause = min(self._pause * 2.0 ** min(self._tries - 1, 20), _LONGEST_PAUSE)
        return pause * random.uniform(0.75, 1.25)


class WebhookPost:
    """Keeps a sender for each webhook of the file, also when the file changes.

    Args:
        webhooks: Webhooks of the stand.
        feed: Feed of the messages.
    """

    def __init__(self, webhooks: Webhooks, feed: Feed) -> None:
        self._webhooks, self._feed = webhooks, feed
        self.senders: dict[Webhook, Sender] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def problem(self) -> str | None:
        """Return what an operator should know; None if all is well."""
        return "\n".join(told for sender in list(self.senders.values()) if (told := sender.problem)) or None

    def close(self) -> None:
        """Send what can be sent in a few seconds; the audit records how much could not."""
        self._stop.set()
        self._thread.join()
        self._end(list(self.senders))

    def _run(self) -> None:
        while True:
            wanted = self._webhooks.all
            self._end([hook for hook in self.senders if hook not in wanted])
            for hook in wanted:
                if hook not in self.senders:
                    self.senders[hook] = Sender(hook, self._feed)
            if self._stop.wait(_LOOK):
                return

    def _end(self, hooks: Sequence[Webhook]) -> None:
        senders = [self.senders.pop(hook) for hook in hooks]
        for sender in senders:
            sender.end()
        end = time.monotonic() + _LAST_SECONDS
        for sender in senders:
            left = sender.join(max(end - time.monotonic(), 0.0))
            if left or sender.waiting.lost or sender.refused:
                self._webhooks.note(
                    "stand", "ended", sender.hook.name, not_sent=left, lost=sender.waiting.lost, refused=sender.refused
                )
