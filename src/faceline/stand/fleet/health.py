"""Reports the health of a stand to its fleet."""

import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from faceline.stand.board import Board
from faceline.stand.clock import Moment, now
from faceline.stand.content.catalogue import Catalogue
from faceline.stand.fleet.protocol import Report
from faceline.stand.sentences import Sentence

_STALLED: Final = 10.0  # seconds after which what the loop told last is no news any more
_LINE: Final = 500


class HealthOf:
    """Makes the health reports of a stand.

    Args:
        board: Newest state of the stand.
        folder: Folder whose disk is checked.
        zone: Time zone of the stand's hours.
        catalogue: Returns the catalogue that is shown now.
        displays: Returns how many displays are connected.
        clock: Returns the current moment.
    """

    def __init__(
        self,
        board: Board,
        folder: Path,
        zone: ZoneInfo,
        catalogue: Callable[[], Catalogue],
        displays: Callable[[], int],
        clock: Callable[[], Moment] = now,
    ) -> None:
        self._board, self._folder, self._zone, self._clock = board, folder, zone, clock
        self._catalogue, self._displays = catalogue, displays

    def __call__(self, **more: Any) -> Report:
        """Make the report of this moment.

        Args:
            more: Further fields of the report.
        """
        state, moment = self._board.state, self._clock()
        stalled = state.at is None or moment.steady - state.at > _STALLED
        health, disk = state.health, shutil.disk_usage(self._folder)
        warnings = (Sentence.STALLED(),) * stalled + health.warnings
        return Report(
            at=moment.utc,
            version=version("faceline"),
            frames_per_second=0.0 if stalled else health.frames_per_second,
            latency_ms=None if stalled else health.latency_ms,
            camera=health.camera and not stalled,
            picture=health.picture,
            logging=health.logging,
            open=is_open(self._catalogue(), moment.utc.astimezone(self._zone)),
            disk_free=disk.free / disk.total,
            disk_free_gb=disk.free / 1e9,
            displays=self._displays(),
            people=len(state.faces),
            content=state.showing.decision.content.label[:_LINE] if state.showing else None,
            warnings=tuple(told[:_LINE] for told in warnings[:20]),
            **more,
        )


def is_open(catalogue: Catalogue, local: datetime) -> bool:
    """Tell whether the place is open at a time, by the hours of a catalogue; always True without hours."""
    if catalogue.hours is None:
        return True
    first, last = catalogue.hours
    return first <= local.time() and (local.time() < last or last < first)
