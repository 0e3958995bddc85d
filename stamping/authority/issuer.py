"""The issuer's remote engine: an adapter of the issuer's, beside our application, seals the whole file.

    source and picture into a shared folder -> POST docSigningZ -> the result appears in the folder

The adapter answers HTTP 200 even when it fails, its file may come later than its answer, and an answer may be lost
after the file was made. So names in the folder follow from serial and content: a later try finds what an earlier one
left, and asks for the same thing with the same bytes.
"""

import hashlib
import json
import math
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stamping.authority.engine import Job, SealingError
from stamping.authority.http import Line
from stamping.authority.issuer_client import IssuerClient, spoken
from stamping.pdf import geometry, guards, inspecting, pages, sealing
from stamping.pdf.trouble import Refused

DOCUMENT, LATER = True, False
OUTCOMES = {
    "80": ("document_changed", DOCUMENT),
    "81": ("earlier_signature_invalid", DOCUMENT),
    "82": ("version_or_password", DOCUMENT),
    "83": ("certified_no_changes", DOCUMENT),
    "90": ("issuer_bad_input", DOCUMENT),
    **{str(code): ("issuer_signing", LATER) for code in range(91, 98)},
    "70": ("issuer_revocation", LATER),
}
"""The adapter's error codes: our code, and whether the same document can never be sealed."""
KEEP_SECONDS = 24 * 3600
"""A result stays in the folder so long: until its document is committed, and for a look when it was not."""
LOOK_EVERY = 0.1


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """Where the issuer's adapter is, and how it and we see the shared folder."""

    url: str
    folder: Path
    """The folder as we see it."""
    folder_there: str
    """The same folder as the adapter sees it."""
    profile: str = "emeteraicertificateSigner"
    location: str = "JAKARTA"
    patience: float = 10.0
    """Seconds to wait for a file that the adapter says it made."""


class IssuerSealer:
    """Implements `engine.Sealer`. Safe to share between threads; make it once a process."""

    def __init__(self, *, adapter: Adapter, client: IssuerClient) -> None:
        self._adapter, self._client, self._line = adapter, client, Line()

    def __repr__(self) -> str:
        return f"<IssuerSealer {self._adapter.url}>"

    def seal(self, job: Job) -> sealing.Sealed:
        """See `engine.Sealer.seal`. Raises Refused for a page that is not there: the adapter would silently take the
        last one."""
        box = _box(job)
        if not job.picture:
            raise SealingError("picture_missing", permanent=False)
        names = _Names.of(job, self._adapter.folder)
        try:
            found = _result(names.result, job)
            if found is None:
                found = self._ask(job, box, names)
            _sweep(self._adapter.folder)
        except OSError:
            raise SealingError("issuer_folder", permanent=False) from None
        return found

    def _ask(self, job: Job, box: tuple[int, int, int, int], names: "_Names") -> sealing.Sealed:
        repeated = job.repeated or names.source.exists()
        _put(names.source, job.source)
        _put(names.picture, job.picture)
        token = self._client.token(at=job.at)
        wish = self._wish(job, box, names) | {"jwToken": token, "retryFlag": "1" if repeated else "0"}
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}",
        }
        answer = spoken(
            self._line,
            "POST",
            f"{self._adapter.url.rstrip('/')}/adapter/pdfsigning/rest/docSigningZ",
            content=json.dumps(wish).encode(),
            headers=headers,
        )
        self._refuse_failure(answer)
        return self._awaited(job, names)

    def _wish(self, job: Job, box: tuple[int, int, int, int], names: "_Names") -> dict[str, Any]:
        there = self._adapter.folder_there.rstrip("/")
        left, bottom, right, top = box
        return {
            "profileName": self._adapter.profile,
            "certificatelevel": "NOT_CERTIFIED",  # never a certification: a later signer would break it
            "src": f"{there}/{names.source.name}",
            "dest": f"{there}/{names.result.name}",
            "spesimenPath": f"{there}/{names.picture.name}",
            "docpass": "",
            "location": self._adapter.location,
            "reason": f"[{job.serial}] {job.reason_text}".strip(),
            "refToken": job.serial,
            "visLLX": left,
            "visLLY": bottom,
            "visURX": right,
            "visURY": top,
            "visSignaturePage": job.placement.page,
        }

    def _refuse_failure(self, answer: dict[str, Any]) -> None:
        code = str(answer.get("errorCode", ""))
        if str(answer.get("status")).lower() == "true" and code in ("", "00"):
            return
        ours, permanent = OUTCOMES.get(code, ("issuer_unknown", LATER))
        if not permanent:  # a token that the adapter no longer takes fails as 91-97
            self._client.forget_token()
        raise SealingError(ours, permanent=permanent)

    def _awaited(self, job: Job, names: "_Names") -> sealing.Sealed:
        """The file that the adapter says it made; it is there in part before it is whole."""
        deadline = time.monotonic() + self._adapter.patience
        while True:
            found = _result(names.result, job)
            if found is not None:
                for path in (names.source, names.picture):
                    path.unlink(missing_ok=True)
                return found
            if time.monotonic() >= deadline:
                raise SealingError("result_late", permanent=False)
            time.sleep(LOOK_EVERY)


@dataclass(frozen=True)
class _Names:
    source: Path
    picture: Path
    result: Path

    @classmethod
    def of(cls, job: Job, folder: Path) -> "_Names":
        """The place is part of the name: a stamp that was moved is another result."""
        place = job.placement
        what = hashlib.sha256(job.source + f"{place.page} {place.x} {place.y} {place.size}".encode()).hexdigest()[:24]
        stem = f"{job.serial}-{what}"
        return cls(folder / f"{stem}.pdf", folder / f"{stem}.png", folder / f"{stem}-sealed.pdf")


def _box(job: Job) -> tuple[int, int, int, int]:
    """The place in whole points of default user space: lower left x, y, upper right x, y; never outside the page.

    Raises Refused.
    """
    try:
        reader = guards.open_for_sealing(job.source, field=sealing.field_name(job.serial))
        count = int(reader.root["/Pages"]["/Count"])
    except Refused:
        raise
    except Exception as error:  # KeyError, RecursionError and more come out of odd files
        raise Refused("unreadable") from error
    if not 1 <= job.placement.page <= count:
        raise Refused("no_such_page")
    try:
        page, _resources = reader.find_page_for_modification(job.placement.page - 1)
        box = pages.frame_of(page.get_object()).to_user(job.placement)
    except geometry.GeometryError as error:
        raise Refused(error.code) from error
    return (
        math.ceil(min(box.llx, box.urx)),
        math.ceil(min(box.lly, box.ury)),
        math.floor(max(box.llx, box.urx)),
        math.floor(max(box.lly, box.ury)),
    )


def _result(path: Path, job: Job) -> sealing.Sealed | None:
    """The sealed file, once it is whole and holds an intact seal with this serial; None while it is not there.

    Raises SealingError(`result_wrong`), not permanent, for a whole file that holds something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if not data.rstrip().endswith(b"%%EOF"):
        return None
    seals = inspecting.inspect(source=data, roots=(), at=job.at).seals
    ours = [seal for seal in seals if seal.serial == job.serial and seal.intact]
    if not ours:
        if _is_settled(path):
            path.unlink(missing_ok=True)  # so that the next try asks again
            raise SealingError("result_wrong", permanent=False)
        return None
    return sealing.Sealed(data=data, sha256=ours[-1].prefix_sha256)


def _is_settled(path: Path) -> bool:
    """Whether nobody has written to it for two seconds."""
    return time.time() - path.stat().st_mtime > 2


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all: the adapter must not read half a file. Equal bytes are left alone."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660), "wb") as file:
            file.write(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Strangers' documents do not stay: what is older than a day goes."""
    oldest = time.time() - KEEP_SECONDS
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.suffix in (".pdf", ".png") and path.stat().st_mtime < oldest:
                path.unlink()
