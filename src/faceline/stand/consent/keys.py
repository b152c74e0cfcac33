"""The keys that encrypt templates, in a file that only its owner may read or in the environment."""

import os
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from faceline.errors import InputError
from faceline.files import write_whole

VARIABLE: Final = "FACELINE_TEMPLATE_KEYS"
"""Environment variable with the keys, separated by commas, the newest first."""


class LostKeyError(InputError):
    """No key opens what is stored."""


class TemplateKeys:
    """Encrypts with the newest key, decrypts with any; Fernet: AES in CBC mode, authenticated by HMAC with SHA-256.

    Args:
        file: File with one key in each line, the newest first; None reads the environment.
        create: Whether to create the file with a new key if it is missing.

    Raises:
        InputError: There is no key, a key is invalid, or others can read the file.
    """

    def __init__(self, file: Path | None, *, create: bool = True) -> None:
        self.file = file
        if file is not None and not file.exists():
            if not create:
                raise InputError(f"{file}: no such file; give the keys of the stand", column="key_file")
            self._write([Fernet.generate_key().decode()])
        self.reload()

    def reload(self) -> None:
        """Read the keys again, because another process may have changed them."""
        self._keys = self._read()
        try:
            self._cipher = MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise InputError(
                f"{self.place}: expected Fernet keys (32 bytes in URL-safe base64), newest first"
            ) from None

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt with the newest key."""
        return self._cipher.encrypt(plain)

    def decrypt(self, sealed: bytes) -> bytes:
        """Decrypt with the key that fits.

        Raises:
            LostKeyError: No key fits, or the data were changed.
        """
        try:
            return self._cipher.decrypt(sealed)
        except InvalidToken:
            raise LostKeyError(
                f"no key of {self.place} opens what is stored; give the keys it was written with"
            ) from None

    def add(self) -> str:
        """Begin a rotation with a new key beside the old ones. Keys in the environment are added by hand."""
        if self.file is None:
            if len(self._keys) < 2:
                raise InputError(
                    "add a new key before the old one, separated by a comma, and try again", column=VARIABLE
                )
            return self._keys[0]
        self._write([Fernet.generate_key().decode(), *self._keys])
        self.reload()
        return self._keys[0]

    def forget_older(self, key: str) -> None:
        """End a rotation by deleting the keys that are older than this one; in the environment remove them by hand."""
        if self.file is not None and key in self._keys:
            self._write(self._keys[: self._keys.index(key) + 1])
            for left in self.file.parent.glob(f".{self.file.name}.*partial"):  # by a process that was killed
                left.unlink()
            self.reload()

    @property
    def place(self) -> str:
        """Return where the keys are: the file, or the environment variable."""
        return VARIABLE if self.file is None else str(self.file)

    def _read(self) -> list[str]:
        if self.file is None:
            words = os.environ.get(VARIABLE, "").split(",")
        else:
            try:
                mode, text = self.file.stat().st_mode, self.file.read_text(encoding="ascii", errors="replace")
            except OSError as error:
                raise InputError(f"the keys cannot be read: {error.strerror}", file=self.file) from None
            if mode & 0o077:
                raise InputError("others can read it: chmod 600, and rotate the key", file=self.file)
            words = text.splitlines()
        keys = [word.strip() for word in words if word.strip()]
        if not keys:
            raise InputError(f"{self.place}: there is no key in it; give those that templates were encrypted with")
        return keys

    def _write(self, keys: list[str]) -> None:
        """Write all or nothing: a crash leaves the old file or the new one."""
        assert self.file is not None
        with write_whole(self.file, 0o600) as partial:
            partial.write_text("\n".join(keys) + "\n", encoding="ascii")
