"""The text that people agree to before they are enrolled, written by the operator of the stand for its visitors."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from faceline.config.yaml_file import YamlFile

OURS: Final = Path(__file__).with_name("consent.yaml")
"""A first text, in English."""

LONGEST_DAYS: Final = 730
"""Most days of a consent; after that it has to be given again."""

_Line = Annotated[str, Field(min_length=1, max_length=200)]


class ConsentText(BaseModel):
    """A text that people can agree to.

    Attributes:
        version: Version of the text.
        language: Language of the text, as an HTML code.
        heading: Heading of the text.
        purpose: Purpose of the recognition; it is stored with every consent.
        text: Paragraphs of the text.
        agreement: Statement of the person who confirms that somebody agreed.
        days: Days that a consent is valid unless another number is chosen.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,20}$")]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    heading: _Line
    purpose: _Line
    text: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=4000)], ...], Field(min_length=1)]
    agreement: _Line
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)]

    @property
    def mark(self) -> str:
        """The version and the start of a digest of the whole agreement, so no change of a word goes unnoticed."""
        words = "\n".join((self.language, self.heading, self.purpose, *self.text))
        return f"{self.version}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def read_consent_text(file: Path = OURS) -> ConsentText:
    """Read the text from a file.

    Args:
        file: YAML file.

    Raises:
        InputError: The first fault, with file and line.
    """
    return YamlFile(file).parse(ConsentText)
