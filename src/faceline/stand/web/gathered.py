"""Says in words what the frames of somebody who is being enrolled lack."""

from faceline.stand.recognition.collection import Gathered
from faceline.stand.words import _, number


def lacks(gathered: Gathered) -> list[str]:
    """Return sentences about frames that were left out or did not come; empty if all is well."""
    told = []
    if gathered.gone:
        told.append(_("The person is not there any more."))
    if gathered.left_out:
        reasons = ", ".join(f"{_(reason)} ({number(count)})" for reason, count in gathered.left_out.items())
        told.append(_("Frames left out: %(reasons)s.", reasons=reasons))
    if gathered.missing:
        told.append(_("No good frame of: %(poses)s.", poses="; ".join(map(_, gathered.missing))))
    return told


def refusal(gathered: Gathered, least: int) -> str:
    """Return why the frames are too few."""
    if gathered.gone and not gathered.samples:
        return _("That face is not there any more. Choose again who it is.")
    if gathered.samples:
        told = _("Good frames: %(count)s. At least %(limit)s are needed.", count=len(gathered.samples), limit=least)
    else:
        told = _(
            "No good frame of that face could be taken; the person should stand still, near, and look into the camera."
        )
    return " ".join([told, *lacks(gathered)])
