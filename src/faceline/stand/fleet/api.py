"""The interface for stands. Each request carries the stand's secret; the fleet never calls a stand."""

from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from faceline.errors import InputError
from faceline.stand.fleet.intake import days_of, take_events
from faceline.stand.fleet.protocol import Batch, Joined, Joining, Orders, Report
from faceline.stand.fleet.services import FleetServices, fleet_of

router = APIRouter(prefix="/fleet")

_Message = TypeVar("_Message", bound=BaseModel)


@router.post("/join")
async def join(request: Request) -> Response:
    """Accept a stand into the fleet."""
    return await run_in_threadpool(_take_joining, fleet_of(request), await request.body())


@router.post("/report")
async def report(request: Request) -> Response:
    """Take a stand's report and answer what it should show."""
    return await run_in_threadpool(_take_report, fleet_of(request), _secret(request), await request.body())


@router.post("/events")
async def events(request: Request) -> Response:
    """Store a stand's events; the answer means that they are on the disk."""
    return await run_in_threadpool(_take_events, fleet_of(request), _secret(request), await request.body())


@router.get("/days")
def days(request: Request) -> Response:
    """Return the number of the stand's events that have come, by day."""
    fleet = fleet_of(request)
    stand = fleet.roster.caller(_secret(request))
    return _unknown() if stand is None else JSONResponse({"days": days_of(fleet.roster, stand)})


@router.get("/release/{name}")
def release(request: Request, name: str) -> Response:
    """Return the signed manifest of a release."""
    fleet = fleet_of(request)
    if fleet.roster.caller(_secret(request)) is None:
        return _unknown()
    signed = fleet.releases.signed(name)
    return _refused(f"{name}: no such release", 404) if signed is None else _answer(signed)


@router.get("/file/{digest}")
def file(request: Request, digest: str) -> Response:
    """Return a file of a release, by the digest of its content."""
    fleet = fleet_of(request)
    if fleet.roster.caller(_secret(request)) is None:
        return _unknown()
    found = fleet.releases.file(digest)
    return _refused("no such file", 404) if found is None else FileResponse(found)


def _take_joining(fleet: FleetServices, body: bytes) -> Response:
    try:
        asked = _read(body, Joining)
        group, secret = fleet.roster.join(asked.name, asked.token)
    except InputError as error:
        return _refused(error.told, 403)
    return _answer(Joined(group=group, secret=secret, public_key=fleet.key.public))


def _take_report(fleet: FleetServices, secret: str, body: bytes) -> Response:
    stand = fleet.roster.caller(secret)
    if stand is None:
        return _unknown()
    try:
        wanted = fleet.roster.take_report(stand, _read(body, Report))
    except InputError as error:
        return _refused(error.told)
    return _answer(Orders(every=fleet.every, wanted=wanted, software=fleet.releases.announced()))


def _take_events(fleet: FleetServices, secret: str, body: bytes) -> Response:
    stand = fleet.roster.caller(secret)
    if stand is None:
        return _unknown()
    try:
        return JSONResponse({"new": take_events(fleet.roster, stand, _read(body, Batch))})
    except InputError as error:
        return _refused(error.told)


def _read(body: bytes, kind: type[_Message]) -> _Message:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _secret(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _answer(message: BaseModel) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


def _refused(told: str, status: int = 422) -> Response:
    return JSONResponse({"detail": told}, status_code=status)


def _unknown() -> Response:
    return _refused("this fleet does not know the stand (any more); let it join again", 401)
