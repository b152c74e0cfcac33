"""A fleet that is served in this process, and stands that call it when the test says so."""

import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn

from faceline.config.plain import read_settings
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.database import EVENTS, microseconds, open_database
from faceline.stand.events.event import VisitorAppeared
from faceline.stand.events.store import insert_once
from faceline.stand.fleet.app import build_fleet, create_fleet_app
from faceline.stand.fleet.home import Home
from faceline.stand.fleet.installing import Contents
from faceline.stand.fleet.manifest import CATALOGUE
from faceline.stand.fleet.protocol import Report
from faceline.stand.settings import SETTINGS
from faceline.stand.web.serving import listening


class Fleet:
    """A fleet in a folder, which can be killed and started again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        words = [f"folder={folder}", *(f"{key}={value}" for key, value in settings.items())]
        self.settings = read_settings("fleet", words, SETTINGS["fleet"]).model_copy(update={"port": 0})
        self.token: str | None = None
        self.ahead = timedelta(0)
        self.port = 0
        self.start()

    def start(self) -> None:
        self.stack = ExitStack()
        settings = self.settings.model_copy(update={"port": self.port})
        address = self.stack.enter_context(listening(settings))
        self.port = address.getsockname()[1]
        self.services, token = self.stack.enter_context(build_fleet(settings))
        self.services.roster.clock = self.now
        self.token = token or self.token
        config = uvicorn.Config(
            create_fleet_app(self.services), log_level="error", lifespan="off",
            ssl_certfile=settings.certificate, ssl_keyfile=settings.certificate_key,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([address],), daemon=True)
        self.thread.start()
        end = time.monotonic() + 10
        while not self.server.started and time.monotonic() < end:
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.force_exit = self.server.should_exit = True
        self.thread.join(timeout=10)
        self.stack.close()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @property
    def address(self) -> str:
        return f"{'https' if self.settings.certificate else 'http'}://127.0.0.1:{self.port}"

    def events(self, stand: str) -> list[int]:
        with self.services.roster.engine.connect() as connection:
            return sorted(connection.scalars(sa.select(EVENTS.c.id).where(EVENTS.c.stand == stand)))


class Stand:
    """What a stand has of its line to the fleet: events in a store, contents in a folder, a report that can be set."""

    def __init__(self, fleet: Fleet, folder: Path, name: str, catalogue: Path, **more: str | None) -> None:
        self.fleet, self.folder, self.name, self.own, self.ca = fleet, folder, name, catalogue, more.get("ca")
        folder.mkdir(parents=True, exist_ok=True)
        self.engine = open_database(f"sqlite:///{folder / 'events.db'}")
        self.told: dict[str, Any] = {"frames_per_second": 25.0, "latency_ms": 30.0, "camera": True}
        self.used: list[str] = []
        self.restart(more.get("token") or fleet.token)

    def restart(self, token: str | None = None) -> None:
        contents = Contents(self.folder / "releases", lambda release: read_catalogue(release / CATALOGUE) and None)
        contents.use = lambda release: self.used.append(release.resolve().name)
        contents.keep_own(self.own, read_catalogue(self.own).files)
        contents.begin()
        self.home = Home(
            self.fleet.address, token, self.name, self.folder, self.report, lambda: self.engine, contents,
            clock=self.fleet.now, ca=self.ca,
        )  # fmt: skip

    def report(self, **more: Any) -> Report:
        return Report(**{"at": self.fleet.now(), "version": "0.1.0", **more, **self.told})

    def visitors(self, at: datetime, count: int = 1) -> None:
        """Write down that some visitors came."""
        for _ in range(count):
            event = VisitorAppeared(stand=self.name, at=at, session=1, arm="adaptive", visit=7)
            row = {"stand": self.name, "id": event.id, "kind": event.kind, "at": microseconds(at), "visit": 7}
            with self.engine.begin() as connection:
                connection.execute(insert_once(self.engine), [row])

    @property
    def events(self) -> list[int]:
        with self.engine.connect() as connection:
            return sorted(connection.scalars(sa.select(EVENTS.c.id)))

    @property
    def title(self) -> str | None:
        """Of the first content that it shows."""
        return read_catalogue(self.home.contents.current / CATALOGUE).contents[0].title
