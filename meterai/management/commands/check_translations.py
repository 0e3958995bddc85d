"""Complete translations, checked: every sentence in English, with the same placeholders, and none forgotten."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
SOURCES = ("meterai", "orders", "stamping", "support", "templates", "locale", "manage.py")


class Command(BaseCommand):
    help = "Fail when an English sentence is missing, fuzzy, has other placeholders, or is not in the catalogue yet."

    def handle(self, *arguments: Any, **options: Any) -> None:
        source = Path(settings.LOCALE_PATHS[0]) / "en" / "LC_MESSAGES" / "django.po"
        if not source.exists():
            raise CommandError(
                f"{source.relative_to(settings.BASE_DIR)} does not exist; write it with makemessages -l en"
            )
        catalogue = read(source)
        troubles = [trouble for message in catalogue if message.id for trouble in troubles_of(message)]
        troubles += [f"obsolete or unknown to the code: {_short(name)}" for name in self._drift(catalogue)]
        if troubles:
            raise CommandError("\n".join([f"{len(troubles)} troubles with the English texts:", *troubles]))
        self.stdout.write(f"{len(catalogue)} sentences are translated")

    def _drift(self, catalogue: Catalog) -> list[str]:
        """What the code says and the catalogue does not know, or the other way round."""
        if not shutil.which("xgettext"):
            self.stderr.write(
                "WARNING: xgettext is not installed (apt install gettext): "
                "it was NOT checked that the catalogue holds every sentence of the code"
            )
            return []
        return sorted(_names(catalogue) ^ _names(fresh_catalogue()))


def read(source: Path) -> Catalog:
    """The catalogue in a .po file."""
    with source.open("rb") as file:
        return read_po(file)


def troubles_of(message: Message) -> Iterator[str]:
    """What is wrong with one sentence, in words."""
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    if message.fuzzy:
        yield f"fuzzy: {_short(ids[0])}"
    elif not all(texts):
        yield f"untranslated: {_short(ids[0])}"
    else:
        wanted = set().union(*(PLACEHOLDER.findall(one) for one in ids))
        given = set().union(*(PLACEHOLDER.findall(one or "") for one in texts))
        if wanted != given:
            yield f"placeholders {sorted(wanted ^ given)} differ: {_short(ids[0])}"


def fresh_catalogue() -> Catalog:
    """What makemessages would write now, from a copy, so that the checkout stays as it is."""
    with tempfile.TemporaryDirectory() as name:
        for part in SOURCES:
            source, target = Path(settings.BASE_DIR) / part, Path(name) / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
            elif source.exists():
                shutil.copy(source, target)
        command = [sys.executable, "manage.py", "makemessages", "-l", "en", "--no-obsolete", "-v", "0"]
        outcome = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise CommandError(f"makemessages failed: {outcome.stderr[-2000:]}")
        return read(Path(name) / "locale" / "en" / "LC_MESSAGES" / "django.po")


def _names(catalogue: Catalog) -> set[str]:
    named = (message.id[0] if isinstance(message.id, (tuple, list)) else message.id for message in catalogue)
    return {name for name in named if name}


def _short(text: str) -> str:
    return text if len(text) < 80 else f"{text[:77]}…"
