"""Who may open which page: passwords and the token of the display as hashes, sessions, and limits on guessing."""

import hashlib
import hmac
import json
import os
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from faceline.errors import InputError, first_line

Role = Literal["operator", "advertiser"]
ROLES: Final[tuple[Role, ...]] = ("operator", "advertiser")

SESSION_SECONDS: Final = 8 * 3600.0
"""After so long without a request one has to log in again."""

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""Cost of a guess: 16 MB and some 50 ms (Percival and Josefsson, RFC 7914)."""

_MOST_SESSIONS: Final = 200


@dataclass(frozen=True)
class NewSecrets:
    """What is told once, when it is made, and stored as hashes only."""

    passwords: dict[Role, str]
    device_token: str


class Secrets:
    """The hashes of what opens the pages.

    Args:
        file: JSON, readable by its owner only; made where there is none.

    Attributes:
        new: What was just made; None where the file was there. It is the only time that anybody can see it.

    Raises:
        InputError: The file is damaged, or others may read it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.new: NewSecrets | None = None
        if not file.exists():
            self.new = self._make()
        self._hashes = self._read()

    def opens(self, role: Role, password: str) -> bool:
        """Whether a password is that of a role."""
        kept = self._hashes[role]
        digest = _scrypt(password, bytes.fromhex(kept["salt"]))
        return hmac.compare_digest(digest, bytes.fromhex(kept["hash"]))

    def is_device(self, token: str) -> bool:
        """Whether a token is that of the display; it is long and random, so a plain digest of it is enough."""
        return hmac.compare_digest(_digest(token), self._hashes["device"]["hash"])

    def _make(self) -> NewSecrets:
        made = NewSecrets({role: _readable() for role in ROLES}, secrets.token_urlsafe(24))
        content: dict[str, dict[str, str]] = {"device": {"hash": _digest(made.device_token)}}
        for role, password in made.passwords.items():
            salt = secrets.token_bytes(16)
            content[role] = {"salt": salt.hex(), "hash": _scrypt(password, salt).hex()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f".{self.file.name}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(content, stream, indent=2)
        part.replace(self.file)
        return made

    def _read(self) -> dict[str, dict[str, str]]:
        if self.file.stat().st_mode & 0o077:
            raise InputError("others may read it; run chmod 600 on it", file=self.file)
        try:
            content: dict[str, dict[str, str]] = json.loads(self.file.read_text(encoding="utf-8"))
            for role in ROLES:
                bytes.fromhex(content[role]["salt"] + content[role]["hash"])
            assert content["device"]["hash"]
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise InputError(
                f"not what opens the pages ({first_line(error)}); move it away to make new passwords", file=self.file
            ) from None
        return content


@dataclass(eq=False)
class Session:
    """Somebody who is logged in.

    Attributes:
        role: What they may open.
        csrf: What their forms must send, so that no other site can send them.
        used: When they last did something.
        told: What their next page says of what they did.
    """

    role: Role
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: float = 0.0
    told: str = ""


class Sessions:
    """Who is logged in, in memory only: a restart logs everybody out.

    Args:
        clock: Steady seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def open(self, role: Role) -> str:
        """Log somebody in; the secret of their cookie."""
        self._forget_old()
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda token: self._sessions[token].used)]
        token = secrets.token_urlsafe(32)
        self._sessions[token] = Session(role, used=self._clock())
        return token

    def find(self, token: str | None) -> Session | None:
        """The session of a cookie."""
        self._forget_old()
        session = self._sessions.get(token or "")
        if session is not None:
            session.used = self._clock()
        return session

    def close(self, token: str | None) -> None:
        """Log somebody out."""
        self._sessions.pop(token or "", None)

    def _forget_old(self) -> None:
        now = self._clock()
        self._sessions = {t: s for t, s in self._sessions.items() if now - s.used < SESSION_SECONDS}


class Limit:
    """At most so many tries in a time, for each address and for all together.

    Args:
        tries: Of one address.
        seconds: In so long.
        of_all: Of all addresses together.
        clock: Steady seconds.
    """

    def __init__(self, tries: int, seconds: float, of_all: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.tries, self.seconds, self.of_all = tries, seconds, of_all
        self._clock = clock
        self._past: deque[tuple[float, str]] = deque()

    def wait(self, address: str) -> float:
        """Seconds until the next try is allowed; 0 takes it up as made."""
        now = self._clock()
        while self._past and now - self._past[0][0] >= self.seconds:
            self._past.popleft()
        own = [at for at, by in self._past if by == address]
        if len(own) >= self.tries:
            return self.seconds - (now - own[0])
        if len(self._past) >= self.of_all:
            return self.seconds - (now - self._past[0][0])
        self._past.append((now, address))
        return 0.0

    def forgive(self, address: str) -> None:
        """Forget the tries of an address, after a right one."""
        self._past = deque((at, by) for at, by in self._past if by != address)


def _readable() -> str:
    """A password of 80 bits that can be typed: no letters that look like others."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
