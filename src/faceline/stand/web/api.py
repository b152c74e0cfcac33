"""The API for other programs, below ``/api/v1``: described by itself, opened by tokens."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, FastAPI, Query, Request, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from faceline.stand.clock import now
from faceline.stand.live.feed import KINDS, Kind, Subscription, message_of
from faceline.stand.web import till
from faceline.stand.web.health import state_of
from faceline.stand.web.services import Services, services_of
from faceline.stand.web.tokens import Token
from faceline.stand.web.who_asks import BEARER, checked, may

HERE: Final = "/api/v1"

_QUIET: Final = 20.0  # seconds after which a quiet listener is told that the stand is there
_ABOUT: Final = """What a stand of faceline tells other programs. Each address asks for a token with a scope:
`faceline tokens action=add name=cms scopes=[audience,figures]`. See docs/api.md."""


class Health(BaseModel):
    """The health of the stand."""

    stand: str
    version: str
    status: Annotated[str, Field(description="ok, warning, starting or silent")]
    problems: Annotated[dict[str, str], Field(description="kind of problem, and a sentence about it")]
    frames_per_second: float
    delay_ms: Annotated[float | None, Field(description="from a frame to its decision, 95th percentile")]
    silent_seconds: Annotated[float | None, Field(description="since the loop was last heard of, where it is silent")]
    camera: bool
    store: Annotated[bool, Field(description="whether events are written")]
    displays: int
    counts: dict[str, int]


class Customer(BaseModel):
    """An enrolled person."""

    name: Annotated[str | None, Field(description="which they chose to be called by before others; else null")]
    group: str | None


class Audience(BaseModel):
    """The people before the screen now."""

    stand: str
    at: datetime
    people: int
    attending: int
    customers: Annotated[int, Field(description="how many of them are recognised")]
    content: str | None
    campaign: str | None
    known: Annotated[list[Customer] | None, Field(description="those recognised; for the scope names only")] = None


class Figures(BaseModel):
    """Figures of days that are over. Counts are rounded, and sums about few people are missing."""

    first_day: date
    last_day: date
    smallest_group: int
    verdict: str
    table: str
    rows: list[dict[str, Any]]


class Refusal(BaseModel):
    """The reason of a refusal."""

    detail: str


Table = Literal["total", "day", "hour", "content", "campaign", "stand", "uplift", "plays"]

_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Refusal, "description": "No token of this stand."},
    403: {"model": Refusal, "description": "The token does not open this."},
}


def create_api(services: Services) -> FastAPI:
    """Create the application below ``/api/v1``."""
    api = FastAPI(
        title="faceline stand", version=version("faceline"), description=_ABOUT, docs_url=None, redoc_url=None,
        redirect_slashes=False, responses=_REFUSALS, dependencies=[Depends(BEARER)], root_path_in_servers=False,
        servers=[{"url": HERE}],
    )  # fmt: skip
    api.state.services = services
    api.get("/health", summary="How the stand is")(health)
    api.get("/audience", summary="Who is there now", response_model_exclude_unset=True)(audience)
    api.get("/figures/{table}", summary="Figures of days that are over")(figures)
    api.get("/offers/kit", summary="What a till needs for a day without the network")(till.kit)
    api.post("/offers/redeem", summary="Offers that a till has taken")(till.redeem)
    api.websocket("/live")(live)
    return api


def health(request: Request, _: Annotated[Token, Depends(may("health"))]) -> Health:
    """Return what the operator's page says about the stand itself. Scope: health."""
    services = services_of(request)
    state, (status, _problems) = services.board.state, state_of(services)
    told = state.health
    return Health(
        stand=services.stand,
        version=version("faceline"),
        status=status,
        problems={str(kind): sentence for kind, sentence in told.problems.items()},
        frames_per_second=round(told.frames_per_second, 2),
        delay_ms=told.latency_ms and round(told.latency_ms, 1),
        silent_seconds=state.silent(now().steady),
        camera=told.camera,
        store=told.logging,
        displays=services.displays,
        counts=told.counts,
    )


def audience(request: Request, token: Annotated[Token, Depends(may("audience"))]) -> Audience:
    """Return the number of people and the content. Scope: audience; the scope names adds chosen names."""
    services = services_of(request)
    state = services.board.state
    if state.silent(now().steady) is not None:
        raise HTTPException(503, "The stand sees nothing at the moment.")
    told = message_of("audience_changed", services.stand, datetime.now(UTC), state)
    known = [Customer(name=person.greeting, group=person.group) for person in state.customers.values()]
    return Audience(
        stand=told.stand, at=told.at, people=told.people, attending=told.attending, customers=len(known),
        content=told.content, campaign=told.campaign, **({"known": known} if "names" in token.scopes else {}),
    )  # fmt: skip


def figures(
    request: Request,
    token: Annotated[Token, Depends(may("figures"))],
    table: Table,
    campaign: Annotated[str | None, Query(description="only this one; else all")] = None,
    since: Annotated[date | None, Query(description="first day")] = None,
    until: Annotated[date | None, Query(description="last day")] = None,
) -> Figures:
    """Return a table of the advertiser's page, or proof of play. Scope: figures, for the token's campaigns."""
    services = services_of(request)
    if not token.sees(campaign or ""):
        raise HTTPException(403, f"The token {token.name} opens {', '.join(token.campaigns or ())} only; name one.")
    if campaign and campaign not in services.catalogue.campaign_by_id:
        raise HTTPException(404, f"{campaign}: no such campaign on this stand.")
    if since and until and until < since:
        raise HTTPException(400, f"{until} is before {since}; choose a last day that is not before the first.")
    told = services.figures(campaign, since, until)
    if told["empty"]:
        raise HTTPException(404, f"{told['empty']}.")
    frame = told["frames"]()[table]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    first, last = told["period"]
    return Figures(
        first_day=first, last_day=last, smallest_group=told["smallest_group"], verdict=told["verdict"], table=table,
        rows=rows,
    )  # fmt: skip


async def live(socket: WebSocket) -> None:
    """Send messages about the live audience. Scope: audience; the scope names adds chosen names."""
    services = services_of(socket)
    kinds = _kinds(socket.query_params.get("kinds"))
    try:
        token = checked(socket, "audience")
    except HTTPException:
        kinds = None
    if kinds is None or services.feed is None:
        await socket.close(code=1008)
        return
    await socket.accept()
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(changed.set)

    subscription = services.feed.listen(wake, kinds)
    reader = asyncio.create_task(_until_left(socket))
    try:
        while not reader.done() and services.tokens is not None and token in services.tokens.all:
            changed.clear()
            await _send_all(socket, subscription, "names" in token.scopes)
            waiting = asyncio.create_task(changed.wait())
            await asyncio.wait({waiting, reader}, timeout=_QUIET, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done() and not reader.done():
                await socket.send_json({"kind": "quiet"})
            waiting.cancel()
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        services.feed.leave(subscription)
        reader.cancel()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code=1008)


async def _send_all(socket: WebSocket, subscription: Subscription, names: bool) -> None:
    while (first := subscription.first()) is not None:
        number, message = first
        await socket.send_json({"stream": subscription.stream, "number": number, **message.told(names)})
        subscription.done()


async def _until_left(socket: WebSocket) -> None:
    """Wait until the listener leaves, and ignore what it sends."""
    with contextlib.suppress(WebSocketDisconnect, KeyError):
        while True:
            await socket.receive_text()


def _kinds(asked: str | None) -> list[Kind] | None:
    """Return the kinds of messages that a listener wants; None if one is unknown."""
    if not asked:
        return list(KINDS)
    unknown = Counter(asked.split(",")) - Counter(KINDS)
    return None if unknown else [kind for kind in KINDS if kind in asked.split(",")]
