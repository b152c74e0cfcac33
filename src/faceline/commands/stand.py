"""``faceline stand``: one process that sees who is before the screen, chooses what they see, and serves its pages."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import uvicorn

from faceline.errors import InputError, first_line
from faceline.stand.assembly import build
from faceline.stand.web.access import Secrets
from faceline.stand.web.app import create_app
from faceline.stand.web.gate import PunctualProtocol
from faceline.threads import usable_threads

if TYPE_CHECKING:
    from faceline.stand.settings import Stand

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def main(settings: "Stand") -> None:
    """Run until told to stop, by Ctrl-C or by whatever started it."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    cv2.setNumThreads(usable_threads(settings.threads))
    _check_certificate(settings)
    with _listening(settings) as address, build(settings) as (loop, services):
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(services),
                log_level="warning",
                access_log=False,  # addresses of visitors are nobody's business, and the first one holds the token
                http=PunctualProtocol,
                ws_max_size=65_536,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.certificate_key,
                timeout_graceful_shutdown=3,
            )
        )
        with _signals_end(server):
            print(_welcome(settings, services.secrets), flush=True)
            loop.start()
            asyncio.run(_serve(server, address, settings.seconds))
    print("the stand has ended; what was pending is written")


def _check_certificate(settings: "Stand") -> None:
    """Refuse files that TLS cannot be made of, which the server would only find once the stand runs."""
    files = {"certificate": settings.certificate, "certificate_key": settings.certificate_key}
    for key, file in files.items():
        if file is not None and not Path(file).is_file():
            raise InputError(f"{file}: no such file", column=key)
    if settings.certificate is None:
        if settings.certificate_key is not None:
            raise InputError("missing; a key is of no use without it", column="certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.certificate, settings.certificate_key, password=""
        )
    except OSError as error:
        raise InputError(
            f"{settings.certificate}: expected a certificate and its key without a password, both PEM "
            f"({first_line(error)})",
            column="certificate",
        ) from None


def _listening(settings: "Stand") -> socket.socket:
    """The address of the pages, taken before anything is made, so that a second stand leaves nothing behind."""
    try:
        family, _, _, _, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"{settings.host}: {error.strerror}", column="host") from None
    try:
        return socket.create_server(place, family=family, backlog=2048)
    except OSError as error:
        told = os.strerror(error.errno) if error.errno else first_line(error)
        raise InputError(
            f"{settings.host}:{settings.port} cannot be used: {told}; is another stand running? Choose another port=",
            column="port",
        ) from None


@contextmanager
def _signals_end(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end the server, and nothing else.

    Uvicorn sends it to the process once more when it has ended: by itself that would end the process before what was
    learned and what is pending are written.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, end) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


async def _serve(server: uvicorn.Server, address: socket.socket, seconds: float | None) -> None:
    """Serve, for good or for some seconds."""
    serving = asyncio.create_task(server.serve([address]))
    if seconds is not None:
        await asyncio.wait({serving}, timeout=seconds)
        server.should_exit = True
    await serving


def _welcome(settings: "Stand", secrets: Secrets) -> str:
    """Where the pages are; passwords and token only in the run that made them."""
    scheme = "https" if settings.certificate else "http"
    at = f"{scheme}://{settings.host}:{settings.port}"
    lines = [f"stand {settings.name} at {at}"]
    if secrets.new is None:
        lines += [
            f"  display    {at}/display (the browser that opened it with its token)",
            f"  operator   {at}/operator",
            f"  advertiser {at}/advertiser",
            "  passwords and token were told when they were made; faceline accounts makes new ones",
        ]
    else:
        lines += [
            f"  display    {at}/display?token={secrets.new.device_token}",
            f"  operator   {at}/operator    name operator, password {secrets.new.passwords['operator']}",
            f"  advertiser {at}/advertiser  name advertiser, password {secrets.new.passwords['advertiser']}",
            f"  this is told once: {secrets.file} keeps only hashes",
        ]
    if settings.host not in _LOOPBACK:
        lines.append("  the pages can be reached from other machines; give certificate= and certificate_key= for TLS")
    lines.append("  stop with Ctrl-C")
    return "\n".join(lines)
