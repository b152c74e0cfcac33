"""The page of tills and its interface: codes of offers, redeemed at once, or later after an outage."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from faceline.stand.clock import now
from faceline.stand.offers.redeeming import Offers, Status
from faceline.stand.web.login import address_of, same_origin
from faceline.stand.web.services import HERE, TEMPLATES, services_of
from faceline.stand.web.tokens import Token
from faceline.stand.web.who_asks import checked, checked_word
from faceline.stand.words import _

router = APIRouter(prefix="/redeem")

COOKIE: Final = "stand_till"
_YEAR: Final = 365 * 24 * 3600
_MOST: Final = 200


class Sent(BaseModel):
    """A code that a till has accepted."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=40)]
    at: Annotated[AwareDatetime | None, Field(description="when the till took it; null: now")] = None


class Codes(BaseModel):
    """Codes that a till has accepted, the oldest first."""

    model_config = ConfigDict(extra="forbid")

    codes: Annotated[list[Sent], Field(min_length=1, max_length=_MOST)]


class Redeemed(BaseModel):
    """The result of a code."""

    status: Annotated[Status, Field(description="taken, already, expired, unknown, not_yours, or later: send it again")]
    offer: str
    content: str
    at: datetime | None


class Answer(BaseModel):
    """The result of each code, in their order."""

    codes: list[Redeemed]


def till(request: Request) -> Token:
    """Return the token of a till, from a program's header or from the page's cookie."""
    if "authorization" in request.headers:
        return checked(request, "redeem")
    if not same_origin(request):
        raise HTTPException(403, "This comes from another page.")
    return checked_word(request, request.cookies.get(COOKIE, ""), "redeem")


Till = Annotated[Token, Depends(till)]


@router.get("")
def till_page(request: Request, token: str | None = None) -> Response:
    """Return the page; the token of its first address goes into a cookie and out of the address at once."""
    services = services_of(request)
    offers_of(request)
    if token is not None:
        checked_word(request, token, "redeem")
        response: Response = RedirectResponse("/redeem", status_code=303)
        response.set_cookie(
            COOKIE, token, max_age=_YEAR, httponly=True, samesite="strict", secure=services.secure, path="/redeem"
        )
        return response
    try:
        till(request)
    except HTTPException as error:
        if error.status_code != 401:
            raise
        told = _(
            "Open this page by the address of this till, which holds its token. It was told when the till was set up."
        )
        raise HTTPException(401, told) from None
    page = TEMPLATES.TemplateResponse(request, "till.html", {"stand": services.stand})
    page.headers["Cache-Control"] = "no-cache"  # the service worker keeps it for when the network is away
    return page


@router.get("/worker.js")
def worker() -> Response:
    """Return the service worker that keeps the page of a till."""
    return FileResponse(
        HERE / "static" / "till_worker.js", media_type="text/javascript", headers={"Service-Worker-Allowed": "/redeem"}
    )


@router.get("/kit")
def kit(request: Request, token: Till) -> dict[str, Any]:
    """Return what a till needs to check codes for a day without the network: keys of days, and the offers."""
    return offers_of(request).kit(token.campaigns, now().utc)


@router.post("/codes")
def redeem(request: Request, token: Till, sent: Codes) -> Answer:
    """Count codes as taken, each once, however often it is sent. Scope: redeem."""
    offers, services = offers_of(request), services_of(request)
    told = []
    for each in sent.codes:
        found = offers.redeem(each.code, each.at or now().utc, token.campaigns, by=token.name)
        if found.status == "unknown" and services.codes.wait(address_of(request)):
            raise HTTPException(429, "Too many codes that are none. Wait a minute.")
        told.append(Redeemed(status=found.status, offer=found.offer, content=found.content, at=found.at))
    return Answer(codes=told)


def offers_of(request: Request) -> Offers:
    """Return the offers of the stand.

    Raises:
        HTTPException: The stand was started without codes.
    """
    offers = services_of(request).offers
    if offers is None:
        raise HTTPException(404, "This stand shows no codes; start it with offer_codes=true.")
    return offers
