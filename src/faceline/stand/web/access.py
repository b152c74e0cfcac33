"""Controls access to the pages: hashes of passwords and of the display's token, sessions, and limits on guessing."""

import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from faceline.config.tree import hint
from faceline.errors import InputError
from faceline.stand.kept_file import KeptFile, check_name

Role = Literal["operator", "editor", "advertiser"]
FIRST: Final[tuple[Role, ...]] = ("operator", "advertiser")
"""Accounts of a new stand, each named after its role."""

SESSION_SECONDS: Final = 8 * 3600.0
"""Seconds without a request after which a session ends."""

_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""Cost of one guess: 16 MB and about 50 ms (Percival and Josefsson, RFC 7914)."""

_MOST_SESSIONS: Final = 200
_FORGOTTEN: Final = 900.0  # seconds after which wrong tries no longer count
_MOST_KEYS: Final = 10_000


@dataclass(frozen=True)
class Account:
    """An account that can log in.

    Attributes:
        name: Login name, which also appears in the audit.
        role: Role, which decides what pages open.
        campaigns: Campaigns whose figures an advertiser sees; an operator sees all.
        salt: Salt of the hash, hexadecimal.
        hash: Hash of the password, hexadecimal.
    """

    name: str
    role: Role
    campaigns: tuple[str, ...] | None
    salt: str
    hash: str

    def sees(self, campaign: str) -> bool:
        """Tell whether the account may see the figures of a campaign; an empty name means all campaigns."""
        return self.role == "operator" or campaign in (self.campaigns or ())


@dataclass(frozen=True)
class NewSecrets:
    """New passwords and tokens, which are shown once and stored as hashes only."""

    passwords: dict[str, str]
    device_token: str


class Secrets(KeptFile):
    """The hashes that open the pages. A change of the file by ``faceline accounts`` takes effect at once.

    Args:
        file: JSON file, readable by its owner only; created if missing.
        campaigns: Campaigns that the advertiser of a new stand sees.
        first: Accounts created with the file, each named after its role.

    Attributes:
        new: Secrets that were just created, which cannot be seen again; None if the file existed.

    Raises:
        InputError: The file is damaged, or others may read it.
    """

    purpose = "what opens the pages ({error}); move it away to make new passwords"

    def __init__(self, file: Path, campaigns: Sequence[str] = (), first: Sequence[Role] = FIRST) -> None:
        super().__init__(file)
        self.new: NewSecrets | None = None
        self._accounts: dict[str, Account] = {}
        self._device = ""
        if not file.exists():
            with self._changing():
                seen: dict[Role, tuple[str, ...] | None] = {"operator": None, "advertiser": tuple(campaigns)}
                self.new = NewSecrets(
                    {role: self._put(role, role, seen.get(role)) for role in first}, self._put_token()
                )
        self._state = self._stamp()
        self._read()

    @property
    def accounts(self) -> list[Account]:
        """Return all accounts by name."""
        self._look_again()
        return sorted(self._accounts.values(), key=lambda account: account.name)

    def find(self, name: str) -> Account | None:
        """Return the account with a name; None if there is none."""
        self._look_again()
        return self._accounts.get(name)

    def opens(self, name: str, password: str) -> Account | None:
        """Return the account if name and password match; a wrong name takes as long as a wrong password."""
        account = self.find(name) or Account("", "operator", None, "00", "00")
        right = hmac.compare_digest(_scrypt(password, bytes.fromhex(account.salt)), bytes.fromhex(account.hash))
        return account if right and account.name else None

    def known_browser(self, account: Account) -> str:
        """Return what a browser stores after a login; a new password makes it invalid."""
        return f"{account.name}:{_mark(account)}"

    def is_known(self, kept: str, name: str) -> bool:
        """Tell whether a browser's stored value came from a login of this account."""
        account = self.find(name)
        return account is not None and hmac.compare_digest(kept.encode(), self.known_browser(account).encode())

    def is_device(self, token: str) -> bool:
        """Tell whether a token is that of the display; a plain digest is enough because tokens are long and random."""
        self._look_again()
        return hmac.compare_digest(digest_of(token), self._device)

    def add(self, name: str, role: Role, campaigns: Sequence[str] | None = None) -> str:
        """Add an account and return its password.

        Raises:
            InputError: The name is taken or invalid.
        """
        check_name(name)
        with self._changing():
            if name in self._accounts:
                raise InputError(f"{name} is there already; remove it first, or choose another name", column="name")
            return self._put(name, role, None if campaigns is None else tuple(campaigns))

    def give(self, name: str, campaigns: Sequence[str]) -> None:
        """Change the campaigns whose figures an advertiser sees.

        Raises:
            InputError: There is no such advertiser.
        """
        with self._changing():
            account = self._accounts.get(name)
            if account is None or account.role != "advertiser":
                names = [each.name for each in self._accounts.values() if each.role == "advertiser"]
                raise InputError(f"{name}: no such advertiser{hint(name, names)}", column="name")
            self._accounts[name] = replace(account, campaigns=tuple(campaigns))

    def renew_password(self, name: str) -> str:
        """Give an account a new password and end its sessions.

        Raises:
            InputError: There is no such account.
        """
        with self._changing():
            account = self._known(name)
            return self._put(name, account.role, account.campaigns)

    def remove(self, name: str) -> None:
        """Remove an account and end its sessions.

        Raises:
            InputError: There is no such account, or it is the last operator.
        """
        with self._changing():
            account = self._known(name)
            operators = [each.name for each in self._accounts.values() if each.role == "operator"]
            if operators == [account.name]:
                raise InputError(f"{name} is the last operator; add another one first", column="name")
            del self._accounts[name]

    def renew_token(self) -> str:
        """Create a new token for the display; screens have to be opened with it again."""
        with self._changing():
            return self._put_token()

    def _known(self, name: str) -> Account:
        if name not in self._accounts:
            raise InputError(f"{name}: no such account; there are {', '.join(sorted(self._accounts))}", column="name")
        return self._accounts[name]

    def _put(self, name: str, role: Role, campaigns: tuple[str, ...] | None) -> str:
        password, salt = _readable(), secrets.token_bytes(16)
        self._accounts[name] = Account(name, role, campaigns, salt.hex(), _scrypt(password, salt).hex())
        return password

    def _put_token(self) -> str:
        token = secrets.token_urlsafe(24)
        self._device = digest_of(token)
        return token

    def _told(self) -> dict[str, Any]:
        return {"device": self._device, "accounts": [asdict(account) for account in self._accounts.values()]}

    def _take(self, content: Any) -> None:
        accounts = [_account(**each) for each in content["accounts"]]
        device = bytes.fromhex(content["device"]).hex()
        self._accounts, self._device = {account.name: account for account in accounts}, device


def _account(name: str, role: str, campaigns: list[str] | None, salt: str, hash: str) -> Account:  # noqa: A002
    known: dict[str, Role] = {each: each for each in get_args(Role)}
    if role not in known:
        raise ValueError(f"no such role: {role}")
    bytes.fromhex(salt + hash)
    return Account(name, known[role], None if campaigns is None else tuple(campaigns), salt, hash)


class Warned(str):
    """A notice that something was not done; pages show it as a warning."""

    refused = True


@dataclass(eq=False)
class Login:
    """The session of a logged-in account.

    Attributes:
        account: The account.
        csrf: Token that its forms must send, so that no other site can send them.
        used: Time of its last request.
        told: Notice that the next page shows.
        typed: Values of a refused form that the next page shows again.
    """

    account: Account
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    used: float = 0.0
    told: str = ""
    typed: Any = None


class Logins:
    """The current sessions, in memory only: a restart logs everybody out.

    Args:
        clock: Returns the seconds of a steady clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Login] = {}

    def open(self, account: Account) -> str:
        """Open a session and return the secret for its cookie."""
        self._forget_old()
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda token: self._sessions[token].used)]
        token = secrets.token_urlsafe(32)
        self._sessions[token] = Login(account, used=self._clock())
        return token

    def find(self, token: str | None) -> Login | None:
        """Return the session of a cookie; None if there is none."""
        self._forget_old()
        session = self._sessions.get(token or "")
        if session is not None:
            session.used = self._clock()
        return session

    def close(self, token: str | None) -> None:
        """Close a session."""
        self._sessions.pop(token or "", None)

    def _forget_old(self) -> None:
        now = self._clock()
        self._sessions = {t: s for t, s in self._sessions.items() if now - s.used < SESSION_SECONDS}


class Limit:
    """Limits the tries in a time, for each address and for all addresses together.

    Args:
        tries: Most tries of one address.
        seconds: Length of the time.
        of_all: Most tries of all addresses together.
        clock: Returns the seconds of a steady clock.
    """

    def __init__(self, tries: int, seconds: float, of_all: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.tries, self.seconds, self.of_all = tries, seconds, of_all
        self._clock = clock
        self._past: deque[tuple[float, str]] = deque()

    def wait(self, address: str) -> float:
        """Return the seconds until the next try is allowed; 0 counts the try as made."""
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


class Delays:
    """Slows guessing down: some tries are free, then each wrong one doubles the wait.

    Tries are counted for each key, such as account and address, so that nobody can lock out others.

    Args:
        free: Number of tries without a wait.
        longest: Longest wait in seconds.
        clock: Returns the seconds of a steady clock.
    """

    def __init__(self, free: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.free, self.longest = free, longest
        self._clock = clock
        self._tries: dict[tuple[str, ...], tuple[int, float]] = {}

    def wait(self, key: tuple[str, ...]) -> float:
        """Return the seconds until the next try is allowed; 0 counts the try as made."""
        now = self._clock()
        count, last = self._tries.pop(key, (0, now))
        if now - last > _FORGOTTEN:
            count = 0
        delay = min(self.longest, 2.0 ** (count - self.free)) if count >= self.free else 0.0
        left = max(0.0, last + delay - now)
        self._tries[key] = (count, last) if left else (count + 1, now)
        if len(self._tries) > _MOST_KEYS:
            del self._tries[next(iter(self._tries))]  # the one that was tried longest ago
        return left

    def forgive(self, key: tuple[str, ...]) -> None:
        """Forget the tries of a key after a right one."""
        self._tries.pop(key, None)


def _readable() -> str:
    """Return a password of 80 bits that is easy to type, without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


def _mark(account: Account) -> str:
    return hmac.new(bytes.fromhex(account.hash), b"known browser", hashlib.sha256).hexdigest()


def digest_of(token: str) -> str:
    """Return the digest of a long random token, which needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
