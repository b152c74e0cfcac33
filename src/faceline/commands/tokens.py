"""``faceline tokens``: tokens for other programs; changes take effect at once, even while the stand runs."""

from rich.table import Table

from faceline.commands.of_a_stand import folder_of, needed
from faceline.errors import InputError
from faceline.stand.kept_file import lines_of
from faceline.stand.settings import TokensSettings
from faceline.stand.web.campaigns import check_campaigns
from faceline.stand.web.tokens import AUDIT, Token, Tokens
from faceline.terminal import show


def main(settings: TokensSettings) -> None:
    """Run ``action`` and print the result; a token is printed only this once."""
    folder = folder_of(settings.folder)
    tokens = Tokens(folder)
    match settings.action:
        case "list":
            _print(tokens.all)
        case "add":
            name = _name(settings)
            if settings.scopes is None:
                raise InputError(f"missing; say what {name} may ask for, as in scopes=[health]", column="scopes")
            if settings.campaigns is not None:
                check_campaigns(folder, settings.campaigns)
            token = tokens.add(name, settings.scopes, settings.campaigns, by=settings.operator)
            print(f"{name}, token {token}")
        case "revoke":
            tokens.revoke(_name(settings), by=settings.operator)
            print(f"{settings.name}: revoked")
        case "audit":
            for line in lines_of(folder / AUDIT):
                print(line)


def _name(settings: TokensSettings) -> str:
    return needed(settings.name, f"tokens action={settings.action}")


def _print(tokens: list[Token]) -> None:
    table = Table()
    for heading in ("name", "scopes", "campaigns", "added"):
        table.add_column(heading, overflow="fold")
    for token in tokens:
        campaigns = "all" if token.campaigns is None else ", ".join(token.campaigns)
        table.add_row(token.name, ", ".join(token.scopes), campaigns, token.created[:10])
    show(table)
