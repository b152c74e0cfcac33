"""The pages of a fleet: all stands at a glance, and one page for each."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.fleet.roster import Member
from faceline.stand.fleet.services import TEMPLATES, FleetServices, fleet_of
from faceline.stand.sentences import retold
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.login import check_form, needs
from faceline.stand.words import _, ago

router = APIRouter(prefix="/operator")

Operator = Annotated[Login, needs("operator")]
Csrf = Annotated[str, Form()]

_MISSED: Final = 3
"""Number of missing reports after which a stand no longer counts as well."""


@router.get("")
def stands_page(request: Request, session: Operator) -> Response:
    """Show all stands."""
    return page(request, session, "fleet.html", {**_overview(fleet_of(request)), "rows_only": False})


@router.get("/rows", dependencies=[needs("operator")])
def rows(request: Request) -> Response:
    """Show the rows of all stands again, for a page that is open."""
    return TEMPLATES.TemplateResponse(request, "fleet_rows.html", _overview(fleet_of(request)))


@router.get("/stands/{name}")
def stand_page(request: Request, session: Operator, name: str) -> Response:
    """Show one stand."""
    fleet, member = fleet_of(request), _member(request, name)
    context = {
        "row": _row(member, fleet, fleet.watch.alerts.raised()), "member": member, "report": member.report,
        "groups": list(fleet.roster.groups),
        "messages": [each._replace(told=retold(each.told)) for each in fleet.watch.alerts.messages(name, 30)],
    }  # fmt: skip
    return page(request, session, "fleet_stand.html", context)


@router.post("/stands/{name}/group")
def move(request: Request, session: Operator, name: str, group: Annotated[str, Form()], csrf: Csrf = "") -> Response:
    """Put a stand into another group."""
    check_form(request, session, csrf)
    try:
        fleet_of(request).roster.move(_member(request, name).name, group)
        session.told = _(
            "%(name)s belongs to %(group)s now, and is given what that group shows.", name=name, group=group
        )
    except InputError as error:
        session.told = Warned(_("Not done. %(why)s", why=error.told))
    return RedirectResponse(f"/operator/stands/{name}", status_code=303)


@router.post("/stands/{name}/again")
def let_join_again(request: Request, session: Operator, name: str, csrf: Csrf = "") -> Response:
    """Let a stand that has lost its secret join once more."""
    check_form(request, session, csrf)
    fleet_of(request).roster.let_join_again(_member(request, name).name)
    session.told = _("%(name)s is locked out until it joins again with the token of a group.", name=name)
    return RedirectResponse(f"/operator/stands/{name}", status_code=303)


@router.post("/stands/{name}/remove")
def remove(request: Request, session: Operator, name: str, csrf: Csrf = "") -> Response:
    """Remove a stand."""
    check_form(request, session, csrf)
    fleet_of(request).roster.remove(_member(request, name).name)
    session.told = _("%(name)s is removed; its events stay.", name=name)
    return RedirectResponse("/operator", status_code=303)


def page(request: Request, session: Login, name: str, context: dict[str, Any]) -> Response:
    """Render a page of the fleet, with its last notice."""
    told, session.told = session.told, ""
    shared = {"stand": fleet_of(request).stand, "fleet": True, "account": session.account, "csrf": session.csrf}
    return TEMPLATES.TemplateResponse(request, name, {**shared, "told": told, **context})


def _overview(fleet: FleetServices) -> dict[str, Any]:
    raised = fleet.watch.alerts.raised()
    found = [_row(member, fleet, raised) for member in fleet.roster.members]
    found.sort(key=lambda row: (row["rank"], row["name"]))
    states = ("silent", "warns", "well", "new")
    counts = {state: sum(row["state"] == state for row in found) for state in states}
    held = [retold(told) for stand, kinds in raised.items() if stand.startswith("group ") for told in kinds.values()]
    held += [
        _("Alerts do not arrive by %(way)s: %(why)s", way=way, why=why)
        for way, why in fleet.watch.messenger.problems.items()
    ]
    return {"rows": found, "counts": counts, "groups": list(fleet.roster.groups), "held": held}


def _row(member: Member, fleet: FleetServices, raised: dict[str, dict[str, str]]) -> dict[str, Any]:
    report, now = member.report, fleet.roster.clock()
    alerts = raised.get(member.name, {})
    warnings = [retold(told) for told in (*alerts.values(), *(() if report is None else report.warnings))]
    if report is None or member.seen is None:
        state = "new"
    elif now - member.seen > timedelta(seconds=_MISSED * fleet.every):
        state = "silent"
    else:
        state = "warns" if warnings else "well"
    return {
        "name": member.name, "group": member.group, "state": state, "warnings": warnings, "report": report,
        "rank": {"silent": 0, "warns": 1, "new": 2, "well": 3}[state],
        "seen": _("never") if member.seen is None else ago(now - member.seen), "wanted": member.wanted,
    }  # fmt: skip


def _member(request: Request, name: str) -> Member:
    member = fleet_of(request).roster.member(name)
    if member is None:
        raise HTTPException(404, _("No such stand."))
    return member
