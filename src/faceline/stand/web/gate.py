"""What stands before the pages: whose requests are taken, and how long one may take to be sent."""

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
"""In which a request has to arrive whole; browsers need a fraction of a second."""

UPLOAD_SECONDS: Final = 300.0
"""In which a film has to arrive whole."""

UPLOAD: Final = "/operator/contents/upload"
"""Address that takes pictures and films."""


def host_name(host: str | None) -> str | None:
    """The name in a ``Host`` header without its port, in small letters; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname if host else None
    except ValueError:
        return None


def is_allowed(host: str | None, allowed: Collection[str] | None) -> bool:
    """Whether a stand answers to a ``Host``.

    A page of another site can only make a browser ask for a stand under a name of its own (DNS rebinding), never under
    the stand's address, so addresses are always taken.

    Args:
        host: The header.
        allowed: Names; None: all.
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
    """Takes requests to this stand only, and answers HEAD as GET without its body.

    Args:
        app: What answers.
        hosts: Names that the stand is reached by; None: any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
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
    """HTTP/1.1 that closes a connection whose request does not arrive whole in time."""

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
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
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
