"""The page of the display: what it shows now, and the standard loop for when the stand cannot be reached."""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Bounded
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from faceline.stand.content.catalogue import site_of
from faceline.stand.web.login import address_of, same_origin, session_of
from faceline.stand.web.services import CONTENT_POLICY, HERE, TEMPLATES, Services, services_of
from faceline.stand.words import _, speaking

router = APIRouter()

COOKIE: Final = "stand_display"
_YEAR: Final = 365 * 24 * 3600
_PING: Final = 10.0  # seconds after which a quiet connection is tried
_LONGEST: Final = 1_000  # characters of a message
_MOST_FAULTS: Final = 3  # messages that are none, after which a connection is closed


class Shown(BaseModel):
    """A message of a display: the impression on its screen."""

    model_config = ConfigDict(extra="forbid")

    shown: Annotated[str, Bounded(pattern=r"^\d{1,20}$")]


def is_device(connection: HTTPConnection) -> bool:
    """Tell whether the display asks, or the operator, who may look at its page too."""
    services = services_of(connection)
    if services.secrets.is_device(connection.cookies.get(COOKIE, "")):
        return True
    session = session_of(connection)
    return session is not None and session.account.role == "operator"


@router.get("/display")
def display_page(request: Request, token: str | None = None) -> Response:
    """Return the page; the token of its first address goes into a cookie and out of the address at once."""
    services = services_of(request)
    if token is not None:
        if not services.secrets.is_device(token):  # a right one passes, whatever others have tried
            if services.devices.wait(address_of(request)):
                raise HTTPException(429, _("Too many tries. Wait a minute."))
            raise HTTPException(403, _("This is not the token of the display. It was told when the stand was set up."))
        response: Response = RedirectResponse("/display", status_code=303)
        _keep(token, response, services)
        return response
    _check(request)
    with speaking(services.language):
        context = {"stand": services.stand, "screen": services.screen}
        page = TEMPLATES.TemplateResponse(request, "display.html", context)
    page.headers["Content-Security-Policy"] = _policy(services.pages)
    page.headers["Cache-Control"] = "no-cache"  # the service worker keeps it for when the stand is away
    kept = request.cookies.get(COOKIE, "")
    if services.secrets.is_device(kept):  # else the operator looks on
        _keep(kept, page, services)
    return page


@router.get("/display/loop")
def standard_loop(request: Request) -> Response:
    """Return the contents of the standard loop, which the display can show without the stand."""
    _check(request)
    services = services_of(request)
    catalogue = services.catalogue
    contents = [services.screens.content(catalogue.by_id[name], catalogue) for name in catalogue.loop]
    return JSONResponse({"contents": contents}, headers={"Cache-Control": "no-cache"})


@router.get("/media/{name:path}")
def medium(request: Request, name: str) -> Response:
    """Return a picture or film; only files in the catalogue can be requested."""
    _check(request)
    services = services_of(request)
    if name not in services.catalogue.files:
        raise HTTPException(404, _("No such medium."))
    return services.file(name)


@router.get("/worker.js")
def worker() -> Response:
    """Return the service worker that keeps the page without the stand; its address must be above what it keeps."""
    return FileResponse(HERE / "static" / "worker.js", media_type="text/javascript")


@router.websocket("/display/live")
async def live(socket: WebSocket) -> None:
    """Tell a display what to show, immediately after each change."""
    if not same_origin(socket) or not is_device(socket):
        await socket.close(code=1008)
        return
    await socket.accept()
    services = services_of(socket)
    board = services.board
    services.displays += 1
    reader = asyncio.create_task(_listen(socket))
    try:
        async with board.changes() as changed:
            while not reader.done():
                changed.clear()
                await socket.send_json({"screen": services.screen, "catalogue": services.director.catalogues})
                waiting = asyncio.create_task(changed.wait())
                await asyncio.wait({waiting, reader}, timeout=_PING, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        services.displays -= 1
        reader.cancel()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close()


async def _listen(socket: WebSocket) -> None:
    """Read the messages of a display until it leaves or sends too many invalid ones."""
    faults = 0
    while faults < _MOST_FAULTS:
        try:
            text = await socket.receive_text()
            if len(text) > _LONGEST:
                raise ValueError("too long")
            Shown.model_validate_json(text)
        except WebSocketDisconnect:
            return
        except (ValidationError, ValueError, KeyError):
            faults += 1


def _policy(pages: Collection[str]) -> str:
    """Return what the display's page may load: as other pages, and the web pages that it may show."""
    sites = " ".join(sorted({site_of(page) for page in pages}))
    if not sites:
        return CONTENT_POLICY
    return CONTENT_POLICY.replace("connect-src 'self'", f"connect-src 'self' {sites}; frame-src {sites}")


def _keep(token: str, response: Response, services: Services) -> None:
    """Let the browser keep the token for a year; browsers keep nothing for much longer."""
    response.set_cookie(COOKIE, token, max_age=_YEAR, httponly=True, samesite="strict", secure=services.secure)


def _check(request: Request) -> None:
    if not is_device(request):
        raise HTTPException(403, _("The display opens this page by the address with its token."))
