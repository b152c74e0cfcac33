"""Whether the stand in this container answers; its exit status is what a health check asks for.

python3 healthy.py [PORT]    0: it answers, over HTTP or TLS; 1: it does not, with the reason
"""

import ssl
import sys
import urllib.error
import urllib.request
from typing import Final

ADDRESS: Final = "/healthz"
"""Needs no token; answers 503 while nothing is looked at."""

SECONDS: Final = 4.0
"""Within which an answer has to come."""


def reason_unwell(port: int) -> str | None:
    """Ask the stand, first without TLS, then with it.

    Args:
        port: Where it listens, on this machine.

    Returns:
        Why it is not well; None where it is.
    """
    # Its certificate names the address that people use, which is not this one; nothing secret is sent.
    unchecked = ssl._create_unverified_context()
    reason = "no answer"
    for scheme in ("http", "https"):
        try:
            with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}{ADDRESS}", timeout=SECONDS, context=unchecked):
                return None
        except urllib.error.HTTPError as error:
            return f"answered {error.code}"
        except OSError as error:
            reason = str(error)
    return reason


if __name__ == "__main__":
    reason = reason_unwell(int(sys.argv[1]) if len(sys.argv) > 1 else 8420)
    if reason is not None:
        sys.exit(f"the stand is not well: {reason}")
