"""The operator's pages: what the stand sees and decides, how it is, and who is enrolled."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.audience.perception import Face
from faceline.stand.board import State, screen_of
from faceline.stand.clock import now
from faceline.stand.consent.consent_text import LONGEST_DAYS
from faceline.stand.consent.enrolment import Consent, Enrolment, Person
from faceline.stand.recognition.recogniser import Recogniser, Sample
from faceline.stand.web.access import Login
from faceline.stand.web.login import check_form, needs, same_origin, session_of
from faceline.stand.web.services import TEMPLATES, Services, services_of

router = APIRouter(prefix="/operator")

_STEP: Final = 0.1  # seconds between two pictures of the live view
_LONGEST_WAIT: Final = 15.0
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"

Operator = Annotated[Login, needs("operator")]


@router.get("")
def operator_page(request: Request, session: Operator) -> Response:
    """The live view."""
    services = services_of(request)
    shown = list(services.director.offers)  # copied at once: the loop goes on meanwhile
    zone = services.director.policy.zone
    offers = [(str(each.impression), each.decision.content, each.since.utc.astimezone(zone)) for each in shown]
    context = {"offers": offers[::-1], "picture": services.live_picture}
    return _page(request, session, "operator.html", context)


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """What the stand sees and how it is, ten times a second."""
    session = session_of(socket)
    if session is None or session.account.role != "operator" or not same_origin(socket):
        await socket.close(code=1008)
        return
    await socket.accept()
    services = services_of(socket)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while session_of(socket) is session:  # until they log out
            await socket.send_json(live_state(services.board.state, services))
            await asyncio.sleep(_STEP)
        await socket.close(code=1008)


@router.get("/picture", dependencies=[needs("operator")])
def picture(request: Request) -> Response:
    """The newest frame, where that was allowed when the stand was started."""
    services = services_of(request)
    if not services.live_picture or services.board.state.picture is None:
        raise HTTPException(404, "No picture is shown: points and boxes are enough to see that the stand works.")
    return Response(services.board.state.picture, media_type="image/jpeg")


@router.post("/offers/{impression}")
def take_offer(request: Request, session: Operator, impression: int, csrf: Annotated[str, Form()] = "") -> Response:
    """Somebody took the offer that they saw."""
    check_form(request, session, csrf)
    try:
        services_of(request).director.take_offer(impression, now())
        session.told = "Noted: an offer was taken."
    except InputError as error:
        session.told = error.told
    return RedirectResponse("/operator", status_code=303)


@router.get("/people")
def people_page(request: Request, session: Operator) -> Response:
    """Who is enrolled, and the form to enrol or withdraw."""
    services = services_of(request)
    people: list[dict[str, Any]] = []
    told = ""
    if services.enrolment is not None:
        try:
            people = services.enrolment.people()
        except InputError as error:
            told = error.told
    present = [
        (face.number, label(face.number), _place(face, services.board.state)) for face in services.board.state.faces
    ]
    context = {
        "can_enrol": services.recogniser is not None,
        "people": people,
        "present": present,
        "problem": told,
        "consent": services.consent,
        "longest": LONGEST_DAYS,
    }
    return _page(request, session, "people.html", context)


@router.post("/people")
async def enrol(
    request: Request,
    session: Operator,
    csrf: Annotated[str, Form()] = "",
    face: Annotated[int | None, Form()] = None,
    given_by: Annotated[str, Form(max_length=120)] = "",
    greeting: Annotated[str, Form(max_length=60)] = "",
    group: Annotated[str, Form(max_length=40)] = "",
    days: Annotated[int, Form(ge=1, le=LONGEST_DAYS)] = 365,
    agreed: Annotated[bool, Form()] = False,
) -> Response:
    """Enrol somebody who stands there and has agreed."""
    check_form(request, session, csrf)
    services = services_of(request)
    if services.recogniser is None or services.enrolment is None:
        raise HTTPException(409, "Nobody can be enrolled: the stand was started without an embedder.")
    at = datetime.now(UTC)
    consent = Consent(given_by.strip(), services.consent.purpose, services.consent.mark, at, at + timedelta(days=days))
    person = Person(greeting.strip() or None, group.strip() or None)
    try:
        if not agreed:
            raise InputError("Nobody is enrolled who has not read the text and agreed to it.")
        if face is None:
            raise InputError("Choose who of those present is to be enrolled.")
        samples = await _gather(services.recogniser, face)
        await run_in_threadpool(_enrol, services.enrolment, person, consent, samples, session.account.name)
        await run_in_threadpool(services.recogniser.refresh)
        session.told = f"Enrolled: {given_by.strip()}."
    except InputError as error:
        session.told = f"Not enrolled. {error.told}"
    return RedirectResponse("/operator/people", status_code=303)


@router.post("/people/{person}/withdraw")
def withdraw(request: Request, session: Operator, person: str, csrf: Annotated[str, Form()] = "") -> Response:
    """Delete all that is stored of somebody."""
    check_form(request, session, csrf)
    services = services_of(request)
    try:
        _people(services).withdraw(person, by=session.account.name)
        session.told = "Withdrawn: consent and template are deleted."
    except InputError as error:
        session.told = error.told
    if services.recogniser is not None:
        services.recogniser.refresh()
    return RedirectResponse("/operator/people", status_code=303)


@router.post("/people/{person}/export")
def export(request: Request, session: Operator, person: str, csrf: Annotated[str, Form()] = "") -> Response:
    """All that is stored of somebody, for them to take along."""
    check_form(request, session, csrf)
    try:
        told = _people(services_of(request)).export(person, by=session.account.name)
    except InputError as error:
        raise HTTPException(404, error.told) from None
    name = "".join(filter(str.isalnum, person))
    return Response(
        json.dumps(told, indent=2, default=str),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="person-{name}.json"'},
    )


def live_state(state: State, services: Services) -> dict[str, Any]:
    """What the live view is told: points and boxes on [0, 1] of the frame, measures, decisions, health."""
    width, height = state.size if min(state.size) > 0 else (640, 480)
    showing = state.showing
    decision = showing.decision if showing else None
    health = state.health
    return {
        "ratio": round(width / height, 4),
        "faces": [_told(face, state, width, height) for face in state.faces],
        "screen": screen_of(showing, services.catalogue),
        "decision": decision
        and {
            "reason": decision.reason,
            "probability": round(decision.probability, 3),
            "arm": decision.arm,
            "people": decision.people,
        },
        "health": {
            "fps": round(health.frames_per_second, 1),
            "latency": health.latency_ms and round(health.latency_ms),
            "warnings": list(health.warnings),
            "camera": health.camera,
            "logging": health.logging,
            "enrolled": health.enrolled,
            "displays": services.displays,
            **health.counts,
        },
    }


def label(number: int) -> str:
    """Two letters by which the operator can speak of a face; they mean nothing beyond the visit."""
    return _LETTERS[number % 24] + _LETTERS[number // 24 % 24]


def _told(face: Face, state: State, width: int, height: int) -> dict[str, Any]:
    reaction = face.reaction
    return {
        "label": label(face.number),
        "points": [[round(float(x) / width, 4), round(float(y) / height, 4)] for x, y in face.landmarks],
        "yaw": round(face.yaw),
        "pitch": round(face.pitch),
        "attending": reaction.attending,
        "dwell": round(reaction.dwell, 1),
        "attention": round(reaction.attention, 1),
        "group": reaction.group,
        "cluster": face.cluster,
        "smile": round(reaction.smile, 3),
        "mouth_open": round(reaction.mouth_open, 3),
        "brow_raise": round(reaction.brow_raise, 3),
        "eye_opening": round(reaction.eye_opening, 2),
        "interested": reaction.interested,
        "name": state.names.get(face.number),
    }


def _place(face: Face, state: State) -> str:
    share = float(face.landmarks[:, 0].mean()) / max(state.size[0], 1)
    return "left" if share < 0.4 else "right" if share > 0.6 else "middle"


async def _gather(recogniser: Recogniser, face: int) -> list[Sample]:
    """A few frames of somebody who stands there."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(recogniser.collect(face)), _LONGEST_WAIT)
    except TimeoutError:
        raise InputError("No frames came in time; look at the warnings of the stand.") from None


def _enrol(enrolment: Enrolment, person: Person, consent: Consent, samples: list[Sample], by: str) -> None:
    import numpy as np  # noqa: PLC0415

    if not samples:
        raise InputError("No frame of that face could be taken; the person should stand still and look at the screen.")
    enrolment.enrol(person, consent, np.stack([s.embedding for s in samples]), [s.quality for s in samples], by=by)


def _people(services: Services) -> Enrolment:
    if services.enrolment is None:
        raise HTTPException(409, "Nobody is enrolled here: the stand was started without an embedder.")
    return services.enrolment


def _page(request: Request, session: Login, name: str, context: dict[str, Any]) -> Response:
    services = services_of(request)
    told, session.told = session.told, ""
    shared = {"stand": services.stand, "account": session.account, "csrf": session.csrf, "told": told}
    return TEMPLATES.TemplateResponse(request, name, {**shared, **context})
