"""Signs what a fleet publishes and checks it on a stand, with Ed25519 (RFC 8032)."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from faceline.errors import InputError
from faceline.files import write_whole


class SigningKey:
    """The signing key of a fleet.

    Args:
        file: Key file in PEM, readable by its owner only; created if missing.

    Raises:
        InputError: The file is no such key, or others may read it.
    """

    def __init__(self, file: Path) -> None:
        if not file.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with write_whole(file, 0o600) as partial:
                partial.write_bytes(pem)
        if file.stat().st_mode & 0o077:
            raise InputError("others may read it; run chmod 600 on it", file=file)
        try:
            key = load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("not an Ed25519 key in PEM; restore the one that this fleet had", file=file)
        self._key = key

    @property
    def public(self) -> str:
        """Return the public key, hexadecimal."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, text: str) -> str:
        """Return the signature of a text, hexadecimal."""
        return self._key.sign(text.encode()).hex()


def check_signature(public: str, text: str, signature: str) -> None:
    """Check that the fleet signed a text.

    Args:
        public: Public key of the fleet, hexadecimal.
        text: The text, exactly as it was signed.
        signature: The signature, hexadecimal.

    Raises:
        InputError: The signature does not match text and key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        raise InputError("the signature is not from this fleet") from None
