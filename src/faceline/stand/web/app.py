"""The web application of the stand, and what holds for all of its answers."""

import errno
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.content.films import largest_upload_mb
from faceline.stand.web import (
    advertiser,
    api,
    campaign_pages,
    contents,
    display,
    health,
    login,
    media_pages,
    operator,
    people,
    till,
    week_page,
)
from faceline.stand.web.gate import UPLOAD, Gate
from faceline.stand.web.services import CONTENT_POLICY, HERE, TEMPLATES, Pages, Services, pages_of
from faceline.stand.words import _, plain, speaking

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_FORM: Final = 64_000


def create_app(services: Services) -> FastAPI:
    """Create the application of one stand."""
    parts = login, display, operator, people, contents, media_pages, campaign_pages, week_page, advertiser, health, till
    app = guarded_app("faceline stand", services, [part.router for part in parts])
    app.mount(api.HERE, api.create_api(services))
    return app


def guarded_app(title: str, services: Pages, routers: Sequence[APIRouter]) -> FastAPI:
    """Create an application with the rules for all answers of a stand or a fleet."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.services = services
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for router in routers:
        app.include_router(router)
    app.middleware("http")(_guard)
    app.add_middleware(Gate, hosts=services.hosts)
    app.exception_handler(HTTPException)(_told)
    app.exception_handler(RequestValidationError)(_told_form)
    app.exception_handler(InputError)(_told_fault)
    app.exception_handler(OSError)(_told_disk)
    app.exception_handler(Exception)(_told_bug)
    return app


async def _guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse forms of other sites, and tell browsers what pages may do."""
    length = request.headers.get("content-length", "0")
    with speaking(login.language_of(request)):
        if not length.isdecimal() or int(length) > _most(request) or "transfer-encoding" in request.headers:
            told = _("This is too large: at most %(most)s MB are taken here.", most=plain(_most(request) / 1e6))
            response = await _told(request, HTTPException(413, told))
        else:
            response = await answer(request)
    return _guarded(request, response)


def _guarded(request: Request, response: Response) -> Response:
    """Tell browsers what the page may do, and that nobody keeps it."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _most(request: Request) -> int:
    """Return the most bytes that a form may have; only editors send files."""
    sent = {UPLOAD: largest_upload_mb() * 1_000_000, f"{contents.HERE}/import": contents.CHUNK}
    if request.url.path in sent:
        session = login.session_of(request)
        if session is not None and session.account.role in ("operator", "editor"):
            return sent[request.url.path] + _LARGEST_FORM
    return pages_of(request).larger.get(request.url.path, _LARGEST_FORM)


async def _told(request: Request, error: Exception) -> Response:
    """Show a refusal as a page, or tell it to a script."""
    assert isinstance(error, HTTPException)
    if error.status_code == 303:
        return Response(status_code=303, headers=dict(error.headers or {}))
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    is_ours = error.detail != HTTPStatus(error.status_code).phrase  # else the address or its method is unknown
    why = error.detail if is_ours else _("There is no page at this address.")
    context = {"status": error.status_code, "why": why}
    return TEMPLATES.TemplateResponse(
        request, "refused.html", context, status_code=error.status_code, headers=dict(error.headers or {})
    )


async def _told_form(request: Request, error: Exception) -> Response:
    """Show a refusal of a form or an address with wrong values as a page."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return await _told(request, HTTPException(422, f"{first['loc'][-1]}: {first['msg']}."))


async def _told_fault(request: Request, error: Exception) -> Response:
    """Show what is wrong with the stand's files, such as a draft that names a missing one, as a page."""
    assert isinstance(error, InputError)
    return await _told(request, HTTPException(409, error.told))


async def _told_disk(request: Request, error: Exception) -> Response:
    """Show as a page that a full disk takes nothing more."""
    assert isinstance(error, OSError)
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    return await _told(
        request, HTTPException(507, _("The disk is full, and nothing was saved. Make room on it first."))
    )


async def _told_bug(request: Request, _error: Exception) -> Response:
    """Show as a page that something inside went wrong; the log has the rest."""
    with speaking(login.language_of(request)):
        told = _("A fault inside; the log of the program says which. Nothing more was done.")
        return _guarded(request, await _told(request, HTTPException(500, told)))
