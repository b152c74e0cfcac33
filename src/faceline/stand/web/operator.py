"""The operator's pages: what the stand sees and decides, its health, and who is enrolled."""

import asyncio
import contextlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.audience.perception import Face
from faceline.stand.board import State
from faceline.stand.clock import now
from faceline.stand.recognition.collection import Guidance
from faceline.stand.sentences import retold
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.login import check_form, language_of, needs, same_origin, session_of
from faceline.stand.web.services import TEMPLATES, Services, pages_of, services_of
from faceline.stand.web.terms import IN_PLAIN_WORDS
from faceline.stand.words import _, speaking

router = APIRouter(prefix="/operator")

_STEP: Final = 0.1  # seconds between two pictures of the live view
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"

Operator = Annotated[Login, needs("operator")]


@router.get("")
def operator_page(request: Request, session: Operator) -> Response:
    """Show the live view."""
    services = services_of(request)
    shown = list(services.director.offers)  # copied at once: the loop goes on meanwhile
    zone = services.director.policy.zone
    offers = [(str(each.impression), each.decision.content, each.since.utc.astimezone(zone)) for each in shown]
    context = {"offers": offers[::-1], "picture": services.live_picture}
    return page(request, session, "operator.html", context)


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Send what the stand sees and its health, ten times a second."""
    session = session_of(socket)
    if not same_origin(socket):
        await socket.close(code=1008)
        return
    await socket.accept()
    if session is None or session.account.role != "operator":
        await socket.close(code=1008)  # after it was accepted: else browsers do not tell the page why
        return
    services = services_of(socket)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError), speaking(language_of(socket)):
        while session_of(socket) is session:  # until they log out
            await socket.send_json(live_state(services.board.state, services))
            await asyncio.sleep(_STEP)
        await socket.close(code=1008)


@router.get("/picture", dependencies=[needs("operator")])
def picture(request: Request) -> Response:
    """Return the newest frame, if that was allowed at the start."""
    services = services_of(request)
    if not services.live_picture or services.board.state.picture is None:
        raise HTTPException(404, _("No picture is shown: points and boxes are enough to see that the stand works."))
    return Response(services.board.state.picture, media_type="image/jpeg")


@router.post("/offers/{impression}")
def take_offer(request: Request, session: Operator, impression: int, csrf: Annotated[str, Form()] = "") -> Response:
    """Record that somebody took the offer that they saw."""
    check_form(request, session, csrf)
    try:
        services_of(request).director.take_offer(impression, now())
        session.told = _("Noted: an offer was taken.")
    except InputError as error:
        session.told = Warned(error.told)
    return RedirectResponse("/operator", status_code=303)


def live_state(state: State, services: Services) -> dict[str, Any]:
    """Return the values of the live view: points and boxes on [0, 1] of the frame, measures, decisions, health."""
    width, height = state.size if min(state.size) > 0 else (640, 480)
    showing = state.showing
    decision = showing.decision if showing else None
    health = state.health
    return {
        "ratio": round(width / height, 4),
        "guidance": state.guidance and _in_words(state.guidance),
        "faces": [_told(face, state, width, height) for face in state.faces],
        "screen": services.screens.of(showing, services.catalogue),
        "decision": decision
        and {
            "reason": _(IN_PLAIN_WORDS.get(decision.reason, decision.reason)),
            "probability": round(decision.probability, 3),
            "arm": decision.arm and _(decision.arm),
            "people": decision.people,
        },
        "silent": state.silent(now().steady),
        "health": {
            "fps": round(health.frames_per_second, 1),
            "latency": health.latency_ms and round(health.latency_ms),
            "warnings": [retold(told) for told in health.warnings],
            "camera": health.camera,
            "logging": health.logging,
            "enrolled": health.enrolled,
            "displays": services.displays,
            **health.counts,
        },
    }


def _in_words(guidance: Guidance) -> dict[str, Any]:
    """Translate the instructions for the person who is being enrolled."""
    advice = guidance.advice and _(guidance.advice)
    return {**guidance._asdict(), "asked": _(guidance.asked), "advice": advice}


def label(number: int) -> str:
    """Return two letters by which the operator can name a face; they mean nothing after the visit."""
    return _LETTERS[number % 24] + _LETTERS[number // 24 % 24]


def place(face: Face, state: State) -> str:
    """Return in words where in the picture a face is."""
    share = float(face.landmarks[:, 0].mean()) / max(state.size[0], 1)
    return _("left") if share < 0.4 else _("right") if share > 0.6 else _("middle")


def _told(face: Face, state: State, width: int, height: int) -> dict[str, Any]:
    reaction = face.reaction
    return {
        "number": str(face.number),  # scripts would round it
        "label": label(face.number),
        "place": place(face, state),
        "points": [[round(float(x) / width, 4), round(float(y) / height, 4)] for x, y in face.landmarks],
        "yaw": round(face.yaw),
        "pitch": round(face.pitch),
        "attending": reaction.attending,
        "dwell": round(reaction.dwell, 1),
        "attention": round(reaction.attention, 1),
        "group": _(reaction.group),
        "cluster": face.cluster,
        "smile": round(reaction.smile, 3),
        "mouth_open": round(reaction.mouth_open, 3),
        "brow_raise": round(reaction.brow_raise, 3),
        "eye_opening": round(reaction.eye_opening, 2),
        "interested": reaction.interested,
        "name": _name(state, face.number),
        "identity": _identity(state, face.number),
    }


def _name(state: State, number: int) -> str | None:
    """Return the name of an enrolled person's face."""
    person = state.customers.get(number)
    return None if person is None else person.greeting or "enrolled"


def _identity(state: State, number: int) -> dict[str, Any] | None:
    """Return who a visitor is, with what probability, since when, and why not."""
    standing = state.standings.get(number)
    if standing is None:
        return None
    since = None if standing.since is None or state.at is None else max(state.at - standing.since, 0.0)
    similarity, wanted = round(standing.similarity, 2), round(standing.wanted, 2)
    if standing.similarity < standing.wanted:  # rounding does not let it look reached
        similarity = min(similarity, wanted - 0.01)
    return {
        "why": _(standing.why),
        "probability": None if standing.probability is None else round(standing.probability, 3),
        "similarity": similarity,
        "wanted": wanted,
        "seconds": None if since is None else round(since, 1),
    }


def page(request: Request, session: Login, name: str, context: dict[str, Any]) -> Response:
    """Render a page of the operator with its last notice."""
    services = pages_of(request)
    told, session.told = session.told, ""
    shared = {
        "stand": services.stand,
        "fleet": services.fleet,
        "account": session.account,
        "csrf": session.csrf,
        "told": told,
    }
    return TEMPLATES.TemplateResponse(request, name, {**shared, **context})
