"""Sends a report by mail through the user's own server."""

import os
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from faceline.errors import InputError, first_line

PASSWORD: Final = "FACELINE_MAIL_PASSWORD"
"""Environment variable with the password of the mail account."""

_SECONDS: Final = 30.0
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    ".html": ("text", "html"),
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def letter(sender: str, to: Sequence[str], subject: str, text: str, files: Sequence[Path]) -> EmailMessage:
    """Write a mail with a text and files."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, ", ".join(to), subject
    mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid(domain=sender.rpartition("@")[2])
    mail.set_content(text)
    for file in files:
        main, sub = _KINDS[file.suffix]
        mail.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    return mail


def send(mail: EmailMessage, server: str) -> None:
    """Send a mail through a server.

    Args:
        mail: The mail.
        server: ``smtps://USER@HOST:PORT`` uses TLS from the first byte, ``smtp://USER@HOST:PORT`` uses STARTTLS. A
            server on this machine may do without. `PASSWORD` holds the password.

    Raises:
        InputError: The address is invalid, or the server does not accept the mail.
    """
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise InputError(f"{server}: expected smtp://HOST:587 or smtps://HOST:465", column="mail_server")
    user, password = unquote(parts.username or ""), os.environ.get(PASSWORD, "")
    if user and not password:
        raise InputError(f"an account needs its password in the environment variable {PASSWORD}", column="mail_server")
    try:
        with _connected(parts.scheme == "smtps", parts.hostname, parts.port) as connection:
            if user:
                connection.login(user, password)
            connection.send_message(mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise InputError(f"{parts.hostname} did not take the mail: {first_line(error)}", column="mail_server") from None


def _connected(tls: bool, host: str, port: int | None) -> smtplib.SMTP:
    """Connect to a server so that nobody can listen, unless it is on this machine."""
    if tls:
        return smtplib.SMTP_SSL(host, port or 465, timeout=_SECONDS, context=ssl.create_default_context())
    connection = smtplib.SMTP(host, port or 587, timeout=_SECONDS)
    connection.ehlo_or_helo_if_needed()
    if connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
    elif host not in ("localhost", "127.0.0.1", "::1"):
        connection.close()
        raise smtplib.SMTPException("it offers no TLS (STARTTLS), and mails are not sent in the clear")
    return connection
