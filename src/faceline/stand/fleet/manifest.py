"""Lists the files of a release by their digests, in a text that the fleet signs."""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from faceline.errors import InputError
from faceline.stand.fleet.protocol import Signed
from faceline.stand.fleet.signing import check_signature

CATALOGUE: Final = "contents/catalogue.yaml"
CONSENT: Final = "consent.yaml"
BUNDLE: Final = "landmarks.faceline"
SOFTWARE: Final = "software"
_CHUNK: Final = 1 << 20


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in text or "\0" in text or str(path) != text:
        raise ValueError(f"expected a file below the folder of the release, got {text!r}")
    return text


class Item(BaseModel):
    """A file of a release.

    Attributes:
        path: Path below the folder of the release.
        size: Size in bytes.
        sha256: SHA-256 digest of the content, hexadecimal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, AfterValidator(_inside)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The list of what a release holds.

    Attributes:
        form: Version of this format.
        release: Name of the release.
        kind: ``contents`` for stands to show, or ``software`` for the announcement of a version.
        version: Version of the software.
        items: The files; contents hold any of a catalogue with its media, a consent text and a bundle.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: Literal[1] = 1
    release: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")]
    kind: Literal["contents", "software"]
    version: Annotated[str, Field(pattern=r"^[\w.+!-]{1,60}$")] | None = None
    items: Annotated[tuple[Item, ...], Field(min_length=1)]

    @property
    def parts(self) -> tuple[str, ...]:
        """Name the parts of the release in words."""
        paths = {item.path for item in self.items}
        media = sum(path.startswith("contents/") for path in paths) - 1
        told = (
            (CATALOGUE, f"catalogue with {media} media"),
            (CONSENT, "consent text"),
            (BUNDLE, "bundle"),
        )
        return tuple(text for path, text in told if path in paths) or (f"software {self.version}",)


def open_signed(signed: Signed, public_key: str, release: str) -> Manifest:
    """Check a signed release and return its manifest.

    Args:
        signed: The release as it was received.
        public_key: Public key of the fleet.
        release: Name of the requested release; another one in its place is refused.

    Raises:
        InputError: The signature is wrong, or the text is no manifest of this release.
    """
    check_signature(public_key, signed.manifest, signed.signature)
    try:
        manifest = Manifest.model_validate_json(signed.manifest)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"its manifest: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if manifest.release != release:
        raise InputError(f"the release is signed as {manifest.release}")
    return manifest


def digest_of(file: Path) -> str:
    """Return the SHA-256 digest of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while part := content.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()
