"""A bundle: one file with an ONNX graph, and everything that is needed to use it.

A bundle is a zip archive with ``manifest.json``, ``model.onnx``, and ``manifest.sha256``, the digest of the manifest,
which holds that of the graph. So one number identifies a bundle, and no byte can change unnoticed.
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
from faceline.files import why_no_file, write_whole
from faceline.geometry.markup import N_LANDMARKS, OUTLINES
from faceline.inference.external_data import has_external_data

FORMAT: Final = 6
"""Version of the format, raised when an older reader would misunderstand a bundle; 6 adds other markups."""

PLAIN_FORMAT: Final = 5
"""Format of bundles that older readers understand."""

DEFAULT: Final = "default"
"""Name of the package's bundle for landmarks."""

SFACE: Final = "sface"
"""Name of the package's bundle for embeddings of aligned faces."""

MAX_BYTES: Final = 1_000_000_000
"""Largest size of a member in bytes, whatever the archive says."""

_MANIFEST, _MODEL, _SEAL = "manifest.json", "model.onnx", "manifest.sha256"
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Channels = Annotated[tuple[float, ...], Field(min_length=3, max_length=3)]
Line = Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[Line, Field(min_length=1, max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """Input of the graph: ``images`` (n, size, size, 3), uint8, and ``sizes`` (n, 2), float32, if it needs them.

    Attributes:
        size: Edge in pixels of the square that a whole frame is resized to, or a face is aligned in.
        channels: Order of the channels.
        mean: Value that the graph subtracts from pixels on [0, 1].
        std: Value that it then divides by.
        sizes: Whether it needs the original width and height of each frame.
    """

    size: Annotated[int, Field(ge=1, le=4096)]
    channels: Literal["rgb"]
    mean: Channels
    std: Channels
    sizes: bool = False


class SplitSettings(_Strict):
    """How the frames were split: the arguments of `faceline.data.splits.make_split`."""

    protocol: Literal["official", "frame_random", "video_disjoint", "person_disjoint"]
    seed: Annotated[int, Field(ge=0)]
    val_fraction: Share
    test_fraction: Share
    val_by: Literal["person", "frame"] = "person"


class DataOrigin(_Strict):
    """Training data of the model.

    Attributes:
        name: Name of the data set.
        licence: Licence of the data set.
        fingerprint: Digest of its frames and landmarks.
        split: Split of the frames.
    """

    name: Text
    licence: Text
    fingerprint: Text
    split: SplitSettings


class Check(_Strict):
    """What was measured when the bundle was written.

    Attributes:
        frames: Number of frames on which graph and trained model were compared.
        difference: Largest distance between their landmarks, as a share of the frame's width, or between elements of
            their embeddings. An 8-bit graph is compared with that in float32.
        latency_ms: Median milliseconds that one thread computes from a frame to its landmarks, including resizing, or
            from an aligned face to its embedding.
        cpu: CPU of the measurement.
    """

    frames: Annotated[int, Field(ge=1)]
    difference: Amount
    latency_ms: Amount
    cpu: Line


class PublishedBy(_Strict):
    """The origin of a network that somebody else has published.

    Attributes:
        publisher: Name of the publisher.
        file: Published file.
        licence: Licence; its text is in the file beside the bundle.
        changes: Changes that were made for the bundle.
        training: What is known about its training data.
    """

    publisher: Text
    file: Text
    licence: Text
    changes: Text
    training: Text


class Calibration(_Strict):
    """How alike embeddings are, measured on people of the validation set: different people, and one on two occasions.

    Similarities of different people are almost normally distributed, so thresholds can be given for rates that are too
    small to count.

    Attributes:
        people: Number of people who were compared.
        mean: Mean cosine similarity of a visit of one person with another's template.
        deviation: Standard deviation of that, measured in the tail of the distribution.
        growth: Share by which that deviation grows for a template of very many visits. Such a template holds less of
            a single occasion, so that it is also more like some strangers.
        slope: Slope, over the similarity, of the logarithm of the likelihood ratio of one person to two.
        offset: Value of that logarithm at a similarity of 0.
    """

    people: Annotated[int, Field(ge=4)]
    mean: Annotated[float, Field(ge=-1, le=1)]
    deviation: Annotated[float, Field(gt=0, le=1)]
    growth: Annotated[float, Field(ge=0, le=1)] = 0.0
    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    offset: Annotated[float, Field(allow_inf_nan=False)]

    def threshold(self, false_match: float, visits: int = 1) -> float:
        """Return the similarity that a share of the comparisons of different people reaches.

        Args:
            false_match: Share of the comparisons, above 0 and below 1.
            visits: Number of visits that the template is made of.
        """
        deviation = self.deviation * (1 + self.growth * (1 - 1 / visits))
        return self.mean - deviation * NormalDist().inv_cdf(false_match)

    def evidence(self, similarity: float) -> float:
        """Return the logarithm of the likelihood ratio of a similarity for one person to that for two."""
        return self.offset + self.slope * similarity


Outputs = tuple[Literal["landmarks"]] | tuple[Literal["landmarks"], Literal["confidence"]]
"""Outputs of a graph, in this order."""


class Manifest(_Strict):
    """What is known about a model.

    Attributes:
        format: Version of the bundle's format.
        model: Name of the model.
        weights: Number format of its convolutions.
        input: Input of the graph.
        parameters: Number of weights.
        metrics: Metrics of the graph itself on the test set.
        data: Training data of the model.
        check: What was measured when the bundle was written.
        run_id: Id of the run that made it.
        commit: Commit of the run's code; None if unknown.
        command: Command that made the run.
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
    commit: Line | None
    command: Line
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Layout(_Strict):
    """The part of a markup that users of a bundle need.

    Attributes:
        points: Number of landmarks.
        outlines: Lines that connect them in a drawing.
    """

    points: Annotated[int, Field(ge=2)]
    outlines: tuple[tuple[int, ...], ...] = ()


class LandmarkManifest(Manifest):
    """What is known about a landmark model.

    Attributes:
        markup: Name of the markup.
        layout: Number and lines of its landmarks, for another markup than the 68 points of iBUG.
        outputs: Outputs: ``landmarks`` (n, p, 2) on [0, 1] of the frame, and ``confidence`` (n,) on [0, 1] if the model
            has it.
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
        """Number of landmarks."""
        return N_LANDMARKS if self.layout is None else self.layout.points

    @property
    def outlines(self) -> tuple[tuple[int, ...], ...]:
        """Lines that connect the landmarks in a drawing."""
        return OUTLINES if self.layout is None else self.layout.outlines


class EmbedderManifest(Manifest):
    """What is known about a model that embeds aligned faces.

    Attributes:
        outputs: Output ``embeddings`` (n, numbers), each of length 1.
        numbers: Length of an embedding vector.
        thresholds: Lowest cosine similarity that recognises somebody, by the share of the validation set's strangers
            who reach it: ``1pct`` is 1 %. Empty if the protocol has no strangers. For a published network the share is
            that of comparisons between different people.
        template: Template that aligns faces.
        calibration: How alike people are; None if it was not measured.
        published: Origin of a network that somebody else published; ``data`` is then its calibration data.
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
    """A bundle whose bytes have been checked.

    Attributes:
        file: File that it was read from.
        manifest: What is known about the model.
        onnx: Bytes of the graph.
        digest: Digest that identifies the bundle.
    """

    file: Path
    manifest: M
    onnx: bytes
    digest: str


def digest(content: bytes) -> str:
    """Return the SHA-256 digest, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def locate_bundle(name: str | Path) -> Path:
    """Return the file for a name: that of the package for ``default`` and ``sface``, else the name itself."""
    return Path(__file__).with_name(f"{name}.faceline") if str(name) in (DEFAULT, SFACE) else Path(name)


def read_bundle(name: str | Path, kind: type[M]) -> Bundle[M]:
    """Open a bundle and check every byte of it.

    Args:
        name: File, or ``default`` or ``sface`` for a bundle of the package.
        kind: Expected class of the manifest.

    Raises:
        InputError: The file is missing, no bundle, damaged or changed, of a newer version, or for another task.
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
    """Write a whole bundle or nothing; the same content gives the same bytes.

    Raises:
        ValueError: The manifest belongs to another graph.
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
    """Return the three members, after checking that there are no others and that checksums match."""
    if not file.is_file():
        told = why_no_file(file).replace("such file", "such bundle")
        raise _refuse(file, f"{told}; faceline export run_id=RUN writes one")
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
