"""``faceline benchmark stand``: how fast frames become decisions, and what an hour costs in memory and disk."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import psutil
from rich.table import Table

from faceline.benchmarks.galleries import ChanceGallery
from faceline.files import write_whole
from faceline.inference.runtime import EmbedderRuntime
from faceline.stand.assembly import Watch
from faceline.stand.board import Board
from faceline.stand.camera.capture import Capture, CaptureHealth, Frame
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors, Visit
from faceline.stand.clock import Moment, Pace, now
from faceline.stand.consent.likeness import Rule
from faceline.stand.events.store import EventStore
from faceline.stand.loop import Frames, Loop
from faceline.stand.recognition.recogniser import Recogniser
from faceline.terminal import show
from faceline.threads import usable_threads
from faceline.types import Image

if TYPE_CHECKING:
    from faceline.stand.settings import BenchmarkStand

TARGETS: Final = {"frames_per_second": 25.0, "latency_p95_ms": 100.0, "growth_mb": 20.0}
"""Lowest frames a second, most milliseconds from a frame to its decision, and most growth over an hour once warm."""

_WARM: Final = 0.25  # of the soak, after which memory is compared


def main(settings: "BenchmarkStand") -> None:
    """Measure, print a table, write JSON."""
    cv2.setNumThreads(usable_threads(settings.threads))
    result: dict[str, Any] = {"machine": machine(), "settings": settings.model_dump(exclude={"config"})}
    with tempfile.TemporaryDirectory() as folder:
        print("drawing the frames …")
        still = record(DemoScene(StandingVisitors(settings.faces)), 8.0, 15.0)
        print(f"{settings.faces} faces, {settings.rate:g} frames a second offered, {settings.seconds:g} s …")
        result["speed"] = measure_speed(settings, still, Path(folder) / "speed")
        if settings.enrolled:
            print("the same with nobody enrolled …")
            nobody = settings.model_copy(update={"enrolled": 0})
            result["nobody_enrolled"] = measure_speed(nobody, still, Path(folder) / "nobody")
        if settings.soak_seconds:
            crowd = record(DemoScene(DemoVisitors(0)), min(settings.soak_seconds, 120.0), settings.soak_rate)
            print(f"{settings.soak_seconds:g} simulated seconds, as fast as they go …")
            result["soak"] = soak(settings, crowd, Path(folder) / "soak")
    result["reached"] = reached(result)
    output = Path(settings.output)
    with write_whole(output) as part:
        part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(_table(result))
    print(f"written to {output}")


class StandingVisitors(DemoVisitors):
    """People who stay, look, smile and raise their brows.

    Args:
        faces: Number of people.
    """

    def __init__(self, faces: int) -> None:
        super().__init__(0, faces)
        self._standing = [
            Visit(
                person=number, comes=-5.0, stays=1e9, x=(number + 0.5) / faces, y=0.42,
                scale=42.0 * min(3 / faces, 1.0), side=1, smiles=1.0 + number, raises=4.0, glances=-1.0,
                phase=float(number),
            )
            for number in range(faces)
        ]  # fmt: skip

    def at(self, time: float) -> list[Visit]:
        """Return all of them, always."""
        return self._standing


class Recording:
    """Drawn frames as JPEG, since that is how a camera sends them and how they fit into memory.

    Args:
        frames: Pictures to store.
    """

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._frames = frames

    def frame(self, number: int) -> Image:
        """Return one of the frames; they repeat."""
        coded = np.frombuffer(self._frames[number % len(self._frames)], np.uint8)
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert picture is not None
        return np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def record(scene: DemoScene, seconds: float, rate: float) -> Recording:
    """Draw some seconds of a scene."""
    frames = []
    for number in range(max(round(seconds * rate), 1)):
        picture = np.ascontiguousarray(scene.draw(number / rate)[..., ::-1])
        frames.append(bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]))
    return Recording(frames)


class _Camera:
    """Plays a recording at a pace, as a camera does."""

    def __init__(self, recording: Recording, rate: float) -> None:
        self._recording, self._pace, self._number = recording, Pace(rate), 0

    def read(self) -> Image:
        self._pace.wait()
        self._number += 1
        return self._recording.frame(self._number)

    def close(self) -> None:
        """Do nothing: there is no device."""


class _SimulatedFrames:
    """Plays a recording as fast as it is asked, with a clock that goes along."""

    def __init__(self, recording: Recording, rate: float) -> None:
        self._recording, self._rate, self.number = recording, rate, 0
        self._start = datetime.now(UTC).timestamp()

    def clock(self) -> Moment:
        seconds = self.number / self._rate
        return Moment(datetime.fromtimestamp(self._start + seconds, UTC), seconds)

    @property
    def health(self) -> CaptureHealth:
        return CaptureHealth(frames=self.number)

    def newest(self, timeout: float) -> Frame:
        self.number += 1
        return Frame(self._recording.frame(self.number), self.clock(), self.number)

    def close(self) -> None:
        """Do nothing: there is no device."""


def measure_speed(settings: "BenchmarkStand", recording: Recording, folder: Path) -> dict[str, Any]:
    """Run the loop as the stand does, with a camera in real time."""
    loop = _loop(settings, Capture(lambda: _Camera(recording, settings.rate)), folder)
    seen: list[int] = []
    process = psutil.Process()
    try:
        _run_for(loop, settings.seconds / 4, seen)
        loop.speed.times.clear()
        loop.speed.latencies.clear()
        seen.clear()
        before, cpu, start = loop.capture.health, process.cpu_times(), time.monotonic()
        latencies = _run_for(loop, settings.seconds, seen)
        elapsed, after, used = time.monotonic() - start, loop.capture.health, process.cpu_times()
    finally:
        loop.close()
    p50, p95, p99 = (float(np.percentile(latencies, share)) * 1000 for share in (50, 95, 99))
    return {
        "frames": len(latencies),
        "frames_per_second": len(latencies) / elapsed,
        "latency_p50_ms": p50,
        "latency_p95_ms": p95,
        "latency_p99_ms": p99,
        "dropped": after.dropped - before.dropped,
        "faces_seen": float(np.mean(seen)),
        "cores_busy": (used.user + used.system - cpu.user - cpu.system) / elapsed,
    }


def soak(settings: "BenchmarkStand", recording: Recording, folder: Path) -> dict[str, Any]:
    """Run the loop through simulated time, and look at memory and disk on the way."""
    frames = _SimulatedFrames(recording, settings.soak_rate)
    loop = _loop(settings, frames, folder, frames.clock)
    process, memory, files = psutil.Process(), [], []
    count = round(settings.soak_seconds * settings.soak_rate)
    every, start = max(count // 60, 1), time.monotonic()
    try:
        for number in range(count):
            loop.step()
            if number % every == 0:
                memory.append(process.memory_info().rss / 1e6)
                files.append(process.num_fds())
    finally:
        loop.close()
    warm = memory[int(_WARM * len(memory)) :]
    health = loop.store.health
    return {
        "simulated_seconds": settings.soak_seconds,
        "seconds": time.monotonic() - start,
        "frames": count,
        "memory_mb": [round(value, 1) for value in memory],
        "growth_mb": float(np.mean(warm[-5:]) - np.mean(warm[:5])),
        "open_files": [files[0], files[-1]],
        "events": health.written,
        "events_lost": sum(health.lost.values()),
        "disk_mb": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
    }


def reached(result: dict[str, Any]) -> dict[str, bool]:
    """Tell which targets are reached."""
    speed, long = result["speed"], result.get("soak")
    found = {
        "frames_per_second": speed["frames_per_second"] >= TARGETS["frames_per_second"],
        "latency_p95_ms": speed["latency_p95_ms"] <= TARGETS["latency_p95_ms"],
    }
    return found if long is None else {**found, "growth_mb": long["growth_mb"] <= TARGETS["growth_mb"]}


def machine() -> dict[str, Any]:
    """Describe the machine of the measurement."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def _loop(settings: "BenchmarkStand", frames: Frames, folder: Path, clock: Callable[[], Moment] = now) -> Loop:
    folder.mkdir(parents=True)
    store = EventStore(f"sqlite:///{folder / 'events.db'}")
    recogniser = None
    if settings.enrolled:  # who of them is there makes no difference to the time
        embedder = EmbedderRuntime(threads=settings.threads)
        enrolment = ChanceGallery(embedder, settings.enrolled)
        assert embedder.manifest.calibration is not None
        recogniser = Recogniser(embedder, enrolment, Rule(embedder.manifest.calibration))
    return Watch(settings, folder).loop(frames, store, Board(), recogniser, clock=clock)


def _run_for(loop: Loop, seconds: float, seen: list[int]) -> list[float]:
    """Run the loop for some seconds and return the time from each frame to its decision."""
    latencies: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = len(loop.speed.latencies), loop.speed.times[-1] if loop.speed.times else None
        loop.step()
        if loop.speed.times and (len(loop.speed.latencies), loop.speed.times[-1]) != before:
            latencies.append(loop.speed.latencies[-1])
            seen.append(len(loop.board.state.faces))
    return latencies


def _table(result: dict[str, Any]) -> Table:
    table = Table(title="faceline benchmark stand", title_justify="left")
    for name in ("", "measured", "target", ""):
        table.add_column(name, justify="left" if not name else "right")
    speed, nobody, long, most = result["speed"], result.get("nobody_enrolled"), result.get("soak"), TARGETS
    rows = [
        ("frames a second", f"{speed['frames_per_second']:.1f}", f"≥ {most['frames_per_second']:g}"),
        ("frame to decision, p50", f"{speed['latency_p50_ms']:.1f} ms", ""),
        ("frame to decision, p95", f"{speed['latency_p95_ms']:.1f} ms", f"≤ {most['latency_p95_ms']:g} ms"),
        ("faces seen, mean", f"{speed['faces_seen']:.2f}", ""),
        ("cores busy", f"{speed['cores_busy']:.2f}", ""),
    ]
    if nobody is not None:
        rows += [
            ("nobody enrolled: frames a second", f"{nobody['frames_per_second']:.1f}", ""),
            ("nobody enrolled: p95", f"{nobody['latency_p95_ms']:.1f} ms", ""),
            ("nobody enrolled: cores busy", f"{nobody['cores_busy']:.2f}", ""),
        ]
    if long is not None:
        rows += [
            ("simulated", f"{long['simulated_seconds']:g} s in {long['seconds']:.0f} s", ""),
            ("memory at the end", f"{long['memory_mb'][-1]:.0f} MB", ""),
            ("growth once warm", f"{long['growth_mb']:+.1f} MB", f"≤ {most['growth_mb']:g} MB"),
            ("events written, lost", f"{long['events']:,}, {long['events_lost']:,}", ""),
        ]
    verdicts = iter(result["reached"].values())  # in the order of the targets
    for name, value, target in rows:
        table.add_row(name, value, target, ("reached" if next(verdicts) else "missed") if target else "")
    return table
