"""``faceline webhooks``: addresses for messages of the live audience; changes take effect at once."""

from rich.table import Table

from faceline.commands.of_a_stand import folder_of, needed
from faceline.errors import InputError
from faceline.stand.kept_file import lines_of
from faceline.stand.live.webhooks import AUDIT, Webhook, Webhooks
from faceline.stand.settings import WebhooksSettings
from faceline.terminal import show


def main(settings: WebhooksSettings) -> None:
    """Run ``action`` and print the result; the secret of a webhook is printed only this once."""
    folder = folder_of(settings.folder)
    webhooks = Webhooks(folder)
    match settings.action:
        case "list":
            _print(webhooks.all)
        case "add":
            name = _name(settings)
            if settings.url is None:
                raise InputError(f"missing; give the address for {name}, as in url=https://…", column="url")
            secret = webhooks.add(name, settings.url, settings.kinds, settings.names, by=settings.operator)
            print(f"{name}, secret {secret}")
        case "remove":
            webhooks.remove(_name(settings), by=settings.operator)
            print(f"{settings.name}: removed")
        case "audit":
            for line in lines_of(folder / AUDIT):
                print(line)


def _name(settings: WebhooksSettings) -> str:
    return needed(settings.name, f"webhooks action={settings.action}")


def _print(webhooks: list[Webhook]) -> None:
    table = Table()
    for heading in ("name", "address", "messages", "names"):
        table.add_column(heading, overflow="fold")
    for hook in webhooks:
        table.add_row(hook.name, hook.url, ", ".join(hook.kinds), "yes" if hook.names else "no")
    show(table)
