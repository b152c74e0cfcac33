"""Serves the pages of a stand or a fleet until it is told to stop."""

import asyncio
import errno
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from faceline.errors import InputError, first_line
from faceline.files import why_no_file
from faceline.stand.settings import Served
from faceline.stand.web.gate import PunctualProtocol


def server_of(app: Any, settings: Served) -> uvicorn.Server:
    """Create the server of an application without starting it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # addresses of visitors are nobody's business, and the first one holds the token
            http=PunctualProtocol,
            ws_max_size=65_536,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.certificate_key,
            timeout_graceful_shutdown=3,
        )
    )


def check_certificate(settings: Served) -> None:
    """Refuse unusable TLS files at once, instead of when the stand already runs."""
    files = {"certificate": settings.certificate, "certificate_key": settings.certificate_key}
    for key, file in files.items():
        if file is not None and not Path(file).is_file():
            raise InputError(f"{file}: {why_no_file(Path(file))}", column=key)
    if settings.certificate is None:
        if settings.certificate_key is not None:
            raise InputError("missing; a key needs its certificate", column="certificate")
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


def listening(settings: Served) -> socket.socket:
    """Reserve the address of the pages before anything is created, so that a second stand leaves nothing behind."""
    try:
        family, _, _, _, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"{settings.host}: {error.strerror}", column="host") from None
    try:
        return socket.create_server(place, family=family, backlog=2048)
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            told = f"{settings.host}: is no address of this machine; give one of its own, or 0.0.0.0 for all"
            raise InputError(told, column="host") from None
        told = os.strerror(error.errno) if error.errno else first_line(error)
        raise InputError(
            f"{settings.host}:{settings.port} cannot be used: {told}; is another one running? Choose another port=",
            column="port",
        ) from None


@contextmanager
def signals_end(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end the server and nothing else.

    Uvicorn sends the signal to the process again after its end. That would end the process before its learned and
    pending data are written.
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


async def serve(server: uvicorn.Server, address: socket.socket, seconds: float | None) -> None:
    """Serve for good, or for some seconds."""
    serving = asyncio.create_task(server.serve([address]))
    if seconds is not None:
        await asyncio.wait({serving}, timeout=seconds)
        server.should_exit = True
    await serving
