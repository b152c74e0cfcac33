"""What stands and their fleet tell each other, as JSON."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

ROWS: Final = 500
"""Most events of one request."""

LARGEST_MB: Final = 2
"""Most of one request of a stand."""

_Line = Annotated[str, Field(max_length=500)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]

STAND_NAME: Final = r"^[\w. -]{1,60}$"


class Told(BaseModel):
    """A message; what a newer version adds to it is left out, so that stands and fleet need not change together."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Joining(Told):
    """A stand asks to belong to the fleet.

    Attributes:
        name: Of the stand.
        token: Of a group.
    """

    name: Annotated[str, Field(pattern=STAND_NAME)]
    token: _Line


class Joined(Told):
    """The answer to it.

    Attributes:
        group: That the token was of.
        secret: What the stand shows from now on.
        public_key: What it checks signatures with.
    """

    group: str
    secret: str
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Refusal(Told):
    """Why a stand does not take what was published.

    Attributes:
        release: That it was told to take.
        why: In one line.
    """

    release: _Id
    why: _Line


class Report(Told):
    """How a stand is.

    Attributes:
        at: Its wall clock.
        version: Of its software.
        frames_per_second: Looked at.
        latency_ms: From a frame to its decision, 95th percentile.
        camera: Whether frames come.
        picture: What is wrong with them, where something is.
        logging: Whether events are written.
        open: Whether people come at this hour, by the hours of its catalogue.
        disk_free: Share of the disk that holds its folder.
        disk_free_gb: The same in GB.
        unsent: Events that wait for the fleet.
        unsent_since: When the first of them happened.
        displays: That are connected.
        people: Before the screen.
        content: What is shown.
        release: What it shows of what was published; None where its contents are its own.
        refused: What it does not take.
        software: The newest version that was announced to it, once signature and file are checked.
        warnings: As on its operator's page.
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
    """The answer to a report.

    Attributes:
        every: Seconds until the next report.
        wanted: The release that the stand is to show; None: its own contents.
        software: The release that announces a version of the software.
    """

    every: Annotated[float, Field(gt=0, le=3600)]
    wanted: _Id | None = None
    software: _Id | None = None


class Signed(Told):
    """A release: what it holds, as the very text that was signed.

    Attributes:
        manifest: JSON (`faceline.stand.fleet.manifest.Manifest`).
        signature: Of that text, hexadecimal.
    """

    manifest: Annotated[str, Field(max_length=2_000_000)]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Batch(Told):
    """Events on their way.

    Attributes:
        columns: Of the table of events, without the stand.
        rows: Values in that order.
    """

    columns: tuple[str, ...]
    rows: Annotated[tuple[tuple[int | float | str | bool | None, ...], ...], Field(max_length=ROWS)]
