"""Cuts the hours of a stand into audiences, the units of its experiment.

Those who stand together see the same screen and look at one another, so not each visitor but each audience is given
an arm, and uncertainty is counted in audiences.
"""

from faceline.stand.clock import Moment
from faceline.stand.events.event import new_id


class Sessions:
    """Numbers the audiences of one stand.

    A session begins when somebody comes before a screen that nobody watched. In a busy place that may never happen,
    so a session ends by itself after a while: then the visits of those who stay end too, and go on under new numbers
    with ``continued=True``.

    Args:
        longest: Seconds after which a session is followed by another.
        pause: Seconds without anybody that end a session; a face that is lost for a moment ends none.
    """

    def __init__(self, longest: float = 600.0, pause: float = 3.0) -> None:
        self.longest, self.pause = longest, pause
        self._session: int | None = None
        self._began = self._seen = 0.0

    def update(self, present: bool, moment: Moment) -> int | None:
        """The session at a moment; None where nobody watches.

        Args:
            present: Whether anybody is there.
            moment: Now.
        """
        now = moment.steady
        if now - self._seen > self.pause or (present and now - self._began > self.longest):
            self._session = None
        if present:
            if self._session is None:
                self._session, self._began = new_id(), now
            self._seen = now
        return self._session
