"""`script/manage`: Django's command line inside the environment of the running server."""

import os
import sys
from typing import NoReturn

from . import environment
from .data_folder import DataFolder, Lock
from .errors import CannotStart


def manage(folder: DataFolder, arguments: list[str]) -> NoReturn:
    """Become manage.py. Raises CannotStart when no server runs on this data folder."""
    lock = Lock(folder.path("run", "lock"))
    stopped = lock.take()
    lock.release()
    variables = folder.read("run/env.json")
    if stopped or not variables:
        raise CannotStart(
            f"No server is running on {folder.root}.",
            cure="start it with script/server; one that has a --data DIR is named by METERAI_DATA=DIR",
        )
    os.chdir(environment.CHECKOUT)
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], variables | dict(os.environ))
