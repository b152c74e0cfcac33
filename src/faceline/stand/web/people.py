"""The operator's page of enrolled people: take frames, preview the result, enrol, withdraw."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.consent.consent_text import LONGEST_DAYS
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.people import Consent, Preview
from faceline.stand.recognition.collection import Gathered
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.sentences import retold
from faceline.stand.web.access import Login, Warned
from faceline.stand.web.enrol_form import EnrolForm
from faceline.stand.web.gathered import lacks, refusal
from faceline.stand.web.login import check_form, needs
from faceline.stand.web.operator import label, page, place
from faceline.stand.web.services import Services, services_of
from faceline.stand.words import _, several

router = APIRouter(prefix="/operator/people")

_LONGEST_WAIT: Final = 20.0
_KEPT: Final = 180.0  # seconds for which frames wait for the operator's word
_HERE: Final = "/operator/people"

Operator = Annotated[Login, needs("operator")]
Csrf = Annotated[str, Form()]
Text = Annotated[str, Form(max_length=1_000)]


@dataclass(frozen=True)
class Pending:
    """Frames that were taken of somebody; forgotten unless the operator enrols the person, or adds a visit.

    Attributes:
        name: Name of the person.
        gathered: Embedded frames of the person.
        preview: The template that the frames would make.
        form: Typed values; None for a visit.
        consent: The consent of somebody new; None for a visit.
        visitor: Id of the person whose visit it is; None for somebody new.
        until: Time of expiry in seconds of a steady clock.
    """

    name: str
    gathered: Gathered
    preview: Preview
    form: EnrolForm | None = None
    consent: Consent | None = None
    visitor: str | None = None
    until: float = field(default_factory=lambda: time.monotonic() + _KEPT)


@router.get("")
def people_page(request: Request, session: Operator) -> Response:
    """Show who is enrolled, and the forms to enrol, add a visit or withdraw."""
    services = services_of(request)
    people: list[dict[str, Any]] = []
    told = ""
    if services.enrolment is not None:
        try:
            people = services.enrolment.people()
        except InputError as error:
            told = error.told
    state = services.board.state
    pending = _pending(services, session)
    context = {
        "can_enrol": services.recogniser is not None,
        "people": people,
        "present": [(face.number, label(face.number), place(face, state)) for face in state.faces],
        "problem": told,
        "consent": services.consent,
        "longest": LONGEST_DAYS,
        "pending": pending,
        "lacks": pending and lacks(pending.gathered),
        "groups": sorted(services.catalogue.groups),
        "form": session.typed or (pending and pending.form) or EnrolForm(days=str(services.consent.days)),
    }
    session.typed = None
    return page(request, session, "people.html", context)


@router.post("")
async def take_frames(
    request: Request,
    session: Operator,
    csrf: Csrf = "",
    face: Text = "",
    given_by: Text = "",
    by_name: Text = "",
    greeting: Text = "",
    group: Text = "",
    days: Text = "",
    agreed: Text = "",
) -> Response:
    """Take frames of a visitor who has agreed, and show what template they would make."""
    check_form(request, session, csrf)
    services = services_of(request)
    recogniser, enrolment = _able(services)
    form = EnrolForm(face, given_by, by_name, greeting, group, days, agreed)
    services.pending.pop(session.csrf, None)
    wrong = form.check(services.catalogue.groups)
    try:
        if not wrong:
            gathered = await _gather(recogniser, enrolment, int(face))
            preview = await run_in_threadpool(enrolment.preview, *_columns(gathered))
            consent = form.consent(services.consent)
            services.pending[session.csrf] = Pending(consent.given_by, gathered, preview, form, consent)
    except InputError as error:
        wrong = {"face": retold(error.told)}
    if wrong:
        _refuse(session, form, wrong)
    return RedirectResponse(_HERE, status_code=303)


@router.post("/enrol")
async def enrol(
    request: Request, session: Operator, csrf: Csrf = "", overrule: Annotated[bool, Form()] = False
) -> Response:
    """Enrol the person whose frames were taken."""
    check_form(request, session, csrf)
    services = services_of(request)
    recogniser, enrolment = _able(services)
    pending = _taken(services, session)
    if pending is None or pending.form is None or pending.consent is None:
        return RedirectResponse(_HERE, status_code=303)
    embeddings, quality = _columns(pending.gathered)
    try:
        await run_in_threadpool(
            enrolment.enrol,
            pending.form.person(),
            pending.consent,
            embeddings,
            quality,
            by=session.account.name,
            overrule=overrule,
        )
        await run_in_threadpool(recogniser.refresh)
        session.told = _("Enrolled: %(name)s.", name=pending.name)
    except InputError as error:
        _refuse(session, pending.form, {"face": retold(error.told)})
    return RedirectResponse(_HERE, status_code=303)


@router.post("/forget")
def forget(request: Request, session: Operator, csrf: Csrf = "") -> Response:
    """Delete the frames that were taken."""
    check_form(request, session, csrf)
    services_of(request).pending.pop(session.csrf, None)
    session.told = _("Not enrolled: the frames are forgotten.")
    return RedirectResponse(_HERE, status_code=303)


@router.post("/{person}/frames")
async def take_frames_of_visit(
    request: Request, session: Operator, person: str, csrf: Csrf = "", face: Annotated[int | None, Form()] = None
) -> Response:
    """Take frames of an enrolled person on another day, or for a new embedder, and show what they would add."""
    check_form(request, session, csrf)
    services = services_of(request)
    recogniser, enrolment = _able(services)
    services.pending.pop(session.csrf, None)
    try:
        gathered = await _gather(recogniser, enrolment, face)
        preview = await run_in_threadpool(enrolment.preview, *_columns(gathered), person)
        name = await run_in_threadpool(enrolment.name, person)
        services.pending[session.csrf] = Pending(name, gathered, preview, visitor=person)
    except InputError as error:
        session.told = Warned(_("Nothing was added. %(why)s", why=retold(error.told)))
    return RedirectResponse(_HERE, status_code=303)


@router.post("/{person}/visit")
async def add_visit(
    request: Request, session: Operator, person: str, csrf: Csrf = "", overrule: Annotated[bool, Form()] = False
) -> Response:
    """Add the frames that were taken to the template of an enrolled person."""
    check_form(request, session, csrf)
    services = services_of(request)
    recogniser, enrolment = _able(services)
    pending = _taken(services, session)
    if pending is None:
        return RedirectResponse(_HERE, status_code=303)
    embeddings, quality = _columns(pending.gathered)
    try:
        visits = await run_in_threadpool(
            enrolment.add_visit, person, embeddings, quality, by=session.account.name, overrule=overrule
        )
        await run_in_threadpool(recogniser.refresh)
        session.told = several(
            "Added: the template is made of %(count)s visit.",
            "Added: the template is made of %(count)s visits.",
            visits,
        )
    except InputError as error:
        session.told = Warned(_("Nothing was added. %(why)s", why=retold(error.told)))
    return RedirectResponse(_HERE, status_code=303)


@router.post("/{person}/withdraw")
def withdraw(request: Request, session: Operator, person: str, csrf: Csrf = "") -> Response:
    """Delete all data of a person."""
    check_form(request, session, csrf)
    services = services_of(request)
    enrolment = _enrolment(services)
    try:
        enrolment.withdraw(person, by=session.account.name)
        session.told = _("Withdrawn: consent and template are deleted.")
    except InputError as error:
        session.told = Warned(retold(enrolment.undeleted or error.told))
    if services.recogniser is not None:
        services.recogniser.refresh()
    return RedirectResponse(_HERE, status_code=303)


@router.post("/{person}/export")
def export(request: Request, session: Operator, person: str, csrf: Csrf = "") -> Response:
    """Download all data of a person, for them to take along."""
    check_form(request, session, csrf)
    try:
        told = _enrolment(services_of(request)).export(person, by=session.account.name)
    except InputError as error:
        raise HTTPException(404, error.told) from None
    name = "".join(filter(str.isalnum, person))
    return Response(
        json.dumps(told, indent=2, default=str),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="person-{name}.json"'},
    )


def _refuse(session: Login, form: EnrolForm, wrong: dict[str, str]) -> None:
    """Show the typed values and their faults on the next page only."""
    session.told = _("Not enrolled: look at what is marked.")
    session.typed = form.with_faults(wrong)


def _pending(services: Services, session: Login) -> Pending | None:
    """Return the frames that wait for this operator; expired ones of everybody are deleted."""
    now = time.monotonic()
    for mark in [mark for mark, pending in services.pending.items() if pending.until < now]:
        del services.pending[mark]
    return services.pending.get(session.csrf)


def _taken(services: Services, session: Login) -> Pending | None:
    """Take the frames that wait for this operator; say so if they have waited for too long."""
    pending = services.pending.pop(session.csrf, None)
    if pending is not None and pending.until >= time.monotonic():
        taken: Pending = pending
        return taken
    session.told = Warned(_("The frames waited for too long and are forgotten. Take them again."))
    session.typed = pending and pending.form
    return None


async def _gather(recogniser: Recogniser, enrolment: Enrolment, face: int | None) -> Gathered:
    """Collect a few frames of a visitor."""
    if face is None:
        raise InputError(_("Choose who of those present it is."))
    try:
        gathered = await asyncio.wait_for(asyncio.wrap_future(recogniser.collect(face)), _LONGEST_WAIT)
    except TimeoutError:
        raise InputError(_("No frames came in time; look at the warnings of the stand.")) from None
    if len(gathered.samples) < enrolment.limits.frames:
        raise InputError(refusal(gathered, enrolment.limits.frames))
    return gathered


def _columns(gathered: Gathered) -> tuple[np.ndarray, list[Any]]:
    samples = gathered.samples
    return np.stack([sample.embedding for sample in samples]), [sample.quality for sample in samples]


def _able(services: Services) -> tuple[Recogniser, Enrolment]:
    if services.recogniser is None:
        raise HTTPException(409, _("Nobody can be enrolled: the stand was started without a face model."))
    return services.recogniser, _enrolment(services)


def _enrolment(services: Services) -> Enrolment:
    if services.enrolment is None:
        raise HTTPException(409, _("Nobody is enrolled here: the stand was started without a face model."))
    return services.enrolment
