"""Tokens of other programs: each has scopes, is stored as a hash, shown once, and audited."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from faceline.errors import InputError
from faceline.stand.kept_file import KeptFile, check_name, note
from faceline.stand.web.access import digest_of

Scope = Literal["health", "audience", "names", "figures", "redeem"]
"""What a token opens: health and metrics; the live audience; the chosen names in it; figures and proof of play; the
redemption of offers at a till."""

FILE: Final = "tokens.json"
"""Name of the file in the folder of a stand."""

AUDIT: Final = "tokens.audit.jsonl"
"""Name of the audit file beside it."""

_PREFIX: Final = "flt_"  # so that scanners for leaked secrets know one


@dataclass(frozen=True)
class Token:
    """What is stored about a token.

    Attributes:
        name: Name of its program, which also appears in the audit.
        scopes: What it opens.
        campaigns: Campaigns whose figures and offers it opens; None for all.
        created: Time of creation in UTC.
        hash: Hash of the token, hexadecimal.
    """

    name: str
    scopes: tuple[Scope, ...]
    campaigns: tuple[str, ...] | None
    created: str
    hash: str

    def sees(self, campaign: str) -> bool:
        """Tell whether the token opens a campaign; an empty name means all campaigns."""
        return self.campaigns is None or campaign in self.campaigns


class Tokens(KeptFile):
    """The tokens of a stand.

    Args:
        folder: Folder of the stand.

    Raises:
        InputError: The file is damaged, or others may read it.
    """

    purpose = "tokens ({error}); move it away to make new ones"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / FILE)
        self._tokens: dict[str, Token] = {}
        if self.file.exists():
            self._state = self._stamp()
            self._read()

    @property
    def all(self) -> list[Token]:
        """Return all tokens by name."""
        self._look_again()
        return sorted(self._tokens.values(), key=lambda token: token.name)

    def find(self, token: str) -> Token | None:
        """Return what is stored about a token; a plain digest is enough because tokens are long and random."""
        self._look_again()
        digest, found = digest_of(token), None
        for each in self._tokens.values():
            if hmac.compare_digest(each.hash, digest):
                found = each
        return found

    def add(self, name: str, scopes: Sequence[Scope], campaigns: Sequence[str] | None = None, *, by: str) -> str:
        """Create a token; it is returned here and never shown again.

        Args:
            name: Name of the program that gets it.
            scopes: What it should open.
            campaigns: Campaigns whose figures and offers it opens; None for all.
            by: Name of the person who adds it, for the audit.

        Raises:
            InputError: The name is taken or invalid, or the scopes do not go together.
        """
        check_name(name)
        chosen = tuple(dict.fromkeys(scopes))
        if "names" in chosen and "audience" not in chosen:
            raise InputError("the scope names needs the scope audience; add it", column="scopes")
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._changing():
            if name in self._tokens:
                raise InputError(f"{name} is there already; revoke it first, or choose another name", column="name")
            created = datetime.now(UTC).isoformat(timespec="seconds")
            own = None if campaigns is None else tuple(campaigns)
            self._tokens[name] = Token(name, chosen, own, created, digest_of(token))
        self._note(by, "added", name, scopes=chosen, campaigns=own)
        return token

    def revoke(self, name: str, *, by: str) -> None:
        """Revoke a token.

        Raises:
            InputError: There is no such token.
        """
        with self._changing():
            if name not in self._tokens:
                there = ", ".join(sorted(self._tokens)) or "none"
                raise InputError(f"{name}: no such token; there are {there}", column="name")
            del self._tokens[name]
        self._note(by, "revoked", name)

    def _note(self, by: str, action: str, token: str, **what: Any) -> None:
        note(self.file.with_name(AUDIT), by, action, token=token, **what)

    def _told(self) -> dict[str, Any]:
        return {"tokens": [asdict(token) for token in self._tokens.values()]}

    def _take(self, content: Any) -> None:
        tokens = [_token(**each) for each in content["tokens"]]
        self._tokens = {token.name: token for token in tokens}


def _token(name: str, scopes: list[str], campaigns: list[str] | None, created: str, hash: str) -> Token:  # noqa: A002
    known: dict[str, Scope] = {each: each for each in get_args(Scope)}
    if set(scopes) - set(known):
        raise ValueError(f"no such scope: {', '.join(sorted(set(scopes) - set(known)))}")
    bytes.fromhex(hash)
    own = None if campaigns is None else tuple(campaigns)
    return Token(name, tuple(known[each] for each in scopes), own, created, hash)
