"""Everything between an empty database and a site that can serve, in one process; safe to run again."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

FINGERPRINT = ".fingerprint"


class Command(BaseCommand):
    help = "Migrate, compile translations, collect static files, and on a demo site make its authority and its stock."

    def handle(self, *arguments: Any, **options: Any) -> None:
        self._step("migrate", lambda: call_command("migrate", interactive=False, verbosity=0))
        self._step("compile_translations", lambda: call_command("compile_translations", stdout=self.stderr))
        self._step("collectstatic", collect)
        if settings.IS_DEMO:
            self._step("make_authority", lambda: call_command("make_authority", stdout=self.stderr))
            self._step("seed_demo", lambda: call_command("seed_demo", stdout=self.stdout))

    def _step(self, name: str, do: Callable[[], Any]) -> None:
        began = time.monotonic()
        do()
        self.stdout.write(f"step: {name} {time.monotonic() - began:.1f}")
        self.stdout.flush()


def collect() -> None:
    """Collect static files, unless nothing has changed since the last time."""
    now, kept = fingerprint(), Path(settings.STATIC_ROOT) / FINGERPRINT
    if kept.exists() and kept.read_text() == now:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(now)


def fingerprint() -> str:
    """Changes when a static file does: path, size and time of each."""
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            about = Path(storage.path(path)).stat()  # type: ignore[attr-defined]
            digest.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()
