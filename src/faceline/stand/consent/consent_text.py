"""What people agree to before they are enrolled: a text of whoever runs the stand, in the language of its visitors."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from faceline.config.yaml_file import YamlFile

OURS: Final = Path(__file__).with_name("consent.yaml")
"""A text to begin with, in English."""

LONGEST_DAYS: Final = 730
"""A consent is asked for again after that."""

_Line = Annotated[str, Field(min_length=1, max_length=200)]


class ConsentText(BaseModel):
    """A text that can be agreed to.

    Attributes:
        version: Of the text.
        language: Of the text, as HTML tells it.
        heading: Above it.
        purpose: What people are recognised for; it is written down with every consent.
        text: Its paragraphs.
        agreement: What is said by whoever ticks that somebody agreed.
        days: For which a consent is valid unless another number is chosen.
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
        """The version with the beginning of a digest of all that is agreed to: no word changes unseen."""
        words = "\n".join((self.language, self.heading, self.purpose, *self.text))
        return f"{self.version}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def read_consent_text(file: Path = OURS) -> ConsentText:
    """Read the text of a file.

    Args:
        file: YAML.

    Raises:
        InputError: The first thing that is wrong, with file and line.
    """
    return YamlFile(file).parse(ConsentText)
