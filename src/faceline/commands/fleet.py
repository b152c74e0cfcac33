"""``faceline fleet``: runs one server for a chain; stands call it, and it never calls them."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from faceline.stand.fleet.app import build_fleet, create_fleet_app
from faceline.stand.live.webhooks import FILE
from faceline.stand.web.serving import check_certificate, listening, serve, server_of, signals_end

if TYPE_CHECKING:
    from faceline.stand.fleet.services import FleetServices
    from faceline.stand.settings import FleetSettings

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def main(settings: "FleetSettings") -> None:
    """Run until told to stop, by Ctrl-C or by the service manager."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    check_certificate(settings)
    with listening(settings) as address, build_fleet(settings) as (fleet, token):
        server = server_of(create_fleet_app(fleet), settings)
        with signals_end(server):
            print(_welcome(settings, fleet, token), flush=True)
            fleet.watch.start()
            asyncio.run(serve(server, address, settings.seconds))
            fleet.watch.close()
    print("the fleet has ended; stands go on without it")


def _welcome(settings: "FleetSettings", fleet: "FleetServices", token: str | None) -> str:
    """Return where the pages are; password and token appear only in the run that created them."""
    at = f"{'https' if settings.certificate else 'http'}://{settings.host}:{settings.port}"
    new, lines = fleet.secrets.new, [f"fleet {settings.name} at {at}"]
    if new is None:
        lines.append(f"  pages  {at}/operator (faceline accounts folder={settings.folder} makes new passwords)")
    else:
        lines.append(f"  pages  {at}/operator    name operator, password {new.passwords['operator']}")
        lines.append(f"  this is shown only once: {fleet.secrets.file} keeps only hashes")
    if token is not None:
        lines.append(f"  stands join with  faceline stand fleet={at} fleet_token={token}")
    if settings.webhook is not None:
        lines.append(f"  alerts go to {settings.webhook}, signed with the secret in {settings.folder}/{FILE}")
    if settings.host not in _LOOPBACK and settings.certificate is None:
        lines.append("  stands call https:// only: give certificate= and certificate_key=, or a proxy that has them")
    lines.append("  stop with Ctrl-C")
    return "\n".join(lines)
