"""Guards the pages: whose requests are accepted, and how long a request may take."""

import asyncio
import ipaddress
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

import h11
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 15.0
"""Seconds in which a whole request has to arrive; browsers need a fraction of a second."""

UPLOAD_SECONDS: Final = 1800.0
"""Seconds in which a whole film has to arrive."""

UPLOAD: Final = "/operator/contents/upload"
"""Address that accepts pictures and films."""


def host_name(host: str | None) -> str | None:
    """Return the name in a ``Host`` header in lower case without its port; None for an invalid one."""
    try:
        return urlsplit(f"//{host}").hostname if host else None
    except ValueError:
        return None


def is_allowed(host: str | None, allowed: Collection[str] | None) -> bool:
    """Tell whether a stand answers requests for a ``Host``.

    A page of another site can only make a browser ask under that site's own name (DNS rebinding), never under the
    stand's address. So addresses are always accepted.

    Args:
        host: The header.
        allowed: Allowed names; None allows all.
    """
    name = host_name(host)
    if name is None:
        return False
    if allowed is None or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Gate:
    """Accepts requests to this stand only, and answers HEAD like GET without its body.

    Args:
        app: Application that answers.
        hosts: Names of the stand; None allows any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not is_allowed(hosts[0].decode("latin-1"), self.hosts):
            refusal = PlainTextResponse("This stand is not known by that name; see allowed_hosts.", status_code=400)
            await (refusal(scope, receive, send) if scope["type"] == "http" else send({"type": "websocket.close"}))
        elif scope.get("method") == "HEAD":
            await self.app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self.app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def answer(message: Any) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return answer


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose request does not arrive in time."""

    _deadline: asyncio.TimerHandle | None = None
    _longer = False

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        upgraded = self.transport.get_protocol() is not self  # a request of a WebSocket has arrived whole
        if upgraded or self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)
            self._longer = False
        elif not self._longer and self._uploads():
            self._longer = True
            self._deadline.cancel()
            self._deadline = self.loop.call_later(UPLOAD_SECONDS, self._give_up)

    def _uploads(self) -> bool:
        return self.conn.their_state is h11.SEND_BODY and self.scope is not None and self.scope["path"] == UPLOAD

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing():
            self.transport.close()
