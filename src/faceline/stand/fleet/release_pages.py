"""The pages that publish contents to groups of stands, and roll them back."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from faceline.errors import InputError
from faceline.stand.fleet.pages import page
from faceline.stand.fleet.rollouts import OPEN, Rollout
from faceline.stand.fleet.services import FleetServices, fleet_of
from faceline.stand.sentences import retold
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.login import check_form, needs
from faceline.stand.words import _, mark

router = APIRouter(prefix="/operator/releases")

Editor = Annotated[Login, needs("operator", "editor")]
Operator = Annotated[Login, needs("operator")]
Csrf = Annotated[str, Form()]
Words = Annotated[str, Form(max_length=200)]

_FIRST: Final = (
    ("1", mark("one stand first")),
    ("10%", mark("a tenth first")),
    ("25%", mark("a quarter first")),
    ("all", mark("all at once")),
)


@router.get("")
def releases_page(request: Request, session: Editor) -> Response:
    """Show the rollouts and what can be published."""
    fleet = fleet_of(request)
    rollouts = fleet.rollouts.listed()
    newest = {
        group: next((each.number for each in rollouts if each.group == group), None) for group in _groups(rollouts)
    }
    context: dict[str, Any] = {
        "rollouts": [_told(each, fleet, newest[each.group]) for each in rollouts], "groups": fleet.roster.groups,
        "first": _FIRST, "software": fleet.releases.newest("software", 5), "draft": fleet.desk.drafted,
        "minutes": fleet.rollouts.stage.total_seconds() / 60,
    }  # fmt: skip
    return page(request, session, "fleet_releases.html", context)


@router.post("")
def publish(
    request: Request, session: Editor, group: Words, first: Words, note: Words = "", csrf: Csrf = "",
    consent: Annotated[UploadFile | None, File()] = None,
) -> Response:  # fmt: skip
    """Make a release of the published contents and give it to the first stands of a group."""
    check_form(request, session, csrf)
    fleet, by = fleet_of(request), session.account.name

    def act() -> str:
        with tempfile.TemporaryDirectory() as folder:
            text = None
            if consent is not None and consent.filename:
                text = Path(folder) / "consent.yaml"
                text.write_bytes(consent.file.read())
            release = fleet.releases.make(
                fleet.desk.file, consent=text, base=fleet.roster.groups.get(group), pages=fleet.desk.pages, by=by,
                note=note,
            )  # fmt: skip
        fleet.rollouts.begin(release, group, first, by=by)
        return _("%(release)s is on its way to %(group)s.", release=release, group=group)

    return _do(session, act)


@router.post("/{number}/on")
def go_on(request: Request, session: Editor, number: int, csrf: Csrf = "") -> Response:
    """Give the release to all stands of the group now."""
    check_form(request, session, csrf)
    fleet = fleet_of(request)

    def act() -> str:
        fleet.rollouts.go_on(number)
        return _("All stands of the group are given it.")

    return _do(session, act)


@router.post("/{number}/back")
def roll_back(request: Request, session: Editor, number: int, csrf: Csrf = "") -> Response:
    """Give every stand back what it showed before."""
    check_form(request, session, csrf)
    fleet = fleet_of(request)

    def act() -> str:
        fleet.rollouts.roll_back(number)
        return _("Rolled back: stands are given what they had before.")

    return _do(session, act)


@router.post("/groups")
def new_group(request: Request, session: Operator, group: Words, csrf: Csrf = "") -> Response:
    """Create a group."""
    check_form(request, session, csrf)
    fleet, group = fleet_of(request), group.strip().lower()
    return _do(session, lambda: _token(group, fleet.roster.new_group(group)))


@router.post("/groups/{group}/token")
def new_token(request: Request, session: Operator, group: str, csrf: Csrf = "") -> Response:
    """Create a new token for a group; the old one becomes invalid."""
    check_form(request, session, csrf)
    fleet = fleet_of(request)
    return _do(session, lambda: _token(group, fleet.roster.new_token(group)))


def _token(group: str, token: str) -> str:
    return _("Stands join %(group)s with this token, told once: %(token)s", group=group, token=token)


def _told(rollout: Rollout, fleet: FleetServices, newest: int | None) -> dict[str, Any]:
    release = fleet.releases.find(rollout.release)
    members = [member for member in fleet.roster.members if member.group == rollout.group]
    showing = sum(member.report is not None and member.report.release == rollout.release for member in members)
    return {
        "each": rollout, "told": retold(rollout.told), "release": release, "open": rollout.state in OPEN,
        "newest": rollout.number == newest,
        "parts": ", ".join(release.manifest.parts) if release else "", "showing": showing, "members": len(members),
    }  # fmt: skip


def _groups(rollouts: list[Rollout]) -> set[str]:
    return {each.group for each in rollouts}


def _do(session: Login, act: Callable[[], str]) -> Response:
    try:
        session.told = act()
    except InputError as error:
        session.told = Warned(_("Not done. %(why)s", why=error.told))
    return RedirectResponse("/operator/releases", status_code=303)
