"""Codes of offers: short enough to be typed, and signed, so that a till knows a right one without the network.

A code has 16 letters of Crockford's base 32, 80 bits: the day on which it was shown (5 bits, as there are 32 before one
comes again), a mark of its content (15), a part of the number of the impression (30), and the first 30 bits of an HMAC
with SHA-256 of these under the key of that day. Keys of days follow from one key of the stand, which no till gets.
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
"""A code holds on the day on which it was shown and on the next."""


class Code(NamedTuple):
    """What a code says.

    Attributes:
        day: Days since year 1, modulo 32.
        mark: Of the content.
        number: Of the impression, its lower bits.
        signature: Under the key of the day.
    """

    day: int
    mark: int
    number: int
    signature: int


def mark_of(content: str) -> int:
    """The mark of a content; two contents may have the same."""
    digest = hashlib.blake2b(content.encode(), digest_size=2).digest()
    return int.from_bytes(digest, "big") >> (16 - _MARK)


def number_of(impression: int) -> int:
    """The part of the number of an impression that a code has."""
    return impression & ((1 << _NUMBER) - 1)


def day_key(key: bytes, day: date) -> bytes:
    """The key of a day, of that of the stand."""
    return hmac.digest(key, f"offers of {day.isoformat()}".encode(), hashlib.sha256)


def make_code(key_of_day: bytes, day: date, content: str, impression: int) -> str:
    """The code of an impression, in groups of four letters."""
    said = Code(day.toordinal() % 32, mark_of(content), number_of(impression), 0)
    said = said._replace(signature=_sign(key_of_day, said))
    value = _said(said) << _SIGNATURE | said.signature
    letters = "".join(_LETTERS[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(letters[start : start + 4] for start in range(0, _LENGTH, 4))


def read_code(text: str) -> Code | None:
    """What a code says, however it was typed; None where it is none. Whether it is right, `is_right` tells."""
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
    """The day on which a code was shown, if it still holds on another; None where it holds no more or not yet."""
    days = (at - timedelta(days=back) for back in range(VALID_DAYS))
    return next((day for day in days if day.toordinal() % 32 == code.day), None)


def is_right(code: Code, key_of_day: bytes) -> bool:
    """Whether the stand has made a code."""
    return hmac.compare_digest(str(code.signature), str(_sign(key_of_day, code)))


def _said(code: Code) -> int:
    return (code.day << _MARK | code.mark) << _NUMBER | code.number


def _sign(key: bytes, code: Code) -> int:
    digest = hmac.digest(key, _said(code).to_bytes(7, "big"), hashlib.sha256)
    return int.from_bytes(digest[:4], "big") >> (32 - _SIGNATURE)
