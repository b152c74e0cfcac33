"""Sends a stand's HTTP requests to its fleet; all of them are outbound."""

import json
import shutil
import ssl
import urllib.error
import urllib.request
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from faceline.errors import InputError, first_line

_SECONDS: Final = 20.0
_LARGEST: Final = 4_000_000
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

_Answer = TypeVar("_Answer", bound=BaseModel)


class AwayError(RuntimeError):
    """The fleet cannot be reached, or something else answers in its place; a later try may succeed."""


class _NoDetours(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, so that a stand's secret goes to its own fleet only."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse the redirect."""


class Caller:
    """Sends requests to one fleet.

    Args:
        address: Address of the fleet, such as ``https://fleet.example:8430``.
        ca: PEM file of the only certificate or authorities to trust; None trusts those of the machine.

    Raises:
        InputError: The address is plain HTTP to another machine, where anybody could listen,
            or the file is no certificate.
    """

    def __init__(self, address: str, ca: str | None = None) -> None:
        parts = urlsplit(address)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise InputError(
                f"expected https://{parts.netloc}: plain HTTP would let others read the secret", column="fleet"
            )
        self.address, self.secret = address.rstrip("/"), ""
        self._opener = urllib.request.build_opener(_NoDetours(), urllib.request.HTTPSHandler(context=_trusting(ca)))

    def ask(self, path: str, message: BaseModel | None, answer: type[_Answer]) -> _Answer:
        """Send a message, or nothing, and return the answer.

        Raises:
            InputError: The fleet refuses the request and says why.
            AwayError: The fleet cannot be reached, or the answer is none of a fleet.
        """
        with self._open(path, None if message is None else message.model_dump_json().encode()) as response:
            try:
                return answer.model_validate_json(response.read(_LARGEST))
            except (ValidationError, OSError) as error:
                raise AwayError(f"the answer of {self.address} is not that of a fleet: {first_line(error)}") from None

    def fetch(self, path: str, to: Path) -> None:
        """Download a file of the fleet.

        Raises:
            InputError: The fleet has no such file.
            AwayError: The fleet cannot be reached, or the connection breaks.
        """
        with self._open(path, None) as response, to.open("wb") as file:
            try:
                shutil.copyfileobj(response, file)
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                raise AwayError(f"{self.address} broke off: {first_line(error)}") from None

    def _open(self, path: str, body: bytes | None) -> HTTPResponse:
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/fleet/{path}", body, headers)
        try:
            opened: HTTPResponse = self._opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                told = _detail(error)
            if told is None:
                raise AwayError(f"{self.address} answers {error.code} {error.reason}") from None
            raise InputError(told) from None
        except (OSError, ValueError) as error:  # URLError is one
            cause = getattr(error, "reason", error)
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise AwayError(
                    f"the certificate of {self.address} is not trusted ({cause.verify_message}); give it, or its "
                    "authority, with fleet_ca="
                ) from None
            raise AwayError(f"{self.address} does not answer: {first_line(cause) if cause else error}") from None
        return opened


def _trusting(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise InputError(f"{ca}: expected a certificate, PEM ({first_line(error)})", column="fleet_ca") from None


def _detail(error: urllib.error.HTTPError) -> str | None:
    """Return why a fleet refuses; None if something else answers in its place."""
    try:
        return str(json.loads(error.read(10_000))["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return None
