"""The editor's pictures and films: uploaded, listed with those being converted, and looked at."""

import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import cv2
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from faceline.errors import InputError, first_line
from faceline.stand.content.artwork import is_film
from faceline.stand.content.desk import Desk
from faceline.stand.folders import check_room
from faceline.stand.sentences import retold
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.contents import CHUNK, EDITOR, HERE, Editor, back, desk_of, media_of
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
async def upload(request: Request, session: Editor) -> Response:
    """Store an uploaded picture or film that a display can show."""
    try:
        session.told = await _stored(request, session)
    except ClientDisconnect:
        pass  # nobody waits for an answer
    except (InputError, MultiPartException, OSError) as error:
        told = error.told if isinstance(error, InputError) else getattr(error, "strerror", None) or first_line(error)
        session.told = Warned(_("Not uploaded. %(why)s", why=retold(told)))
        with suppress(RuntimeError, ClientDisconnect):  # a browser reads no answer before it has sent all
            async for _part in request.stream():
                pass
    return back()


async def _stored(request: Request, session: Login) -> str:
    """Receive a file, store it or have it converted, and say so."""
    arriving = _while_room(request, desk_of(request).file.parent)
    form = await MultiPartParser(request.headers, arriving, max_files=1, max_fields=9).parse()
    try:
        check_form(request, session, str(form.get("csrf", "")))
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InputError(_("Choose a file first."))
        if not file.size:
            raise InputError(_("%(name)s is empty.", name=file.filename))
        return await run_in_threadpool(_take, desk_of(request), file.filename, file.file, session.account.name)
    finally:
        await form.close()


def _take(desk: Desk, name: str, file: BinaryIO, by: str) -> str:
    """Store a received file or have it converted, and say so."""
    partial, converted = desk.new_partial(), False
    try:
        with partial.open("wb") as to:
            shutil.copyfileobj(file, to, CHUNK)
        converted = desk.films.take(name, partial, by)
        if converted:
            return _("Uploaded: %(name)s. Browsers cannot play it as it is, so it is converted now.", name=name)
        return _("Uploaded: %(name)s.", name=desk.add_medium(name, partial, by=by))
    finally:
        if not converted:
            partial.unlink(missing_ok=True)


async def _while_room(request: Request, folder: Path) -> AsyncGenerator[bytes, None]:
    """Receive a file while there is room for it, where it waits and in the folder that it goes to."""
    waits, size, unseen = Path(tempfile.gettempdir()), int(request.headers.get("content-length", 0)), 0
    check_room({waits: size, folder: size})
    async for part in request.stream():
        unseen += len(part)
        if unseen > CHUNK:
            check_room({waits: 0, folder: 0})
            unseen = 0
        yield part


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
