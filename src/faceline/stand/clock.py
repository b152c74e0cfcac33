"""Two clocks: a wall clock in UTC for times, and a steady one for durations.

A wall clock can jump (time servers, an empty battery), so no duration is a difference of two of its readings.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Moment:
    """One reading of both clocks.

    Attributes:
        utc: Date and time in UTC, with time zone.
        steady: Seconds of a clock that never goes back; only differences mean something.
    """

    utc: datetime
    steady: float

    def since(self, earlier: "Moment") -> float:
        """Return the seconds since an earlier moment of this process; never negative."""
        return max(self.steady - earlier.steady, 0.0)

    def later(self, seconds: float) -> "Moment":
        """Return the moment some seconds later, on both clocks."""
        return Moment(self.utc + timedelta(seconds=seconds), self.steady + seconds)


def now() -> Moment:
    """Return the current moment."""
    return Moment(datetime.now(UTC), time.monotonic())


class Pace:
    """Waits so that something happens at most so often a second; lost time is not made up for.

    Args:
        rate: Most times a second.
    """

    def __init__(self, rate: int | float) -> None:
        self.step = 1 / rate
        self._next = 0.0

    def wait(self) -> None:
        """Wait until the next time."""
        ahead = self._next - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        self._next = max(self._next, time.monotonic() - self.step) + self.step
