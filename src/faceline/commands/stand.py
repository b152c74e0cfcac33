"""``faceline stand``: one process that sees who is before the screen, chooses contents, and serves its pages."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import cv2

from faceline.stand.assembly import build
from faceline.stand.web.app import create_app
from faceline.stand.web.services import Services
from faceline.stand.web.serving import check_certificate, listening, serve, server_of, signals_end
from faceline.threads import usable_threads

if TYPE_CHECKING:
    from faceline.stand.settings import Stand

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def main(settings: "Stand") -> None:
    """Run until told to stop, by Ctrl-C or by the service manager."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    cv2.setNumThreads(usable_threads(settings.threads))
    check_certificate(settings)
    with listening(settings) as address, build(settings) as (loop, services):
        server = server_of(create_app(services), settings)
        with signals_end(server):
            print(_welcome(settings, services), flush=True)
            loop.start()
            asyncio.run(serve(server, address, settings.seconds))
    print("the stand has ended; what was pending is written")


def _welcome(settings: "Stand", services: Services) -> str:
    """Return where the pages are, and who is not recognised; passwords and token only in the run that made them."""
    scheme = "https" if settings.certificate else "http"
    at = f"{scheme}://{settings.host}:{settings.port}"
    secrets, lines = services.secrets, [f"stand {settings.name} at {at}"]
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
            f"  this is shown only once: {secrets.file} keeps only hashes",
        ]
    if settings.host not in _LOOPBACK:
        lines.append("  the pages can be reached from other machines; give certificate= and certificate_key= for TLS")
    if services.enrolment is not None and services.enrolment.problem is not None:
        lines += [f"  {told}" for told in services.enrolment.problem.splitlines()]
    lines.append("  stop with Ctrl-C")
    return "\n".join(lines)
