"""Checks the token of a program, and whether it opens what is requested."""

from collections.abc import Callable

from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from faceline.stand.web.login import address_of
from faceline.stand.web.services import services_of
from faceline.stand.web.tokens import Scope, Token

BEARER = HTTPBearer(auto_error=False, description="A token of `faceline tokens`.")


def may(scope: Scope) -> Callable[[HTTPConnection], Token]:
    """Return a dependency that gives the token of a request if it has a scope."""

    def check(connection: HTTPConnection) -> Token:
        return checked(connection, scope)

    return check


def checked(connection: HTTPConnection, scope: Scope) -> Token:
    """Return the token that comes with a request.

    Raises:
        HTTPException: There is no token, it is unknown to this stand, or it does not open this.
    """
    kind, _, word = connection.headers.get("authorization", "").partition(" ")
    return checked_word(connection, word if kind.lower() == "bearer" else "", scope)


def checked_word(connection: HTTPConnection, word: str, scope: Scope) -> Token:
    """Return the token for a word from a header, a cookie or an address.

    Raises:
        HTTPException: The token is unknown to this stand, or does not open this.
    """
    services = services_of(connection)
    token = services.tokens.find(word) if word and services.tokens else None
    if token is None:
        if word and services.guesses.wait(address_of(connection)):  # a right one passes, whatever others have tried
            raise HTTPException(429, "Too many tries. Wait a minute.")
        raise HTTPException(
            401, "Send a token of this stand: Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
        )
    if scope not in token.scopes:
        raise HTTPException(403, f"The token {token.name} has no scope {scope}.")
    return token
