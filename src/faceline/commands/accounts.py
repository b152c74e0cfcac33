"""``faceline accounts``: who may log in to the pages of a stand; changes take effect at once, even while it runs."""

from pathlib import Path

from rich.table import Table

from faceline.commands.of_a_stand import folder_of, needed
from faceline.errors import InputError
from faceline.stand.settings import Accounts
from faceline.stand.web.access import Account, Secrets
from faceline.stand.web.campaigns import check_campaigns
from faceline.terminal import show


def main(settings: Accounts) -> None:
    """Run ``action`` and print the result; a password or token is printed only this once."""
    secrets = Secrets(folder_of(settings.folder) / "access.json")
    match settings.action:
        case "list":
            _print(secrets.accounts)
        case "add":
            name = _name(settings)
            if settings.role is None:
                raise InputError(f"missing; add role=operator, editor or advertiser for {name}", column="role")
            if settings.campaigns is not None and settings.role != "advertiser":
                raise InputError("only advertisers are limited to campaigns; leave it out", column="campaigns")
            campaigns = _campaigns(settings) if settings.role == "advertiser" else None
            password = secrets.add(name, settings.role, campaigns)
            print(f"{settings.role} {name}, password {password}")
        case "campaigns":
            secrets.give(_name(settings), _campaigns(settings))
            print(f"{settings.name} sees the figures of {', '.join(_campaigns(settings))}, after another login")
        case "password":
            password = secrets.renew_password(_name(settings))
            print(f"{settings.name}, password {password}")
        case "remove":
            secrets.remove(_name(settings))
            print(f"{settings.name}: removed, and logged out")
        case "token":
            print(f"open the display as /display?token={secrets.renew_token()}")


def _name(settings: Accounts) -> str:
    return needed(settings.name, f"accounts action={settings.action}")


def _campaigns(settings: Accounts) -> list[str]:
    """Return the campaigns that an advertiser should see."""
    if settings.campaigns is None:
        name = _name(settings)
        raise InputError(
            f"missing; name the campaigns that {name} may see, as in campaigns=[coffee]",
            column="campaigns",
        )
    check_campaigns(Path(settings.folder), settings.campaigns)
    return settings.campaigns


def _print(accounts: list[Account]) -> None:
    table = Table()
    for heading in ("name", "role", "figures of"):
        table.add_column(heading, overflow="fold")
    for account in accounts:
        table.add_row(account.name, account.role, _seen(account))
    show(table)


def _seen(account: Account) -> str:
    if account.role == "advertiser":
        return ", ".join(account.campaigns or ("none yet",))
    return "all" if account.role == "operator" else "none"
