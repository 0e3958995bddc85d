"""Messages as files, one an event: for another program to send on, or to look at on a site that is tried out."""

import hashlib
import json
import os
import uuid
from pathlib import Path

from .channel import PHONE, ChannelError


class FileChannel:
    """Writes `{event, address, subject, body}` as JSON. The event names the file, so that a repeat adds none."""

    def __init__(self, *, folder: str, carries: str = PHONE) -> None:
        self.carries = carries
        self._folder = Path(folder)

    def send(self, *, address: str, subject: str, body: str, event: str) -> None:
        target = self._folder / f"{hashlib.sha256(event.encode()).hexdigest()[:32]}.json"
        message = {"event": event, "address": address, "subject": subject, "body": body}
        half = target.with_suffix(f".{uuid.uuid4().hex}.half")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            half.write_text(json.dumps(message, ensure_ascii=False), encoding="utf-8")
            os.replace(half, target)  # whole or not at all: a reader never meets half a message
        except OSError as error:
            raise ChannelError(type(error).__name__, permanent=False) from error
