"""Builds the parts of a fleet from its settings, and its web application."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.board import LATEST_MS, SLOWEST
from faceline.stand.content.catalogue import DEMO, read_catalogue, time_zone
from faceline.stand.content.desk import Desk, copy_demo
from faceline.stand.database import add_tables, open_database
from faceline.stand.fleet import api, pages, release_pages
from faceline.stand.fleet.alerts import Alerts
from faceline.stand.fleet.conditions import Limits
from faceline.stand.fleet.messenger import Messenger, Way, mail, webhook
from faceline.stand.fleet.releases import Releases
from faceline.stand.fleet.rollouts import Rollouts
from faceline.stand.fleet.roster import FIRST_GROUP, Roster
from faceline.stand.fleet.services import HERE, FleetServices
from faceline.stand.fleet.signing import SigningKey
from faceline.stand.fleet.tables import FLEET, HOURS
from faceline.stand.fleet.watch import Watch
from faceline.stand.folders import alone_in, make_folder
from faceline.stand.live.webhooks import Webhook, Webhooks
from faceline.stand.web import advertiser, campaign_pages, contents, login, media_pages, week_page
from faceline.stand.web.access import Secrets
from faceline.stand.web.app import guarded_app
from faceline.stand.web.campaigns import note_catalogue
from faceline.stand.web.figures import Figures
from faceline.stand.words import _, number

if TYPE_CHECKING:
    from faceline.stand.settings import FleetSettings

_ALERTS: Final = "alerts"
"""Name of the webhook."""

_MOST_EVENTS: Final = 20_000_000
"""Largest number of events that a page reads; it takes about a minute, once in ten minutes."""


def create_fleet_app(services: FleetServices) -> FastAPI:
    """Create the application of a fleet: pages for people and an interface for stands."""
    parts = login, pages, release_pages, contents, media_pages, campaign_pages, week_page, advertiser, api
    app = guarded_app("faceline fleet", services, [part.router for part in parts])
    app.mount("/fleet-static", StaticFiles(directory=HERE / "static"), name="fleet-static")
    return app


@contextmanager
def build_fleet(settings: "FleetSettings") -> Iterator[tuple[FleetServices, str | None]]:
    """Build the parts of a fleet. Also gives the token of the first group if that is new, else None."""
    folder = Path(settings.folder)
    make_folder(folder, "folder")
    with ExitStack() as stack:
        stack.enter_context(alone_in(folder, "fleet"))
        roster = open_roster(folder, settings.store)
        stack.callback(roster.engine.dispose)
        token = None if roster.groups else roster.new_group(FIRST_GROUP)
        desk = open_desk(folder, settings.allowed_pages)
        stack.callback(desk.films.close)
        note_catalogue(folder, desk.file)
        releases = open_releases(folder, roster)
        rollouts = Rollouts(roster, timedelta(minutes=settings.stage_minutes), timedelta(seconds=settings.silent_after))
        services = FleetServices(
            settings.name, desk.file.parent, Secrets(folder / "access.json", first=("operator",)), desk, roster,
            releases.key, releases, rollouts, _watch(settings, roster, rollouts), open_figures(settings, roster, desk),
            zone=time_zone(settings.zone), every=settings.every,
            secure=settings.certificate is not None,
            hosts=("localhost", socket.gethostname().lower(), settings.host.lower(), *settings.allowed_hosts),
        )  # fmt: skip
        yield services, token


def _watch(settings: "FleetSettings", roster: Roster, rollouts: Rollouts) -> Watch:
    """Create the watch over the stands, not started yet."""
    ways = _ways(settings)
    seconds = {name: timedelta(seconds=getattr(settings, name)) for name in ("raise_after", "clear_after")}
    alerts = Alerts(roster, seconds["raise_after"], seconds["clear_after"], tuple(ways))
    limits = Limits(
        timedelta(seconds=settings.silent_after),
        SLOWEST if settings.least_frames is None else settings.least_frames, settings.most_delay_ms or LATEST_MS,
        timedelta(seconds=settings.most_clock_error), settings.least_disk,
    )  # fmt: skip
    return Watch(roster, limits, alerts, rollouts, Messenger(alerts, ways), settings.keep_days)


def _ways(settings: "FleetSettings") -> dict[str, Way]:
    """Create the ways on which alerts are sent."""
    ways: dict[str, Way] = {}
    if settings.webhook is not None:
        ways["webhook"] = webhook(
            settings.name, _signed_hook(Path(settings.folder), settings.webhook), settings.language
        )
    if settings.mail:
        for key in ("mail_from", "mail_server"):
            if getattr(settings, key) is None:
                raise InputError("missing; mail needs it", column=key)
        sender, server = str(settings.mail_from), str(settings.mail_server)
        ways["mail"] = mail(settings.name, settings.mail, sender, server, settings.language)
    return ways


def _signed_hook(folder: Path, address: str) -> Webhook:
    """Return the webhook of the alerts; a new address gets a new secret."""
    hooks = Webhooks(folder)
    known = {hook.name: hook for hook in hooks.all}
    if _ALERTS not in known or known[_ALERTS].url != address:
        if _ALERTS in known:
            hooks.remove(_ALERTS, by="fleet")
        hooks.add(_ALERTS, address, (), names=False, by="fleet")
    return {hook.name: hook for hook in hooks.all}[_ALERTS]


def open_roster(folder: Path, store: str | None) -> Roster:
    """Open the list of stands in the fleet's database."""
    engine = open_database(store or f"sqlite:///{folder / 'events.db'}")
    add_tables(engine, FLEET)
    return Roster(engine)


def open_figures(settings: "FleetSettings", roster: Roster, desk: Desk) -> Callable[..., dict[str, Any]]:
    """Return what reads the figures of all stands; it refuses more events than a page can wait for."""
    store = roster.engine.url.render_as_string(hide_password=False)
    told = Figures(
        store, settings.smallest_group, settings.zone, lambda: read_catalogue(desk.file, desk.pages),
        settings.greeting_rate, settings.stranger_rate,
    )  # fmt: skip

    def figures(*asked: Any) -> dict[str, Any]:
        with roster.engine.connect() as connection:
            events = int(connection.scalar(sa.select(sa.func.sum(HOURS.c.events))) or 0)
        if events > _MOST_EVENTS:
            why = _(
                "%(count)s events are too many for a page; ask whoever runs the fleet for a report.",
                count=number(events),
            )
            raise HTTPException(409, why)
        return told(*asked)

    return figures


def open_releases(folder: Path, roster: Roster) -> Releases:
    """Open the releases of a fleet and the key that signs them."""
    return Releases(roster, SigningKey(folder / "signing.pem"), folder / "files")


def open_desk(folder: Path, pages: list[str]) -> Desk:
    """Open the editor of the fleet's catalogue; a new fleet starts with that of the demo."""
    file = folder / "contents" / DEMO.name
    if not file.exists():
        copy_demo(file)
    return Desk(file, pages)
