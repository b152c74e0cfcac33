"""``faceline benchmark fleet``: requests a second, memory and delays of one server that many stands call.

Each request is a connection of its own, as stands make them. The server is a process of its own. It is killed while the
stands call, and in the end its database holds every event that a stand had, once.
"""

import asyncio
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil
import sqlalchemy as sa

from faceline.benchmarks.measure import print_table, publish
from faceline.benchmarks.serving import free_port, start
from faceline.stand.database import EVENTS, microseconds
from faceline.stand.events.event import VisitorAppeared
from faceline.stand.fleet.app import open_roster
from faceline.stand.fleet.protocol import Batch, Joined, Joining, Report
from faceline.stand.fleet.tables import HOURS

if TYPE_CHECKING:
    from faceline.stand.settings import BenchmarkFleet

_DOWN: Final = 3.0  # seconds between the kill and the new start
_AGAIN: Final = 1.0
_COLUMNS: Final = ("id", "kind", "at", "session", "arm", "visit")


class _NoAnswerError(RuntimeError):
    """The server is away, or breaks the connection."""


@dataclass
class _Line:
    """Sends requests and records how they went.

    Attributes:
        port: Port of the server.
        delays: Seconds of each answered request.
        away: Number of unanswered requests.
    """

    port: int
    delays: list[float] = field(default_factory=list)
    away: int = 0

    async def ask(self, path: str, body: str, secret: str = "") -> bytes:
        """Send one request and return the body of the answer."""
        began = time.perf_counter()
        try:
            answer = await self._exchange(path, body.encode(), secret)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.away += 1
            raise _NoAnswerError(str(error)) from None
        head, _, told = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            self.away += 1
            raise _NoAnswerError(head.partition(b"\r\n")[0].decode())
        self.delays.append(time.perf_counter() - began)
        return told

    async def _exchange(self, path: str, body: bytes, secret: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = (
                f"POST /fleet/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Authorization: Bearer {secret}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            return await reader.read()
        finally:
            writer.close()


@dataclass
class _Stand:
    """A simulated stand.

    Attributes:
        name: Name of the stand.
        secret: Secret that the fleet gave it.
        made: Events that it has made.
        pending: Events that have not arrived.
    """

    name: str
    secret: str = ""
    made: int = 0
    pending: list[tuple[Any, ...]] = field(default_factory=list)

    def live(self, events: int) -> None:
        """Make the events of some visitors."""
        at = microseconds(datetime.now(UTC))
        kind = VisitorAppeared.kind
        self.pending += [(secrets.randbits(63), kind, at, secrets.randbits(63), "adaptive", 1) for _ in range(events)]
        self.made += events

    async def report(self, line: _Line) -> None:
        """Send a health report."""
        told = Report(
            at=datetime.now(UTC), version="0.1.0", frames_per_second=25.0, latency_ms=31.0, camera=True,
            content="Cold brew", unsent=len(self.pending),
        )  # fmt: skip
        await line.ask("report", told.model_dump_json(), self.secret)

    async def send(self, line: _Line) -> None:
        """Send the waiting events."""
        rows = tuple(self.pending[:500])
        await line.ask("events", Batch(columns=_COLUMNS, rows=rows).model_dump_json(), self.secret)
        del self.pending[: len(rows)]


def main(settings: "BenchmarkFleet") -> None:
    """Measure, print a table, write JSON."""
    with tempfile.TemporaryDirectory(prefix="faceline-fleet-") as name:
        folder = Path(name)
        with _server(settings, folder) as server:
            report = asyncio.run(_measure(settings, server))
        report |= _kept(settings, folder, report.pop("stands_made"))
    print_table(
        f"{settings.stands:,} stands, a report every {settings.every:g} s",
        [{"": key.replace("_", " "), "measured": value} for key, value in report.items()],
    )
    command = f"faceline benchmark fleet stands={settings.stands} seconds={settings.seconds:g}"
    publish(
        "fleet",
        {"command": command, "settings": settings.model_dump(exclude={"config"}), **report},
        Path(settings.output),
    )


class _Server:
    """The fleet in a process that can be killed and started again."""

    def __init__(self, settings: "BenchmarkFleet", folder: Path) -> None:
        self._words = [
            f"folder={folder}", f"every={settings.every}", f"store={settings.store or 'null'}", f"port={free_port()}"
        ]  # fmt: skip
        self.port = int(self._words[-1].removeprefix("port="))
        self.token = self._start().partition("fleet_token=")[2].split()[0]

    def again(self) -> float:
        """Start it again and return the seconds until it answered."""
        began = time.monotonic()
        self._start()
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill it, as a power failure does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _start(self) -> str:
        self.process, told = start(["fleet", *self._words])
        self.usage = psutil.Process(self.process.pid)
        _await_port(self.port)
        return told


@contextmanager
def _server(settings: "BenchmarkFleet", folder: Path) -> Iterator[_Server]:
    server = _Server(settings, folder)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(timeout=30)


async def _measure(settings: "BenchmarkFleet", server: _Server) -> dict[str, Any]:
    stands = [_Stand(f"stand-{number:04}") for number in range(settings.stands)]
    print(f"{settings.stands:,} stands join …")
    joining, began = _Line(server.port), time.monotonic()
    await _crowd(stands, settings.lines, lambda each: _join(each, joining, server.token))
    joined = settings.stands / (time.monotonic() - began)
    print(f"{settings.seconds:g} s at their pace, then {settings.burst_seconds:g} s as fast as it goes …")
    pace = await _at_pace(settings, server, stands)
    burst = await _burst(settings, server, stands)
    memory = server.usage.memory_info().rss / 1e6
    print(f"{settings.seconds:g} s more at their pace, killed in the middle …")
    killed = await _killed(settings, server, stands)
    return {
        "joins_a_second": joined, **pace, **burst, "memory_mb": memory, **killed,
        "stands_made": {each.name: each.made for each in stands},
    }  # fmt: skip


async def _at_pace(settings: "BenchmarkFleet", server: _Server, stands: list[_Stand]) -> dict[str, Any]:
    line, before, began = _Line(server.port), server.usage.cpu_times(), time.monotonic()
    await asyncio.gather(*(_live(settings, each, line, place) for place, each in enumerate(stands)))
    elapsed, after = time.monotonic() - began, server.usage.cpu_times()
    busy = (after.user + after.system - before.user - before.system) / elapsed
    return {
        "requests_a_second_at_their_pace": len(line.delays) / elapsed, "cores_busy_at_their_pace": busy,
        **_delays(line, "at_their_pace"), "not_answered_at_their_pace": line.away,
    }  # fmt: skip


async def _burst(settings: "BenchmarkFleet", server: _Server, stands: list[_Stand]) -> dict[str, Any]:
    line, end, began = _Line(server.port), time.monotonic() + settings.burst_seconds, time.monotonic()
    events = _events(settings)

    async def both(stand: _Stand) -> None:
        while time.monotonic() < end:
            stand.live(events)
            await stand.report(line)
            await stand.send(line)

    await asyncio.gather(*(both(each) for each in stands[: settings.lines]))
    elapsed = time.monotonic() - began
    return {"requests_a_second_in_a_burst": len(line.delays) / elapsed, **_delays(line, "in_a_burst")}


async def _killed(settings: "BenchmarkFleet", server: _Server, stands: list[_Stand]) -> dict[str, Any]:
    line, back = _Line(server.port), 0.0

    async def fall() -> None:
        nonlocal back
        await asyncio.sleep(settings.seconds / 2)
        server.kill()
        await asyncio.sleep(_DOWN)
        back = await asyncio.to_thread(server.again)

    await asyncio.gather(fall(), *(_live(settings, each, line, place) for place, each in enumerate(stands)))
    while any(each.pending for each in stands):
        waiting = [each for each in stands if each.pending]
        await _crowd(waiting, settings.lines, lambda each: each.send(line))
    return {"seconds_to_be_back": back, "requests_while_it_was_away": line.away}


async def _live(settings: "BenchmarkFleet", stand: _Stand, line: _Line, place: int) -> None:
    """A stand reports and hands over events at its pace; what does not arrive it sends again."""
    began = time.monotonic()
    due = began + settings.every * (place / settings.stands)
    while due < began + settings.seconds:
        await asyncio.sleep(max(due - time.monotonic(), 0.0))
        stand.live(_events(settings))
        due += settings.every
        with suppress(_NoAnswerError):
            await stand.report(line)
            await stand.send(line)


async def _join(stand: _Stand, line: _Line, token: str) -> None:
    told = await line.ask("join", Joining(name=stand.name, token=token).model_dump_json())
    stand.secret = Joined.model_validate_json(told).secret


async def _crowd(stands: list[_Stand], lines: int, act: Callable[[_Stand], Awaitable[None]]) -> None:
    """Let all stands do something, some at a time; one that is not answered tries again."""
    turns = iter(stands)

    async def queue() -> None:
        for stand in turns:
            while True:
                try:
                    await act(stand)
                    break
                except _NoAnswerError:
                    await asyncio.sleep(_AGAIN)

    await asyncio.gather(*(queue() for _ in range(lines)))


def _kept(settings: "BenchmarkFleet", folder: Path, made: dict[str, int]) -> dict[str, Any]:
    """Compare the events in the database with those that the stands made."""
    engine = open_roster(folder, settings.store).engine
    with engine.connect() as connection:
        rows = connection.execute(sa.select(EVENTS.c.stand, sa.func.count()).group_by(EVENTS.c.stand))
        kept = {stand: int(count) for stand, count in rows}
        counted = int(connection.scalar(sa.select(sa.func.sum(HOURS.c.events))) or 0)
    engine.dispose()
    lost = sum(max(count - kept.get(name, 0), 0) for name, count in made.items())
    doubled = sum(max(kept.get(name, 0) - count, 0) for name, count in made.items())
    return {"events": sum(made.values()), "events_lost": lost, "events_doubled": doubled, "events_counted": counted}


def _events(settings: "BenchmarkFleet") -> int:
    """Return the number of events that a stand makes between two reports."""
    return max(round(settings.events_a_day * settings.every / 86_400), 1)


def _delays(line: _Line, when: str) -> dict[str, float]:
    shares = np.percentile(line.delays, (50, 95, 99)) * 1000
    return {f"p{share}_ms_{when}": float(value) for share, value in zip((50, 95, 99), shares, strict=True)}


def _await_port(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)
