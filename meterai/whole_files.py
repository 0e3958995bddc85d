"""A file that others read while it is replaced: they see the old one or the new one, never half of one."""

import os
import tempfile
from pathlib import Path


def put(*, path: Path, data: bytes) -> None:
    """Write beside the place, then move there; readable by everybody. Raises OSError, and nothing is left half done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def put_if_other(*, path: Path, data: bytes) -> None:
    """The same, but a file that says this already is left alone."""
    if not (path.is_file() and path.read_bytes() == data):
        put(path=path, data=data)
