"""Short English terms of other parts of the stand, which the pages translate."""

from typing import Final

from faceline.stand.words import mark

TERMS: Final = (
    *(mark("operator"), mark("advertiser"), mark("editor")),
    *(mark("adaptive"), mark("control")),
    *(mark("turned away"), mark("eyes closed"), mark("smile"), mark("mouth open"), mark("brows raised")),
    mark("neutral"),
    *(mark("recognised"), mark("nobody with a consent"), mark("not sure yet"), mark("between two people")),
    mark("too far"),
    *(mark("may be a photo"), mark("nobody to compare with")),
    *(mark("Look into the camera"), mark("Turn your head a little to your left")),
    *(mark("Turn your head a little to your right"), mark("Come closer"), mark("Hold still; more light helps")),
    *(mark("Turn back a little"), mark("Hold your head level"), mark("Take away what hides the face")),
    *(mark("face too small"), mark("blurred or dark"), mark("head turned too far"), mark("head not level")),
    mark("face partly hidden"),
    *(mark("new"), mark("changed"), mark("brand"), mark("greeting"), mark("offer"), mark("progress")),
    *(mark("nobody there"), mark("standard loop"), mark("follow-up"), mark("learned choice"), mark("only choice")),
    *(mark("anyone"), mark("loyal")),
    *(mark("saved"), mark("created"), mark("deleted"), mark("imported"), mark("published"), mark("discarded")),
    *(mark("brought back"), mark("uploaded"), mark("moved in the loop")),
    *(mark("camera"), mark("faces"), mark("speed"), mark("store"), mark("clock"), mark("disk"), mark("release")),
    mark("rollout"),
    *(mark("raised"), mark("cleared"), mark("black"), mark("covered")),
    *(mark("campaign saved"), mark("campaign created"), mark("campaign deleted")),
)
"""Roles, arms, reactions, reasons for contents and names, requests to people, and more."""

IN_PLAIN_WORDS: Final = {"bandit": "learned choice"}
"""What pages say for a term that only its field knows."""
