"""Two clocks side by side: the wall's, in UTC, to say when, and a steady one to say how long.

A wall clock jumps (time servers, a dead battery). No duration is ever a difference of two of its readings.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Moment:
    """One reading of both clocks.

    Attributes:
        utc: Date and time, aware, in UTC.
        steady: Seconds of a clock that only goes forward; only differences mean something.
    """

    utc: datetime
    steady: float

    def since(self, earlier: "Moment") -> float:
        """Seconds from an earlier moment of this process to this one; never negative."""
        return max(self.steady - earlier.steady, 0.0)

    def later(self, seconds: float) -> "Moment":
        """The moment some seconds after this one, on both clocks."""
        return Moment(self.utc + timedelta(seconds=seconds), self.steady + seconds)


def now() -> Moment:
    """This moment."""
    return Moment(datetime.now(UTC), time.monotonic())


class Pace:
    """Waits so that something happens at most so often a second; late is not made up for.

    Args:
        rate: Times a second.
    """

    def __init__(self, rate: int | float) -> None:
        self.step = 1 / rate
        self._next = 0.0

    def wait(self) -> None:
        """Until it is time."""
        ahead = self._next - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        self._next = max(self._next, time.monotonic() - self.step) + self.step
