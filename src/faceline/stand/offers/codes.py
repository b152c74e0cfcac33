"""Codes of offers: short enough to type, and signed, so that a till can check them without the network.

A code has 16 letters of Crockford's base 32, 80 bits: the day on which it was shown (5 bits, so days repeat after 32),
a mark of its content (15), a part of the impression's number (30), and the first 30 bits of an HMAC with SHA-256 of
these under the key of that day. The keys of days come from one key of the stand, which no till gets.
"""

import hashlib
import hmac
from datetime import date, timedelta
from typing import Final, NamedTuple

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_LENGTH: Final = 16
_DAYS, _MARK, _NUMBER, _SIGNATURE = 5, 15, 30, 30  # bits

VALID_DAYS: Final = 2
"""Number of days that a code is valid: the day on which it was shown and the next."""


class Code(NamedTuple):
    """The parts of a code.

    Attributes:
        day: Days since year 1, modulo 32.
        mark: Mark of the content.
        number: Lower bits of the impression's number.
        signature: Signature under the key of the day.
    """

    day: int
    mark: int
    number: int
    signature: int


def mark_of(content: str) -> int:
    """Return the mark of a content; two contents may have the same one."""
    digest = hashlib.blake2b(content.encode(), digest_size=2).digest()
    return int.from_bytes(digest, "big") >> (16 - _MARK)


def number_of(impression: int) -> int:
    """Return the part of an impression's number that a code holds."""
    return impression & ((1 << _NUMBER) - 1)


def day_key(key: bytes, day: date) -> bytes:
    """Return the key of a day from the key of the stand."""
    return hmac.digest(key, f"offers of {day.isoformat()}".encode(), hashlib.sha256)


def make_code(key_of_day: bytes, day: date, content: str, impression: int) -> str:
    """Return the code of an impression in groups of four letters."""
    said = Code(day.toordinal() % 32, mark_of(content), number_of(impression), 0)
    said = said._replace(signature=_sign(key_of_day, said))
    value = _said(said) << _SIGNATURE | said.signature
    letters = "".join(_LETTERS[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(letters[start : start + 4] for start in range(0, _LENGTH, 4))


def read_code(text: str) -> Code | None:
    """Read a code, however it was typed; None if it is none. `is_right` checks the signature."""
    letters = text.strip().upper().translate(_MISREAD)
    if len(letters) != _LENGTH or not set(letters) <= set(_LETTERS):
        return None
    value = 0
    for letter in letters:
        value = value << 5 | _LETTERS.index(letter)
    parts = []
    for bits in (_SIGNATURE, _NUMBER, _MARK, _DAYS):
        parts.append(value & (1 << bits) - 1)
        value >>= bits
    return Code(*reversed(parts))


def day_of(code: Code, at: date) -> date | None:
    """Return the day on which a code was shown, if it is still valid; None if it is not valid any more, or not yet."""
    days = (at - timedelta(days=back) for back in range(VALID_DAYS))
    return next((day for day in days if day.toordinal() % 32 == code.day), None)


def is_right(code: Code, key_of_day: bytes) -> bool:
    """Tell whether the stand has made a code."""
    return hmac.compare_digest(str(code.signature), str(_sign(key_of_day, code)))


def _said(code: Code) -> int:
    return (code.day << _MARK | code.mark) << _NUMBER | code.number


def _sign(key: bytes, code: Code) -> int:
    digest = hmac.digest(key, _said(code).to_bytes(7, "big"), hashlib.sha256)
    return int.from_bytes(digest[:4], "big") >> (32 - _SIGNATURE)
