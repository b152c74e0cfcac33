"""``faceline accounts``: who may log in to the pages of a stand; a change holds at once, also while it runs."""

from pathlib import Path

from rich.table import Table

from faceline.errors import InputError
from faceline.stand.settings import Accounts
from faceline.stand.web.access import Account, Secrets
from faceline.terminal import show


def main(settings: Accounts) -> None:
    """Do what ``action`` says, and tell it; a password or token is told here and never again."""
    file = Path(settings.folder) / "access.json"
    if not file.is_file():
        raise InputError(f"{file}: no such file; it is made when the stand is started first", column="folder")
    secrets = Secrets(file)
    match settings.action:
        case "list":
            _print(secrets.accounts)
        case "add":
            if settings.role is None:
                raise InputError(
                    f"missing; add role=operator, editor or advertiser for {_name(settings)}", column="role"
                )
            if settings.campaigns is not None and settings.role != "advertiser":
                raise InputError("only an advertiser sees the figures of some; leave it out", column="campaigns")
            password = secrets.add(_name(settings), settings.role, settings.campaigns)
            print(f"{settings.role} {settings.name}, password {password}")
        case "password":
            print(f"{settings.name}, password {secrets.renew_password(_name(settings))}")
        case "remove":
            secrets.remove(_name(settings))
            print(f"{settings.name}: removed, and logged out")
        case "token":
            print(f"open the display as /display?token={secrets.renew_token()}")


def _name(settings: Accounts) -> str:
    if settings.name is None:
        raise InputError(f"missing; faceline accounts action={settings.action} name=NAME", column="name")
    return settings.name


def _print(accounts: list[Account]) -> None:
    table = Table()
    for heading in ("name", "role", "figures of"):
        table.add_column(heading, overflow="fold")
    for account in accounts:
        table.add_row(account.name, account.role, "all" if account.campaigns is None else ", ".join(account.campaigns))
    show(table)
