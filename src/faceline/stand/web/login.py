"""Login and logout, and the checks that every page behind the login makes first."""

import hmac
import ipaddress
import math
import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from faceline.stand.web.access import SESSION_SECONDS, Login, Role
from faceline.stand.web.services import TEMPLATES, Pages, pages_of
from faceline.stand.words import LANGUAGES, _, preferred, several

router = APIRouter()

COOKIE: Final = "stand_session"
KNOWN: Final = "stand_known"
"""Cookie of a browser in which an account has logged in before: other people's guesses do not slow it down."""

LANGUAGE: Final = "stand_language"
"""Cookie with the chosen language."""

_OWN_PAGE: Final = re.compile(r"/(?!/)[\w/.-]*")
_YEAR: Final = 365 * 24 * 3600
_LONGEST_NAME: Final = 200
_HOME: Final[dict[Role, str]] = {"operator": "/operator", "advertiser": "/advertiser", "editor": "/operator/contents"}


def address_of(connection: HTTPConnection) -> str:
    """Return the address whose tries are counted together: for IPv6 a whole network, because one customer has many."""
    host = connection.client.host if connection.client else "?"
    try:
        return str(ipaddress.IPv6Network((host, 64), strict=False))
    except ValueError:  # IPv4, or no address
        return host


def same_origin(connection: HTTPConnection) -> bool:
    """Tell whether a page of this stand asks; browsers send the origin of every form and WebSocket."""
    origin = connection.headers.get("origin")
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    return origin is None or origin == f"{scheme}://{connection.headers.get('host')}"


def session_of(connection: HTTPConnection) -> Login | None:
    """Return the session of a connection; None if its account was changed or removed."""
    services, token = pages_of(connection), connection.cookies.get(COOKIE)
    session = services.sessions.find(token)
    if session is not None and services.secrets.find(session.account.name) != session.account:
        services.sessions.close(token)
        return None
    return session


def language_of(connection: HTTPConnection) -> str:
    """Return the chosen language, or else the one that the browser asks for."""
    chosen = connection.cookies.get(LANGUAGE, "")
    return chosen if chosen in LANGUAGES else preferred(connection.headers.get("accept-language", ""))


def needs(*roles: Role) -> Any:
    """Return the session of an account in one of these roles, or redirect to the login."""

    def check(request: Request) -> Login:
        session = session_of(request)
        if session is None:
            raise HTTPException(303, headers={"Location": _login_from(request)})
        if session.account.role not in roles:
            raise HTTPException(403, _("This page is not for the %(role)s.", role=_(session.account.role)))
        return session

    return Depends(check)


def check_form(request: Request, session: Login, csrf: str) -> None:
    """Refuse a form that another site sends.

    Raises:
        HTTPException: The form lacks the session's token, or comes from another site.
    """
    if not (same_origin(request) and hmac.compare_digest(csrf.encode(), session.csrf.encode())):
        raise HTTPException(403, _("This form is not of your session. Open the page again and send it once more."))


@router.get("/")
def start(request: Request) -> Response:
    """Redirect to the first page of the logged-in account."""
    session = session_of(request)
    return RedirectResponse(_HOME[session.account.role] if session else "/login", status_code=303)


@router.get("/language/{code}")
def choose_language(code: str, back: str = "/") -> Response:
    """Set the language and go back to a page of the stand."""
    if code not in LANGUAGES:
        raise HTTPException(404, _("No such language."))
    response = RedirectResponse(back if _is_own(back) else "/", status_code=303)
    response.set_cookie(LANGUAGE, code, max_age=_YEAR, httponly=True, samesite="lax")
    return response


@router.get("/login")
def login_page(request: Request, back: str = "") -> Response:
    """Show the login form; afterwards it goes back to a page of the stand."""
    return _page(request, pages_of(request), back=back)


@router.post("/login")
async def log_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Open a session, or say how long to wait."""
    services, address = pages_of(request), address_of(request)
    if not same_origin(request):
        raise HTTPException(403, _("This form comes from elsewhere."))
    name, kept = name.strip().lower()[:_LONGEST_NAME], request.cookies.get(KNOWN, "")
    key = (name, "known browser") if services.secrets.is_known(kept, name) else (name, address)
    wait = services.logins.wait(key)
    if not wait and services.secrets.find(name) is None:
        wait = services.unknown.wait(address)
    if wait:
        told = several(
            "Too many tries. Wait %(count)s second.", "Too many tries. Wait %(count)s seconds.", math.ceil(wait)
        )
        return _page(request, services, told, 429, wait, name, back)
    account = await run_in_threadpool(services.secrets.opens, name, password)
    if account is None:
        return _page(request, services, _("Name or password is wrong."), 401, name=name, back=back)
    services.logins.forgive(key)
    services.sessions.close(request.cookies.get(COOKIE))
    home = _HOME[account.role]
    response = RedirectResponse(back if _is_own(back) and back.startswith(f"{home}/") else home, status_code=303)
    response.set_cookie(
        COOKIE,
        services.sessions.open(account),
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=services.secure,
    )
    response.set_cookie(
        KNOWN,
        services.secrets.known_browser(account),
        max_age=_YEAR,
        httponly=True,
        samesite="strict",
        secure=services.secure,
        path="/login",
    )
    return response


@router.post("/logout")
def log_out(
    request: Request,
    session: Annotated[Login, needs("operator", "advertiser", "editor")],
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Close the session."""
    check_form(request, session, csrf)
    pages_of(request).sessions.close(request.cookies.get(COOKIE))
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE)
    return response


def _page(
    request: Request, services: Pages, told: str = "", status: int = 200, wait: float = 0, name: str = "",
    back: str = "",
) -> Response:  # fmt: skip
    headers = {"Retry-After": str(math.ceil(wait))} if wait else None
    context = {"stand": services.stand, "wrong": told, "name": name, "back": back}
    return TEMPLATES.TemplateResponse(request, "login.html", context, status_code=status, headers=headers)


def _is_own(address: str) -> bool:
    """Tell whether an address is that of a page here."""
    return _OWN_PAGE.fullmatch(address) is not None


def _login_from(request: Request) -> str:
    """Return the address of the login, from which it goes back to the page that was open."""
    page = request.url.path if request.method == "GET" else urlsplit(request.headers.get("referer", "")).path
    return "/login" if page in _HOME.values() or not _is_own(page) else f"/login?back={page}"
