"""Divides the time of a stand into sessions, the units of its experiment.

People who stand together see the same screen and look at one another. So each session gets an arm, not each visitor,
and uncertainty is computed over sessions.
"""

from faceline.stand.clock import Moment
from faceline.stand.events.event import new_id


class Sessions:
    """Numbers the sessions of one stand.

    A session begins when somebody comes before an empty screen. A busy place may never be empty, so a long session also
    ends by itself. The visits of those who stay end with it, and continue under new numbers with ``continued=True``.

    Args:
        longest: Seconds after which a session ends and the next one begins.
        pause: Seconds without anybody that end a session; shorter gaps, such as a hidden face, do not.
    """

    def __init__(self, longest: float = 600.0, pause: float = 3.0) -> None:
        self.longest, self.pause = longest, pause
        self._session: int | None = None
        self._began = self._seen = 0.0

    def update(self, present: bool, moment: Moment) -> int | None:
        """Return the number of the session at a moment; None if nobody is there.

        Args:
            present: Whether anybody is there.
            moment: The current moment.
        """
        now = moment.steady
        if now - self._seen > self.pause or (present and now - self._began > self.longest):
            self._session = None
        if present:
            if self._session is None:
                self._session, self._began = new_id(), now
            self._seen = now
        return self._session
