"""The editor's page of a campaign: what was sold to it, when it runs, and the looks of its brand."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.content.artwork import is_film
from faceline.stand.content.desk import mark_of
from faceline.stand.content.schedule import DAYS
from faceline.stand.web.access import Login
from faceline.stand.web.campaign_form import campaign_of, campaign_values
from faceline.stand.web.content_form import place_of
from faceline.stand.web.contents import HERE, NEW, Editor, Typed, desk_of, do, media_of
from faceline.stand.web.operator import page
from faceline.stand.words import _, day_names

router = APIRouter(prefix=f"{HERE}/campaigns")


@router.get("/{name}")
def campaign_page(request: Request, session: Editor, name: str) -> Response:
    """Show the form of a campaign."""
    campaign = {} if name == NEW else desk_of(request).campaign(name)
    if campaign is None:
        raise HTTPException(404, _("No such campaign."))
    return _form(request, session, name, campaign_values(campaign), mark_of(campaign), {})


@router.post("/{name}")
def save(request: Request, session: Editor, name: str, sent: Typed) -> Response:
    """Save the form in the draft."""
    desk, mark = desk_of(request), sent.texts.get("mark", "")
    before, number = (None, sent.filled.get("id", "")) if name == NEW else (name, name)
    try:
        if before is None and desk.campaign(number) is not None:
            raise InputError(f"campaigns.-1.id: another campaign is called {number} too")
        campaign = {"id": number, **campaign_of(sent)}
        if isinstance(campaign.get("share"), float) and not 0 < campaign["share"] <= 1:
            raise InputError("campaigns.-1.share: expected per cent, above 0 and at most 100")
        desk.save_campaign(campaign, before, mark, by=session.account.name)
    except InputError as error:
        ids = [each["id"] for each in desk.data["campaigns"]]
        place = ids.index(before) if before in ids else len(ids)
        message = error.message.replace("campaigns.-1.", f"campaigns.{place}.")
        field, told = place_of(message, place, "campaigns")
        values = campaign_values({}) | dict(sent.texts) | dict(sent.lists)
        return _form(request, session, name, values, mark, {field: told}, status=422)
    session.told = _("Saved in the draft. The stand shows it once it is published.")
    return RedirectResponse(HERE, status_code=303)


@router.post("/{name}/delete")
def delete(request: Request, session: Editor, name: str, csrf: Annotated[str, Form()] = "") -> Response:
    """Remove a campaign from the draft."""
    told = _("%(name)s is not in the draft any more.", name=name)
    return do(request, session, csrf, lambda desk, by: desk.delete_campaign(name, by=by), told)


def _form(
    request: Request, session: Login, name: str, values: dict[str, Any], mark: str, wrong: dict[str, str],
    status: int = 200,
) -> Response:  # fmt: skip
    desk = desk_of(request)
    logos = [(file, file) for file in media_of(desk) if not is_film(file)]
    context = {
        "name": name, "value": values, "mark": mark, "wrong": wrong, "logos": [("", _("None")), *logos], "days": DAYS,
        "day_names": day_names(), "known": desk.campaign(name) is not None,
        "its": [each for each in desk.data["contents"] if each["campaign"] == name],
    }  # fmt: skip
    response = page(request, session, "campaign.html", context)
    response.status_code = status
    return response
