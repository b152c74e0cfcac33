"""A fleet and real stands for an hour, over TLS on this machine, while the fleet goes away and comes back.

python scripts/fleet_soak.py [--minutes 60] [--stands 3] [--rate 2]

The fleet is killed (SIGKILL) five times and stays away for some minutes, two stands are killed as well. The last 40 %
of the time are quiet. In the end every event of every stand has to be in the fleet once, memory has to be steady, and
no page may have failed. The figures go to docs/results/fleet.json. Stands watch a drawn film of few frames a second.
"""

import argparse
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import psutil
import requests
import sqlalchemy as sa

from faceline.benchmarks.measure import print_table, publish
from faceline.benchmarks.serving import free_port, start
from faceline.stand.assembly import DRAWN
from faceline.stand.camera.demo_visitors import HEIGHT, WIDTH, DemoScene, DemoVisitors
from faceline.stand.database import EVENTS, microseconds, open_database
from faceline.stand.fleet.tables import HOURS

OUTPUT = Path("docs/results/fleet.json")
FLEET_FALLS = (0.10, 0.22, 0.34, 0.46, 0.58)
STAND_FALLS = (0.28, 0.48)  # the second one while the fleet is away
AWAY, STAND_AWAY = 0.035, 0.01
"""Shares of the time."""
QUIET = 0.62
LOOKS = 180
"""At pages and memory, evenly over the time."""
FILM_SECONDS = 90
SETTLED = 30.0
"""Seconds after which an event has arrived, where the fleet is there and stands report every five."""


@dataclass
class Process:
    """A stand or the fleet, which can be killed and started again.

    Attributes:
        name: Name of the stand; "fleet" for the fleet.
        words: Its command.
        address: Address of its pages.
        trusted: The file of the certificate of its pages, where they have one.
    """

    name: str
    words: list[str]
    address: str
    trusted: str | bool = True
    memory: list[tuple[float, float]] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    kills: int = 0
    busy: float = 0.0
    password: str = ""

    def start(self) -> str:
        """Start it; what it tells."""
        self.process, told = start(self.words)
        self.usage = psutil.Process(self.process.pid)
        self.password = next(iter(re.findall(r"name operator, password (\S+)", told)), self.password)
        self.client = self._logged_in()
        return told

    def end(self, how: signal.Signals) -> None:
        """End it, as a power cut or as Ctrl-C does."""
        self.kills += how == signal.SIGKILL
        self._count_time()
        self.process.send_signal(how)
        self.process.communicate(timeout=60)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def look(self, at: float) -> None:
        """Note its memory, and ask for its operator's page."""
        self.memory.append((at, _anonymous(self.process.pid)))
        began = time.monotonic()
        try:
            answer = self.client.get(f"{self.address}/operator", timeout=20)
            if answer.status_code != 200:
                self.failed.append(f"{answer.status_code} after {at:.0f} s")
        except requests.RequestException as error:
            self.failed.append(f"{type(error).__name__} after {at:.0f} s")
        self.answers.append(time.monotonic() - began)

    def _count_time(self) -> None:
        spent = self.usage.cpu_times()
        self.busy += spent.user + spent.system

    def _logged_in(self) -> requests.Session:
        client = requests.Session()
        client.verify, client.trust_env = self.trusted, False
        form = {"name": "operator", "password": self.password}
        for _ in range(100):
            with suppress(requests.ConnectionError):  # it listens a moment later
                answer = client.post(f"{self.address}/login", data=form, timeout=20, allow_redirects=False)
                assert answer.headers.get("location") == "/operator", f"{self.name} lets no operator in"
                return client
            time.sleep(0.1)
        raise SystemExit(f"{self.name} does not answer")


def main() -> None:
    """Run, print a table, write the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=60.0)
    asked.add_argument("--stands", type=int, default=3)
    asked.add_argument("--rate", type=float, default=2.0, help="frames a second of the film")
    given = asked.parse_args()
    with TemporaryDirectory(prefix="faceline-soak-") as folder:
        with _chain(Path(folder), given.stands, given.rate) as (fleet, stands):
            cutoff = _live(fleet, stands, 60 * given.minutes)
        result = _result(Path(folder), fleet, stands, cutoff, 60 * given.minutes)
    print_table(
        f"{given.minutes:g} minutes, {given.stands} stands",
        [{"": key.replace("_", " "), "measured": result[key]} for key in result],
    )
    command = f"python scripts/fleet_soak.py --minutes {given.minutes:g} --stands {given.stands} --rate {given.rate:g}"
    publish("fleet_soak", {"command": command, **result}, OUTPUT)


@contextmanager
def _chain(folder: Path, count: int, rate: float) -> Iterator[tuple[Process, list[Process]]]:
    """A fleet with a certificate of its own, and stands that trust it."""
    film, certificate, key = _film(folder / "hall.avi", rate), folder / "fleet.pem", folder / "fleet.key"
    _certify(certificate, key)
    ports = [free_port() for _ in range(count + 1)]
    at = f"https://localhost:{ports[0]}"
    words = ["fleet", f"folder={folder / 'fleet'}", f"port={ports[0]}", "every=5", "least_frames=1"]
    words += [f"certificate={certificate}", f"certificate_key={key}"]
    fleet = Process("fleet", words, at, str(certificate))
    token = fleet.start().partition("fleet_token=")[2].split()[0]
    stands = []
    for number, port in enumerate(ports[1:], 1):
        words = ["stand", f"source={film}", f"bundle={DRAWN}", f"name=stand-{number}", f"port={port}"]
        words += [f"folder={folder / f'stand-{number}'}", f"fleet={at}", f"fleet_token={token}"]
        stands.append(Process(f"stand-{number}", [*words, f"fleet_ca={certificate}"], f"http://127.0.0.1:{port}"))
    everyone = [fleet, *stands]
    try:
        for each in stands:
            each.start()
        yield fleet, stands
    finally:
        for each in reversed(everyone):
            if hasattr(each, "process") and each.alive:
                each.end(signal.SIGTERM)


def _live(fleet: Process, stands: list[Process], seconds: float) -> datetime:
    """Let the time pass, with all that happens in it; the time up to which all events must have arrived."""
    due = _happenings(fleet, stands, seconds)
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        while due and due[0][0] <= at:
            due.pop(0)[1]()
        for each in (fleet, *stands):
            if each.alive:
                each.look(at)
        time.sleep(max(min(seconds / LOOKS, seconds - at, due[0][0] - at if due else seconds), 0.0))
    cutoff = datetime.now(UTC)
    time.sleep(SETTLED)
    return cutoff


def _happenings(fleet: Process, stands: list[Process], seconds: float) -> list[tuple[float, Callable[[], object]]]:
    """What happens when; the first stand is never killed, so its memory is that of one long run."""
    due: list[tuple[float, Callable[[], object]]] = []
    falls = [(share, fleet, AWAY) for share in FLEET_FALLS]
    falls += [(share, each, STAND_AWAY) for share, each in zip(STAND_FALLS, stands[1:], strict=False)]
    for share, each, away in falls:
        due += [(share * seconds, partial(each.end, signal.SIGKILL)), ((share + away) * seconds, each.start)]
    return sorted(due, key=lambda one: one[0])


def _result(folder: Path, fleet: Process, stands: list[Process], cutoff: datetime, seconds: float) -> dict[str, Any]:
    everyone = [fleet, *stands]
    return {
        "seconds": seconds,
        "stands": len(stands),
        "fleet_killed": fleet.kills,
        "seconds_it_stayed_away": AWAY * seconds,
        "stands_killed": sum(each.kills for each in stands),
        **_events(folder, stands, cutoff),
        "looks_at_pages": sum(len(each.answers) for each in everyone),
        "pages_that_failed": [f"{each.name}: {told}" for each in everyone for told in each.failed],
        "slowest_page_s": max(max(each.answers) for each in everyone),
        "memory_mb_fleet_from_to": _from_to(fleet, QUIET * seconds, seconds),
        "memory_mb_stand_from_to": _from_to(stands[0], 0.25 * seconds, seconds),
        "cores_busy_fleet": fleet.busy / seconds,
        "cores_busy_a_stand": stands[0].busy / seconds,
    }


def _events(folder: Path, stands: list[Process], cutoff: datetime) -> dict[str, int]:
    """Events of the stands against those of the fleet, by their numbers."""
    until = EVENTS.c.at <= microseconds(cutoff - timedelta(seconds=5))
    there = open_database(f"sqlite:///{folder / 'fleet' / 'events.db'}", create=False)
    made = lost = unknown = rows = 0
    for each in stands:
        own = open_database(f"sqlite:///{folder / each.name / 'events.db'}", create=False)
        with own.connect() as here, there.connect() as fleet:
            had = list(here.scalars(sa.select(EVENTS.c.id).where(until)))
            everything = set(here.scalars(sa.select(EVENTS.c.id)))
            kept = list(fleet.scalars(sa.select(EVENTS.c.id).where(EVENTS.c.stand == each.name)))
        own.dispose()
        made, rows = made + len(had), rows + len(kept)
        lost += len(set(had) - set(kept))
        unknown += len(set(kept) - everything)
    with there.connect() as fleet:
        counted = int(fleet.scalar(sa.select(sa.func.sum(HOURS.c.events))) or 0)
        distinct = int(fleet.scalar(sa.select(sa.func.count(sa.distinct(EVENTS.c.id)))) or 0)
    there.dispose()
    return {
        "events": made, "events_lost": lost, "events_doubled": rows - distinct, "events_no_stand_has": unknown,
        "events_in_the_fleet": rows, "events_counted_by_hour": counted,
    }  # fmt: skip


def _from_to(each: Process, since: float, until: float) -> list[float]:
    """Mean memory in the first and in the last third of a time."""
    third = (until - since) / 3
    first = [memory for at, memory in each.memory if since <= at < since + third]
    last = [memory for at, memory in each.memory if at >= until - third]
    return [round(sum(part) / max(len(part), 1), 1) for part in (first, last)]


def _anonymous(process: int) -> float:
    """Memory of a process in MB (10^6 bytes), without what it shares with others."""
    told = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(re.findall(r"RssAnon:\s+(\d+)", told)[0]) * 1024 / 1e6


def _film(file: Path, rate: float) -> Path:
    scene = DemoScene(DemoVisitors(0))
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), rate, (WIDTH, HEIGHT))
    for number in range(round(FILM_SECONDS * rate)):
        writer.write(cv2.cvtColor(scene.draw(number / rate), cv2.COLOR_RGB2BGR))
    writer.release()
    return file


def _certify(certificate: Path, key: Path) -> None:
    """A certificate of nobody else's, as docs/fleet.md tells to make one."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "365", "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=fleet"]
    subprocess.run([*words, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
