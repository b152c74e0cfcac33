"""One file that holds all that finding landmarks, or embedding faces, needs: an ONNX graph and what is known of it.

A bundle is a zip archive of three members: ``manifest.json``, ``model.onnx``, and ``manifest.sha256``, the digest of
the manifest, which in turn holds that of the graph. So one number tells bundles apart, and no byte can change unseen.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceline.config.names import current
from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.geometry.markup import N_LANDMARKS, OUTLINES
from faceline.inference.external_data import has_external_data

FORMAT: Final = 6
"""Raised with every change that an older reader would misunderstand: 6 has landmarks of other markups than the 68."""

PLAIN_FORMAT: Final = 5
"""Of bundles that older readers understand."""

DEFAULT: Final = "default"
"""Names the bundle that ships with the package and finds landmarks."""

SFACE: Final = "sface"
"""Names the bundle that ships with the package and embeds aligned faces."""

MAX_BYTES: Final = 1_000_000_000
"""No member may be larger, whatever the archive says of itself."""

_MANIFEST, _MODEL, _SEAL = "manifest.json", "model.onnx", "manifest.sha256"
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Channels = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]
Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """What the graph takes: ``images`` (n, size, size, 3), uint8, and ``sizes`` (n, 2), float32, where it wants them.

    Attributes:
        size: Edge of the square that the whole frame is resized to, or the face aligned in, in pixels.
        channels: Their order.
        mean: Taken off pixels on [0, 1] inside the graph.
        std: What they are divided by then.
        sizes: Whether it wants the width and height that each frame had before it was resized.
    """

    size: Annotated[int, Field(ge=1, le=4096)]
    channels: Literal["rgb"]
    mean: Channels
    std: Channels
    sizes: bool = False


class SplitSettings(_Strict):
    """How the frames were divided: the arguments of `faceline.data.splits.make_split`."""

    protocol: Literal["official", "frame_random", "video_disjoint", "person_disjoint"]
    seed: Annotated[int, Field(ge=0)]
    val_fraction: Share
    test_fraction: Share
    val_by: Literal["person", "frame"] = "person"


class DataOrigin(_Strict):
    """What the model was trained on.

    Attributes:
        name: The name of the data set.
        licence: Under which it is published.
        fingerprint: Digest of its frames and landmarks.
        split: Which of the frames.
    """

    name: Text
    licence: Text
    fingerprint: Text
    split: SplitSettings


class Check(_Strict):
    """What was measured when the bundle was written.

    Attributes:
        frames: Frames of the data on which graph and trained model were compared.
        difference: Greatest distance between their landmarks, as a share of the width of the frame; or between numbers
            of their embeddings. Of a graph in 8 bits: from the one in float32.
        latency_ms: Median time that one thread computes from a frame to its landmarks, resizing included, or from an
            aligned face to its embedding.
        cpu: Where.
    """

    frames: Annotated[int, Field(ge=1)]
    difference: Amount
    latency_ms: Amount
    cpu: str


class PublishedBy(_Strict):
    """Where a network comes from that somebody else has published.

    Attributes:
        publisher: Who publishes it.
        file: The published file.
        licence: Under which it may be passed on; its text stands in the file beside the bundle.
        changes: What was changed on the way into the bundle.
        training: What is known of the data that it was trained on.
    """

    publisher: Text
    file: Text
    licence: Text
    changes: Text
    training: Text


class Calibration(_Strict):
    """How alike embeddings are, measured on people of validation: of different people, and of one on two occasions.

    The similarity of two different people is all but normally distributed, so that thresholds can be told for rates
    that are too small to be counted.

    Attributes:
        people: How many were compared.
        mean: Cosine similarity of a visit of one person with the template of another.
        deviation: Its standard deviation, as the tail of the distribution has it.
        slope: The slope of the logarithm of the likelihood ratio, of one person against two, over the similarity.
        offset: The same at a similarity of 0.
    """

    people: Annotated[int, Field(ge=4)]
    mean: Annotated[float, Field(ge=-1, le=1)]
    deviation: Annotated[float, Field(gt=0, le=1)]
    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    offset: Annotated[float, Field(allow_inf_nan=False)]

    def threshold(self, false_match: float) -> float:
        """The similarity that a share ``false_match`` of the comparisons of different people reaches."""
        return self.mean + self.deviation * NormalDist().inv_cdf(1 - false_match)

    def evidence(self, similarity: float) -> float:
        """Logarithm of how much likelier a similarity is for one person than for two."""
        return self.offset + self.slope * similarity


Outputs = tuple[Literal["landmarks"]] | tuple[Literal["landmarks"], Literal["confidence"]]
"""What a graph gives, in this order."""


class Manifest(_Strict):
    """What is known of a model.

    Attributes:
        format: The format of the bundle.
        model: Name of the model.
        weights: What its convolutions compute with.
        input: What the graph takes.
        parameters: Number of weights.
        metrics: The metrics of the graph itself, measured on the test set.
        data: What it was trained on.
        check: What was measured when the bundle was written.
        run_id: The run that made it.
        commit: The code that the run ran; None where it was not known.
        command: What was typed to make the run.
        sha256: Digest of the graph.
    """

    format: Literal[1, 2, 3, 4, 5, 6]
    model: Text
    weights: Literal["float32", "int8"] = "float32"
    input: Input
    parameters: Annotated[int, Field(ge=1, le=10**12)]
    metrics: dict[Text, Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]]
    data: DataOrigin
    check: Check
    run_id: Text
    commit: str | None
    command: Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Layout(_Strict):
    """A markup, as far as who uses a bundle has to know it.

    Attributes:
        points: How many landmarks there are.
        outlines: Lines that join them in a drawing.
    """

    points: Annotated[int, Field(ge=2)]
    outlines: tuple[tuple[int, ...], ...] = ()


class LandmarkManifest(Manifest):
    """What is known of a model that finds landmarks.

    Attributes:
        markup: Which points the landmarks are.
        layout: Their number and lines, of another markup than the 68 points of iBUG.
        outputs: What it gives: ``landmarks`` (n, p, 2) on [0, 1] of the frame, and, where the model knows it,
            ``confidence`` (n,) on [0, 1].
    """

    task: Literal["landmarks"]
    markup: Text
    layout: Layout | None = None
    outputs: Outputs

    @model_validator(mode="after")
    def _has_layout_where_needed(self) -> "LandmarkManifest":
        if (self.markup == "ibug-68") != (self.layout is None):
            raise ValueError("markup: ibug-68 has no layout, every other markup has one")
        return self

    @property
    def points(self) -> int:
        """How many landmarks it finds."""
        return N_LANDMARKS if self.layout is None else self.layout.points

    @property
    def outlines(self) -> tuple[tuple[int, ...], ...]:
        """The lines that join them in a drawing."""
        return OUTLINES if self.layout is None else self.layout.outlines


class EmbedderManifest(Manifest):
    """What is known of a model that embeds aligned faces.

    Attributes:
        outputs: What it gives: ``embeddings`` (n, numbers), each of length 1.
        numbers: In an embedding.
        thresholds: Least cosine similarity at which somebody is recognised, by the share of strangers that were taken
            for somebody there in validation: ``1pct`` is 1 %. None are known where the protocol has no strangers.
            Of a published network: by the share of the comparisons of different people that reach it.
        template: How faces are aligned.
        calibration: How alike people are; None where it was not measured.
        published: Of a network that was published by somebody else; ``data`` is then what it was calibrated on.
    """

    task: Literal["embedding"]
    outputs: tuple[Literal["embeddings"]]
    numbers: Annotated[int, Field(ge=2)]
    thresholds: dict[Text, Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]]
    template: Literal["arcface", "dlib"] = "arcface"
    calibration: Calibration | None = None
    published: PublishedBy | None = None


M = TypeVar("M", bound=Manifest)


@dataclass(frozen=True)
class Bundle(Generic[M]):
    """A bundle whose bytes are those that were written.

    Attributes:
        file: Where it was read.
        manifest: What is known of the model.
        onnx: The graph.
        digest: Tells it from every other bundle.
    """

    file: Path
    manifest: M
    onnx: bytes
    digest: str


def digest(content: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def locate_bundle(name: str | Path) -> Path:
    """The file that a name means: that of the package for ``default`` and ``sface``, else itself."""
    return Path(__file__).with_name(f"{name}.faceline") if str(name) in (DEFAULT, SFACE) else Path(name)


def read_bundle(name: str | Path, kind: type[M]) -> Bundle[M]:
    """Open a bundle and check every byte of it.

    Args:
        name: A file, or ``default`` or ``sface`` for one that ships with the package.
        kind: What its manifest must be.

    Raises:
        InputError: No such file, no bundle, a damaged or changed one, one of a newer version or for another task.
    """
    file = locate_bundle(name)
    members = _members(file)
    seal = members[_SEAL].decode(errors="replace").strip()
    if digest(members[_MANIFEST]) != seal:
        raise _refuse(file, "its manifest is not the one that was written: the digest beside it is another")
    manifest = _manifest(file, members[_MANIFEST], kind)
    if digest(members[_MODEL]) != manifest.sha256:
        raise _refuse(file, "its model is not the one that its manifest speaks of: the digest is another")
    try:
        outside = has_external_data(members[_MODEL])
    except ValueError as error:
        raise _refuse(file, f"its model is no ONNX graph ({first_line(error)})") from error
    if outside:
        raise _refuse(file, "its model keeps weights in other files, which no digest covers; export it in one file")
    return Bundle(file, manifest, members[_MODEL], seal)


def write_bundle(file: Path, manifest: Manifest, onnx: bytes) -> None:
    """Write a bundle whole, or not at all; the same content gives the same bytes.

    Raises:
        ValueError: The manifest is of another graph.
    """
    if digest(onnx) != manifest.sha256:
        raise ValueError("expected the manifest of this graph, got that of another one")
    unused = {"layout"} if getattr(manifest, "layout", None) is None else None  # which older readers do not know
    text = manifest.model_dump_json(indent=2, exclude=unused).encode() + b"\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, member in ((_MANIFEST, text), (_SEAL, f"{digest(text)}\n".encode()), (_MODEL, onnx)):
            archive.writestr(zipfile.ZipInfo(name, _DATE), member)
    with write_whole(file) as part:
        part.write_bytes(content.getvalue())


def _members(file: Path) -> dict[str, bytes]:
    """The three members, and only they: their checksums hold."""
    if not file.is_file():
        raise _refuse(file, "no such bundle; faceline export run_id=RUN writes one")
    expected = {_MANIFEST, _MODEL, _SEAL}
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            if sorted(info.filename for info in infos) != sorted(expected):
                raise _refuse(file, f"is no faceline bundle: expected {', '.join(sorted(expected))} and nothing else")
            if any(info.file_size > MAX_BYTES for info in infos):
                raise _refuse(file, f"is no faceline bundle: a member claims over {MAX_BYTES:,} bytes")
            return {info.filename: archive.read(info) for info in infos}
    except zipfile.BadZipFile as error:
        raise _refuse(file, f"is no faceline bundle, or a damaged or cut one ({first_line(error)})") from error
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise _refuse(file, f"is damaged and cannot be read ({first_line(error)})") from error


def _manifest(file: Path, content: bytes, kind: type[M]) -> M:
    try:
        claims: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _refuse(file, f"its manifest is no JSON ({first_line(error)})") from error
    if not isinstance(claims, dict):
        raise _refuse(file, "its manifest is no JSON object")
    version = claims.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise _refuse(file, f"was made by a newer faceline: format {version}, this one reads {FORMAT}; update faceline")
    (wanted,), task = get_args(kind.model_fields["task"].annotation), claims.get("task")
    if isinstance(task, str) and task != wanted:
        raise _refuse(file, f"is made for {task}; give one that is made for {wanted}")
    try:
        return kind.model_validate_json(json.dumps(current(claims)))
    except ValidationError as refusal:
        first = refusal.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise _refuse(file, f"its manifest is not one of format {FORMAT}: {key}: {first['msg']}") from None


def _refuse(file: Path, message: str) -> InputError:
    return InputError(message, file=file)
