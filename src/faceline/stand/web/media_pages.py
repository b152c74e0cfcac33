"""The editor's pictures and films: uploaded, listed with those being converted, and looked at."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import cv2
from fastapi import APIRouter, File, Request, Response, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.content.artwork import is_film
from faceline.stand.web.access import Warned
from faceline.stand.web.contents import CHUNK, EDITOR, HERE, Csrf, Editor, back, desk_of, media_of
from faceline.stand.web.login import check_form
from faceline.stand.web.services import TEMPLATES, pages_of
from faceline.stand.words import _

router = APIRouter(prefix=HERE)

_THUMBNAIL: Final = 320


@router.get("/thumbnail/{name:path}", dependencies=[EDITOR])
def thumbnail(request: Request, name: str) -> Response:
    """Return a small picture of a file that can be chosen."""
    desk = desk_of(request)
    path = desk.file.parent / name
    if name not in media_of(desk) or not path.is_file():
        raise HTTPException(404, _("No such medium."))
    image = _small(path, path.stat().st_mtime_ns)
    if image is None:
        raise HTTPException(404, _("No picture of it."))
    return Response(image, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/media/{name:path}", dependencies=[EDITOR])
def medium(request: Request, name: str) -> Response:
    """Return a whole file that can be chosen, for the preview."""
    desk = desk_of(request)
    if name not in media_of(desk):
        raise HTTPException(404, _("No such medium."))
    return pages_of(request).file(name)


@router.post("/upload")
async def upload(request: Request, session: Editor, file: Annotated[UploadFile, File()], csrf: Csrf = "") -> Response:
    """Store an uploaded picture or film that a display can show."""
    check_form(request, session, csrf)
    desk = desk_of(request)
    partial, name, by, taken = desk.new_partial(), file.filename or "", session.account.name, False
    try:
        with partial.open("wb") as to:
            while part := await file.read(CHUNK):
                to.write(part)
        taken = await run_in_threadpool(desk.films.take, name, partial, by)
        if taken:
            session.told = _("Uploaded: %(name)s. Browsers cannot play it as it is, so it is converted now.", name=name)
        else:
            name = await run_in_threadpool(desk.add_medium, name, partial, by=by)
            session.told = _("Uploaded: %(name)s.", name=name)
    except (InputError, OSError) as error:
        session.told = Warned(_("Not uploaded. %(why)s", why=error.told if isinstance(error, InputError) else error))
    finally:
        if not taken:
            partial.unlink(missing_ok=True)
    return back()


@router.get("/files", dependencies=[EDITOR])
def files(request: Request) -> Response:
    """Return the list of pictures and films, with those that are being converted."""
    desk = desk_of(request)
    context = {"films": desk.films.listed, "files": media_of(desk)}
    return TEMPLATES.TemplateResponse(request, "files.html", context)


@lru_cache(maxsize=256)
def _small(path: Path, _changed: int) -> bytes | None:
    """Return a picture, or the first frame of a film, as a small JPEG."""
    if is_film(path.name):
        film = cv2.VideoCapture(str(path))
        found, image = film.read()
        film.release()
        if not found:
            return None
    else:
        read = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if read is None:
            return None
        image = read
    scale = _THUMBNAIL / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])
