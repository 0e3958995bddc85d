"""Compiles translations in Python: a fresh machine has no gettext tools."""

import io
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management.base import BaseCommand

from meterai import whole_files


class Command(BaseCommand):
    help = "Compile every locale/*/LC_MESSAGES/django.po whose .mo is missing or older."

    def handle(self, *arguments: Any, **options: Any) -> None:
        for folder in settings.LOCALE_PATHS:
            for source in sorted(Path(folder).glob("*/LC_MESSAGES/django.po")):
                if is_stale(source):
                    compile_one(source)
                    self.stdout.write(f"compiled {source.parent.parent.name}")


def is_stale(source: Path) -> bool:
    """Whether the compiled file is missing or older than its source."""
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime


def compile_one(source: Path) -> None:
    """Write the .mo beside its .po, whole or not at all: another process may be reading it."""
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    whole_files.put(path=source.with_suffix(".mo"), data=compiled.getvalue())
