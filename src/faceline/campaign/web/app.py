"""The pages of the stand: one application, and what holds for all of its answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from faceline.campaign.board import Board
from faceline.campaign.catalogue import Catalogue
from faceline.campaign.consent_text import ConsentText
from faceline.campaign.director import Director
from faceline.campaign.enrolment import Enrolment
from faceline.campaign.identity import Recogniser
from faceline.campaign.web.access import Limit, Secrets, Sessions

HERE: Final = Path(str(files("faceline.campaign.web")))
TEMPLATES: Final = Jinja2Templates(HERE / "templates")

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LARGEST_FORM: Final = 64_000


@dataclass(eq=False)
class Services:
    """What the pages are made of.

    Attributes:
        stand: Its name.
        board: The newest state.
        catalogue: What can be shown.
        media: Folder of the media of the catalogue.
        director: Takes the word that an offer was taken.
        secrets: What opens the pages.
        figures: The figures of the advertiser's page, for a campaign or all.
        consent: What people agree to who are enrolled.
        enrolment: The people; None where there is no embedder.
        recogniser: Gathers frames of those who enrol; None where there is no embedder.
        live_picture: Whether the operator sees the picture beside points and boxes.
        secure: Whether cookies go over TLS only.
    """

    stand: str
    board: Board
    catalogue: Catalogue
    media: Path
    director: Director
    secrets: Secrets
    figures: Callable[[str | None], dict[str, Any]]
    consent: ConsentText
    enrolment: Enrolment | None = None
    recogniser: Recogniser | None = None
    live_picture: bool = False
    secure: bool = False

    def __post_init__(self) -> None:
        self.displays = 0  # connected now
        self.sessions = Sessions()
        self.logins = Limit(tries=5, seconds=60.0, of_all=30)
        self.devices = Limit(tries=10, seconds=60.0, of_all=60)


def create_app(services: Services) -> FastAPI:
    """The application of one stand."""
    from faceline.campaign.web import advertiser, display, login, operator  # noqa: PLC0415 (they use this module)

    app = FastAPI(title="faceline stand", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for part in (login, display, operator, advertiser):
        app.include_router(part.router)
    app.middleware("http")(_guard)
    app.exception_handler(HTTPException)(_told)
    app.exception_handler(RequestValidationError)(_told_form)
    return app


async def _guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse forms that no form of ours sends, and say to browsers what pages may do."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > _LARGEST_FORM or "transfer-encoding" in request.headers:
        response: Response = HTMLResponse("too much", status_code=413)
    else:
        response = await answer(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _told(request: Request, error: Exception) -> Response:
    """A refusal as a page."""
    assert isinstance(error, HTTPException)
    if error.status_code == 303:
        return Response(status_code=303, headers=dict(error.headers or {}))
    context = {"status": error.status_code, "told": error.detail}
    return TEMPLATES.TemplateResponse(
        request, "refused.html", context, status_code=error.status_code, headers=dict(error.headers or {})
    )


async def _told_form(request: Request, error: Exception) -> Response:
    """The same of a form, or an address, that holds something else than was asked for."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return await _told(request, HTTPException(422, f"{first['loc'][-1]}: {first['msg']}."))


def services_of(request: Any) -> Services:
    """The services behind a request or a WebSocket."""
    services: Services = request.app.state.services
    return services
