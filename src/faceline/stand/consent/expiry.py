"""Deletes what is stored of people with the end of their consent, on a stand that recognises nobody."""

import threading
from typing import Final

from faceline.stand.consent.enrolment import Enrolment

_EVERY: Final = 1.0  # seconds between two looks at who is enrolled


class Expiry:
    """Looks at the consents from time to time, as a recogniser does where there is one.

    Args:
        enrolment: Enrolled people.
    """

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment, self._stop = enrolment, threading.Event()
        enrolment.gallery()
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join(timeout=3.0)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            self._enrolment.gallery()
