"""How PostgreSQL runs when the launcher is root, which PostgreSQL refuses.

In a user namespace it believes to be `nobody` while its files still belong to root: no user is made, no owner
changed. Some containers forbid that; there it runs as `nobody` in truth and its folder is given to it. It
keeps the one capability of passing closed folders (a checkout under /root): PostgreSQL minds the user, not
those.
"""

import functools
import os
import subprocess
from pathlib import Path

from .errors import CannotStart

NOBODY = 65534
NAMESPACE = ["unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
AS_NOBODY += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


@functools.cache
def prefix() -> tuple[str, ...]:
    """What to put before a command of PostgreSQL: nothing for a plain user. Raises CannotStart."""
    if os.geteuid() != 0:
        return ()
    for way in (NAMESPACE, AS_NOBODY):
        if _works(way):
            return tuple(way)
    raise CannotStart(
        "PostgreSQL does not run as root, and neither `unshare` nor `setpriv` works here to leave it.",
        cure="run as a plain user, or name a PostgreSQL of yours in DATABASE_URL",
    )


def hand_over(folder: Path) -> None:
    """Give PostgreSQL's folder to the user it will run as. Raises CannotStart when it is someone else's."""
    if os.geteuid() != 0:
        return
    owner = NOBODY if prefix() == tuple(AS_NOBODY) else 0
    present = folder.stat().st_uid
    if present == owner:
        return
    if present not in (0, NOBODY):
        # Taken over by root, its owner could not start it again.
        raise CannotStart(
            f"{folder} belongs to the user with number {present}, and you are root.",
            cure="start as that user, or use another --data DIR",
        )
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner, owner, follow_symlinks=False)


def _works(way: list[str]) -> bool:
    try:
        return (
            subprocess.run([*way, "id", "-u"], capture_output=True, timeout=10, check=False).stdout.strip() == b"65534"
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
