"""The editor's pages of contents: view, change, preview, publish and bring back."""

from collections import Counter
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.content.artwork import FILMS, OTHER_FILMS, PICTURES, is_film
from faceline.stand.content.desk import UPLOADS, Desk, mark_of
from faceline.stand.content.films import ffmpeg, largest_upload_mb
from faceline.stand.content.schedule import DAYS
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.content_form import Sent, content_of, place_of, values_of
from faceline.stand.web.login import check_form, needs
from faceline.stand.web.operator import page
from faceline.stand.web.services import CONTENT_POLICY, TEMPLATES, pages_of
from faceline.stand.words import _, day_names

router = APIRouter(prefix="/operator/contents")

HERE: Final = "/operator/contents"
NEW: Final = "-"
"""Stands for the id of what is new; no id begins so."""

_UNNAMED: Final = "unnamed"
"""Id of a new content in its preview, until it has one."""

CHUNK: Final = 1 << 20
"""Bytes of an upload that are read at once."""

EDITOR: Final = needs("operator", "editor")
Editor = Annotated[Login, EDITOR]
Csrf = Annotated[str, Form()]


async def typed(request: Request, session: Editor) -> Sent:
    """Read the form of a content or campaign."""
    form = await request.form(max_files=0, max_fields=100)
    texts = {key: value for key, value in form.items() if isinstance(value, str)}
    check_form(request, session, texts.get("csrf", ""))
    return Sent(texts, {key: [str(value) for value in form.getlist(key)] for key in ("days", "overlay")})


Typed = Annotated[Sent, Depends(typed)]


@router.get("")
def contents_page(request: Request, session: Editor) -> Response:
    """Show all contents, the draft, the files and the history."""
    desk, services = desk_of(request), pages_of(request)
    try:
        catalogue, problem = desk.catalogue(), ""
    except InputError as error:
        catalogue, problem = services.catalogue, error.told
    draft = desk.drafted
    rows = [
        (
            each,
            catalogue.campaign_by_id[each.campaign].name,
            _state(each, services.catalogue.by_id) if draft else "",
            _image_of(each),
            each.brand.over(catalogue.campaign_by_id[each.campaign].brand).colours(),
        )
        for each in catalogue.contents
    ]
    context = {
        "rows": rows, "standing": catalogue.loop, "labels": {each.id: each.label for each in catalogue.contents},
        "campaigns": catalogue.campaigns, "counts": Counter(each.campaign for each in catalogue.contents),
        "draft": draft, "problem": problem, "files": media_of(desk), "films": desk.films.listed,
        "versions": desk.versions(), "history": desk.history()[:20], "largest": largest_upload_mb(),
        "suffixes": ",".join(PICTURES + FILMS + (OTHER_FILMS if ffmpeg() else ())),
    }  # fmt: skip
    return page(request, session, "contents.html", context)


@router.get("/export", dependencies=[EDITOR])
def export(request: Request) -> Response:
    """Download the draft as YAML, or what is published if there is no draft."""
    desk = desk_of(request)
    name = f'attachment; filename="{desk.file.name}"'
    return Response(desk.text, media_type="application/yaml", headers={"Content-Disposition": name})


@router.post("/import")
async def bring_in(request: Request, session: Editor, file: Annotated[UploadFile, File()], csrf: Csrf = "") -> Response:
    """Import a whole YAML file as the draft."""
    check_form(request, session, csrf)
    try:
        text = (await file.read(CHUNK)).decode("utf-8")
        await run_in_threadpool(desk_of(request).bring_in, text, by=session.account.name)
        session.told = _("Imported as the draft; look at it, then publish it.")
    except UnicodeDecodeError:
        session.told = Warned(_("Not imported. It is not text in UTF-8."))
    except InputError as error:
        session.told = Warned(_("Not imported. %(why)s", why=error))
    return back()


@router.post("/publish")
def publish(request: Request, session: Editor, csrf: Csrf = "") -> Response:
    """Publish the draft on the stand."""
    told = _("Published: the stand shows it in a moment.")
    if pages_of(request).fleet:
        told = _("Published here. Under Releases it goes to stands.")
    return do(request, session, csrf, lambda desk, by: desk.publish(by=by), told)


@router.post("/discard")
def discard(request: Request, session: Editor, csrf: Csrf = "") -> Response:
    """Delete the draft."""
    return do(request, session, csrf, lambda desk, by: desk.discard(by=by), _("The draft is discarded."))


@router.post("/loop")
def move(
    request: Request, session: Editor, name: Annotated[str, Form()], place: Annotated[int, Form()],
    steps: Annotated[Literal["-1", "1"], Form()], csrf: Csrf = "",
) -> Response:  # fmt: skip
    """Move a content of the standard loop to an earlier or later place."""
    told = _("Moved. The stand shows it so once it is published.")
    return do(request, session, csrf, lambda desk, by: desk.move(place, name, int(steps), by=by), told)


@router.post("/versions/{version}")
def bring_back(request: Request, session: Editor, version: str, csrf: Csrf = "") -> Response:
    """Bring back an earlier version."""
    return do(
        request, session, csrf, lambda desk, by: desk.bring_back(version, by=by),
        _("Brought back: the stand shows it in a moment. What it showed until now is a version too."),
    )  # fmt: skip


@router.get("/edit/{name}")
def content_page(request: Request, session: Editor, name: str) -> Response:
    """Show the form of a content and its preview."""
    desk = desk_of(request)
    content = desk.content(name) if name != NEW else {"campaign": desk.data["campaigns"][0]["id"], "audience": "anyone"}
    if content is None:
        raise HTTPException(404, _("No such content."))
    return _form(request, session, name, values_of(content), mark_of(content), name in desk.data["loop"], {})


@router.post("/edit/{name}")
def save(request: Request, session: Editor, name: str, sent: Typed) -> Response:
    """Save the form in the draft."""
    desk, before = desk_of(request), None if name == NEW else name
    content, mark = {"id": before or "", **content_of(sent)}, sent.texts.get("mark", "")
    in_loop = "in_loop" in sent.texts
    try:
        desk.save(content, before, mark, in_loop, by=session.account.name)
    except InputError as error:
        field, told = _place(desk, before, error)
        values = values_of({}) | dict(sent.texts) | dict(sent.lists)
        return _form(request, session, name, values, mark, in_loop, {field: told}, status=422)
    session.told = _("Saved in the draft. The stand shows it once it is published.")
    return RedirectResponse(f"{HERE}/edit/{content['id']}", status_code=303)


@router.post("/edit/{name}/preview")
def look(request: Request, name: str, sent: Typed) -> dict[str, Any]:
    """Return the screen of what is typed, or why there is none, and who has changed the content meanwhile."""
    desk, before = desk_of(request), None if name == NEW else name
    content = {"id": before or _UNNAMED, **content_of(sent)}
    changed = desk.changed("contents", before, sent.texts.get("mark", "")) or ""
    try:
        catalogue = desk.preview(content, before)
    except InputError as error:
        field, told = _place(desk, before, error)
        return {"changed": changed, "field": field, "why": told}
    screen = pages_of(request).screens.content(catalogue.by_id[content["id"]], catalogue) | {"page": None}
    return {"changed": changed, "screen": screen}


@router.post("/edit/{name}/delete")
def delete(request: Request, session: Editor, name: str, csrf: Csrf = "") -> Response:
    """Remove a content from the draft."""
    return do(
        request, session, csrf, lambda desk, by: desk.delete(name, by=by),
        _("%(name)s is not in the draft any more.", name=name),
    )  # fmt: skip


@router.get("/edit/{name}/preview", dependencies=[EDITOR])
def preview(request: Request, name: str) -> Response:
    """Show a content as the display does, in a frame of the editor's page."""
    services = pages_of(request)
    screen = None
    if name != NEW:
        catalogue = desk_of(request).catalogue()
        if name not in catalogue.by_id:
            raise HTTPException(404, _("No such content."))
        screen = services.screens.content(catalogue.by_id[name], catalogue) | {"page": None}
    response = TEMPLATES.TemplateResponse(request, "preview.html", {"screen": screen})
    response.headers["Content-Security-Policy"] = CONTENT_POLICY.replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _place(desk: Desk, before: str | None, error: InputError) -> tuple[str, str]:
    """Return the field of the form that an error is about, and its text."""
    ids = [each["id"] for each in desk.data["contents"]]
    return place_of(error.message, ids.index(before) if before in ids else len(ids))


def _form(
    request: Request, session: Login, name: str, values: dict[str, Any], mark: str, in_loop: bool,
    wrong: dict[str, str], status: int = 200,
) -> Response:  # fmt: skip
    desk = desk_of(request)
    data, files_ = desk.data, media_of(desk)
    context = {
        "name": name, "value": values, "mark": mark, "in_loop": in_loop, "wrong": wrong,
        "file_options": [("", _("None")), *((file, file) for file in files_)],
        "audiences": sorted({each.get("audience", "anyone") for each in data["contents"]} | {"anyone", "loyal"}),
        "campaigns": [(each["id"], each["name"]) for each in data["campaigns"]], "days": DAYS,
        "day_names": day_names(), "logos": [("", _("None")), *((file, file) for file in files_ if not is_film(file))],
        "other_options": [(each["id"], each["id"]) for each in data["contents"] if each["id"] != name],
        "known": desk.content(name) is not None,
    }  # fmt: skip
    response = page(request, session, "content.html", context)
    response.status_code = status
    response.headers["Content-Security-Policy"] = CONTENT_POLICY + "; frame-src 'self'"
    return response


def do(request: Request, session: Login, csrf: str, act: Any, told: str) -> Response:
    """Do something for an editor and go back to all contents."""
    check_form(request, session, csrf)
    try:
        act(desk_of(request), session.account.name)
        session.told = told
    except InputError as error:
        session.told = Warned(_("Not done. %(why)s", why=error.told))
    return back()


def back() -> Response:
    """Go back to all contents."""
    return RedirectResponse(HERE, status_code=303)


def desk_of(request: Request) -> Desk:
    """Return the desk where contents are edited.

    Raises:
        HTTPException: The contents are edited elsewhere.
    """
    desk = pages_of(request).desk
    if desk is None:
        raise HTTPException(
            409, _("The fleet of this stand publishes its contents; they are edited on the pages of the fleet.")
        )
    return desk


def media_of(desk: Desk) -> list[str]:
    """List the media that can be chosen: those of the catalogue's folder and the uploaded ones."""
    folder = desk.file.parent
    found = [path for place in (folder, folder / UPLOADS) if place.is_dir() for path in sorted(place.iterdir())]
    return [
        path.relative_to(folder).as_posix()
        for path in found
        if path.suffix.lower() in PICTURES + FILMS and not path.name.startswith(".") and not path.is_symlink()
    ]


def _state(content: Any, published: dict[str, Any]) -> str:
    """Say what publishing would do to a content."""
    if content.id not in published:
        return "new"
    return "" if published[content.id] == content else "changed"


def _image_of(content: Any) -> str | None:
    return next((name for _, name in content.medium.files), None) if content.medium else None
