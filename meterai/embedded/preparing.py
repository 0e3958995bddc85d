"""Runs `manage.py prepare` and relays its progress.

Migrations, translations, static files, authority and demo data in one Python process, so that a second start
is quick. It prints `step: NAME SECONDS` when a step is done and `login: TEXT` for a demo log-in; everything
it prints is in `log/prepare.log` as well.
"""

import subprocess
import sys
from pathlib import Path

from .data_folder import DataFolder
from .errors import CannotStart, last_lines
from .progress import Progress

STEPS = ("migrate", "compile_translations", "collectstatic", "make_authority", "seed_demo")
CURES = {
    "No space left": "free some space on the disk",
    "Permission denied": "give the files named above to your user (chown)",
    "permission denied": "give the role in DATABASE_URL the right to make tables in its database",
    "password authentication failed": "correct the password in DATABASE_URL, or unset DATABASE_URL",
    "ModuleNotFoundError": "remove .venv and start again, so that the packages are installed anew",
    "InconsistentMigrationHistory": "the data come from another version: use that, or another --data DIR",
}


def prepare(folder: DataFolder, *, checkout: Path, environment: dict[str, str], progress: Progress) -> list[str]:
    """Run it to the end and return the demo log-ins. Raises CannotStart with the end of its output."""
    logins, output, open_steps = [], [], list(STEPS)
    progress.begin(open_steps.pop(0))
    with folder.log("prepare") as log:
        child = subprocess.Popen(
            [sys.executable, "manage.py", "prepare"],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert child.stdout
        for raw in child.stdout:
            log.write(raw)
            kind, _, rest = raw.decode(errors="replace").rstrip().partition(": ")
            if kind == "step":
                progress.done(f"{rest.rpartition(' ')[2]} s")
                if open_steps:
                    progress.begin(open_steps.pop(0))
            elif kind == "login":
                logins.append(rest)
            output.append(raw.decode(errors="replace").rstrip())
    if child.wait() != 0:
        progress.done("failed")
        text = "\n".join(output)
        raise CannotStart(
            f"Preparing failed. The end of {folder.path('log', 'prepare.log')}:\n{last_lines(text)}",
            cure=_cure(text),
        )
    return logins


def _cure(output: str) -> str:
    known = (cure for sign, cure in CURES.items() if sign in output)
    return next(known, "read the lines above; if they say nothing to you, report them with the log file")
