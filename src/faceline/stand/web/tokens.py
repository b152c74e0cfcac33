"""Tokens by which other programs ask a stand: each with scopes, kept as a hash, told once, audited."""

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
"""What a token opens: health and metrics; the live audience; in it the names of those who chose to be named; figures
and proof of play; offers at a till."""

FILE: Final = "tokens.json"
"""In the folder of a stand."""

AUDIT: Final = "tokens.audit.jsonl"
"""Beside it."""

_PREFIX: Final = "flt_"  # so that scanners for leaked secrets know one


@dataclass(frozen=True)
class Token:
    """A token, without itself.

    Attributes:
        name: Of the program that has it; stands in the audit.
        scopes: What it opens.
        campaigns: Whose figures and offers it opens; None for all.
        created: When, in UTC.
        hash: Of the token, hexadecimal.
    """

    name: str
    scopes: tuple[Scope, ...]
    campaigns: tuple[str, ...] | None
    created: str
    hash: str

    def sees(self, campaign: str) -> bool:
        """Whether a campaign, or all of them together where it is empty, is open to it."""
        return self.campaigns is None or campaign in self.campaigns


class Tokens(KeptFile):
    """The tokens of a stand.

    Args:
        folder: Of the stand.

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
        """By name."""
        self._look_again()
        return sorted(self._tokens.values(), key=lambda token: token.name)

    def find(self, token: str) -> Token | None:
        """Who has this token; it is long and random, so a plain digest of it is enough."""
        self._look_again()
        digest, found = digest_of(token), None
        for each in self._tokens.values():
            if hmac.compare_digest(each.hash, digest):
                found = each
        return found

    def add(self, name: str, scopes: Sequence[Scope], campaigns: Sequence[str] | None = None, *, by: str) -> str:
        """A new token, which is told here and never again.

        Args:
            name: Of the program that gets it.
            scopes: What it is to open.
            campaigns: Whose figures and offers; None for all.
            by: Who adds it, for the audit.

        Raises:
            InputError: The name is taken or not one, or the scopes do not go together.
        """
        check_name(name)
        chosen = tuple(dict.fromkeys(scopes))
        if "names" in chosen and "audience" not in chosen:
            raise InputError("names are told in the live audience; add the scope audience", column="scopes")
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
        """Let a token open nothing from now on.

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
