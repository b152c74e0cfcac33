"""The messages between stands and their fleet, as JSON."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ROWS: Final = 500
"""Most events of one request."""

LARGEST_MB: Final = 2
"""Most megabytes of one request from a stand."""

_Line = Annotated[str, Field(max_length=500)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]

STAND_NAME: Final = r"^[\w. -]{1,60}$"


class Told(BaseModel):
    """A message. Unknown fields of newer versions are ignored, so stands and fleet need not be updated together."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Joining(Told):
    """A stand's request to join the fleet.

    Attributes:
        name: Name of the stand.
        token: Token of a group.
    """

    name: Annotated[str, Field(pattern=STAND_NAME)]
    token: _Line


class Joined(Told):
    """The answer to a request to join.

    Attributes:
        group: Name of the group that the token belongs to.
        secret: Secret that the stand sends with every request from now on.
        public_key: Public key that checks the fleet's signatures.
    """

    group: str
    secret: str
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Refusal(Told):
    """Why a stand refuses what was published.

    Attributes:
        release: Name of the refused release.
        why: The reason in one line.
    """

    release: _Id
    why: _Line


class Report(Told):
    """The health of a stand.

    Attributes:
        at: Time of the stand's clock.
        version: Version of the stand's software.
        frames_per_second: Frames analysed each second.
        latency_ms: Milliseconds from a frame to its decision, 95th percentile.
        camera: Whether frames arrive.
        picture: What is wrong with the frames; None if nothing is.
        logging: Whether events are written.
        open: Whether the place is open at this hour, by the hours of the catalogue.
        disk_free: Free share of the disk that holds the stand's folder.
        disk_free_gb: Free space of that disk in GB.
        unsent: Number of events that wait for the fleet.
        unsent_since: Time of the first waiting event.
        displays: Number of connected displays.
        people: Number of people before the screen.
        content: Id of the content that is shown.
        release: Name of the release that is shown; None for the stand's own contents.
        refused: The refused release, and why.
        software: The newest announced version whose signature and file are checked.
        warnings: The warnings of the operator's page.
    """

    at: AwareDatetime
    version: _Line
    frames_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    latency_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    camera: bool = False
    picture: Literal["black", "covered"] | None = None
    logging: bool = True
    open: bool = True
    disk_free: Annotated[float, Field(ge=0, le=1)] = 1.0
    disk_free_gb: Annotated[float, Field(ge=0)] = 0.0
    unsent: Annotated[int, Field(ge=0)] = 0
    unsent_since: AwareDatetime | None = None
    displays: Annotated[int, Field(ge=0)] = 0
    people: Annotated[int, Field(ge=0)] = 0
    content: _Line | None = None
    release: _Id | None = None
    refused: Refusal | None = None
    software: _Line | None = None
    warnings: Annotated[tuple[_Line, ...], Field(max_length=20)] = ()


class Orders(Told):
    """The answer to a report: what the stand should do.

    Attributes:
        every: Seconds until the next report.
        wanted: Name of the release to show; None for the stand's own contents.
        software: Name of the release that announces a version of the software.
    """

    every: Annotated[float, Field(gt=0, le=3600)]
    wanted: _Id | None = None
    software: _Id | None = None


class Signed(Told):
    """A signed release.

    Attributes:
        manifest: The exact text that was signed: JSON of `faceline.stand.fleet.manifest.Manifest`.
        signature: Signature of that text, hexadecimal.
    """

    manifest: Annotated[str, Field(max_length=2_000_000)]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Batch(Told):
    """A batch of events from a stand.

    Attributes:
        columns: Names of the columns of the table of events, without the stand.
        rows: Values in the order of the columns.
    """

    columns: tuple[str, ...]
    rows: Annotated[tuple[tuple[int | float | str | bool | None, ...], ...], Field(max_length=ROWS)]
