"""Pages of the site that lie elsewhere than in docs/, and the help of the command as one page: a hook of mkdocs."""

import posixpath
import re
from html import escape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from faceline.cli_help import FLAGS, choices_of, own_keys
from faceline.config.tree import conf_dir
from faceline.verbs import GROUPS, INIT, RESULTS, VERBS

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "LICENSE",
    "research/README.md": "research.md",
}
"""Files of the repository by their places on the site."""
CODE = re.compile(r"(```.*?```|`[^`]*`)", re.DOTALL)
NBSP = "\u00a0"
ON_SITE = ("docs/", "examples/")
"""Folders whose files are there under their own names."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, the notebooks and the help."""
    for source, place in ELSEWHERE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "examples").glob("*.ipynb")):
        files.append(File.generated(config, f"examples/{notebook.name}", abs_src_path=str(notebook)))
    files.append(File.generated(config, "commands.md", content=commands()))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: object) -> str:
    """Let links lead where the pages are on the site, and say their titles; figures and their units stay together.

    What is only in the repository is named without a link.
    """
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation"]  # it has one entry; lines of code have its width
    places = {place: source for source, place in ELSEWHERE.items()}
    source = places.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def moved(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not path.startswith(ON_SITE) and path not in ELSEWHERE and (ROOT / path).exists():
            return text
        place = ELSEWHERE.get(path, path.removeprefix("docs/"))
        file = files.get_file_from_path(place)
        if text.endswith(".md") and file and file.page:
            text = file.page.title
        return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"

    linked = re.sub(r"\[([^\[\]]*)\]\(([^():#\s]+)(#[\w-]*)?\)", moved, markdown)
    return "".join(part if part.startswith("`") else unbroken(part) for part in CODE.split(linked))


def on_page_content(html: str, **_: object) -> str:
    """Let each picture open in its full size: on a phone it is small."""
    return re.sub(r'<img alt="[^"]*" src="([^"]+)" ?/?>', r'<a href="\1">\g<0></a>', html)


def unbroken(text: str) -> str:
    """Keep a number and its unit, and both ends of an interval, on one line."""
    text = re.sub(r"(?<=\d) (?=(?:%|px|ms|MB|GB|s|M)(?![\w-]))", NBSP, text)
    return re.sub(r"\[[-+\d.]+, [-+\d.]+\]", lambda found: found[0].replace(" ", NBSP), text)


def commands() -> str:
    """The help of every verb, in the groups of the overview; its keys as a table, the flags once for all."""
    grouped = [verb for verbs in GROUPS.values() for verb in verbs]
    titles = {**GROUPS, "for developers": tuple(verb for verb in VERBS if verb not in grouped)}
    parts = [
        "# Commands",
        "Each section is what `faceline VERB --help` prints. Settings are written `key=value`. Every key of a"
        " choice can be set too: `faceline VERB --cfg job` prints them.",
    ]
    for title, verbs in titles.items():
        parts += [f"## {title.capitalize()}", *map(_command, verbs)]
    parts += [f"### faceline {text.split()[1]}\n\n```text\n{text}\n```" for text in (INIT, RESULTS)]
    flags = [f"| `{flag}` | {told} |" for flag, told in FLAGS.items() if told]
    return "\n\n".join([*parts, "## Flags", "\n".join(["| flag | meaning |", "| --- | --- |", *flags])])


def _command(verb: str) -> str:
    about, examples = VERBS[verb]
    keys = own_keys(verb, conf_dir())
    rows = [f"| {_setting(key, default)} | {told} |" for key, default, told in keys]
    table = ["| key and default | meaning |", "| --- | --- |", *rows] if rows else []
    choices = [f"- `{' '.join(line.split())}`" for line in choices_of(verb, conf_dir())]
    shell = ["```sh", *examples, "```"]
    blocks = [f"### faceline {verb}", f"{about[0].upper()}{about[1:]}.", "\n".join(shell)]
    blocks += ["Choices, the default first:", "\n".join(choices)] if choices else []
    return "\n\n".join([*blocks, "\n".join(table)])


def _setting(key: str, default: str) -> str:
    """A key and its default as code, which may break between the two and after a slash."""
    return f"<code>{key}=<wbr>{escape(default).replace('/', '/<wbr>')}</code>" if default else f"`{key}`"
