"""The issuer's service over HTTP: log in, ask for a serial, list what has not been used.

Two hosts: `backend` for logging in and the list, `stamps` for serials. The wire format, its quirks and what of it we
had to assume: docs/authority.md. No password, token, serial or picture is ever part of an error or a repr.
"""

import base64
import binascii
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from stamping.authority.engine import SealingError
from stamping.authority.http import Line, Unreachable

OK, LOG_IN_AGAIN, QUOTA_USED_UP = "00", "01", "93"
TOKEN_LASTS = timedelta(hours=23)
"""The issuer says 24; an hour less, so that a token never runs out on its way."""
PAGE = 100
MOST_PAGES = 1000
SERIAL = re.compile(r"[A-Z0-9]{22}")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Minted:
    """A new serial and the picture made for it (PNG)."""

    serial: str
    picture: bytes = field(repr=False)


@dataclass(frozen=True)
class Unused:
    """A serial that the issuer holds for not used. `name`: under what name it was asked for. The picture is often
    missing."""

    serial: str
    name: str
    picture: bytes = field(default=b"", repr=False)


class Refused(SealingError):
    """The issuer said no in so many words: nothing was minted. Not permanent."""

    def __init__(self, code: str) -> None:
        super().__init__(code, permanent=False)


class IssuerClient:
    """One account at the issuer. Safe to share between threads; make it once a process."""

    def __init__(self, *, backend: str, stamps: str, user: str, password: str) -> None:
        self._backend, self._stamps = backend.rstrip("/"), stamps.rstrip("/")
        self._user, self._password, self._line = user, password, Line()
        self._token = ""
        self._token_until: datetime | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<IssuerClient {self._backend}>"

    def token(self, *, at: datetime) -> str:
        """The JWT of this account, asked for once a day. Raises SealingError."""
        with self._lock:
            if self._token_until is None or at >= self._token_until:
                self._token, self._token_until = self._logged_in(), at + TOKEN_LASTS
            return self._token

    def forget_token(self) -> None:
        """The issuer does not take the token any more: log in again at the next call."""
        with self._lock:
            self._token_until = None

    def mint(self, *, name: str, document_type: str, at: datetime) -> Minted:
        """One new serial; uses quota. `name` (ours, unique) is how it is found again in `unused`.

        Raises Refused: nothing was minted. Any other SealingError: nobody knows; look into `unused`, never ask twice.
        """
        wish = {
            "isUpload": False,
            "namadoc": document_type,
            "namafile": f"{name}.pdf",
            "nilaidoc": "10000",
            "snOnly": False,
            "nodoc": name,
            "tgldoc": at.strftime("%Y-%m-%d"),
        }
        answer = self._asked("POST", f"{self._stamps}/chanel/stampv2", body=wish, at=at)
        return _minted(answer.get("result"))

    def unused(self, *, at: datetime) -> tuple[Unused, ...]:
        """Every serial of this account in state NOTSTAMP. Raises SealingError."""
        found: list[Unused] = []
        for page in range(MOST_PAGES):
            query = urlencode({"start": page * PAGE, "length": PAGE, "status": "NOTSTAMP"})
            answer = self._asked("GET", f"{self._backend}/api/chanel/stamp/ext?{query}", at=at)
            rows = _rows(answer.get("result"))
            found += [_unused(row) for row in rows if row.get("status") == "NOTSTAMP"]
            if len(rows) < PAGE:
                return tuple(found)
        raise SealingError("issuer_strange", permanent=False)  # a list without end

    def document_types(self, *, at: datetime) -> dict[str, str]:
        """The issuer's codes of kinds of documents, and their names. Raises SealingError."""
        rows = _rows(self._asked("GET", f"{self._stamps}/jenisdoc", at=at).get("result"))
        return {str(row.get("kode", "")): str(row.get("nama", "")) for row in rows}

    def _asked(self, verb: str, url: str, *, at: datetime, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a question; "01" means that nothing was done, so log in and ask once more."""
        for _try in range(2):
            answer = self._spoken(verb, url, body, token=self.token(at=at))
            code = str(answer.get("statusCode"))
            if code == OK:
                return answer
            if code != LOG_IN_AGAIN:
                raise Refused("issuer_quota" if code == QUOTA_USED_UP else "issuer_refused")
            self.forget_token()
        raise Refused("issuer_login")

    def _logged_in(self) -> str:
        answer = self._spoken(
            "POST", f"{self._backend}/api/users/login", {"user": self._user, "password": self._password}
        )
        if str(answer.get("statusCode")) != OK:
            raise Refused("issuer_login")
        result = answer.get("result")
        token = answer.get("token") or _deep(result, "data", "login", "token")
        if not isinstance(token, str) or not token:
            raise Refused("issuer_strange")
        return token

    def _spoken(self, verb: str, url: str, body: dict[str, Any] | None, *, token: str = "") -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body).encode()
        return spoken(self._line, verb, url, content=content, headers=headers)


def spoken(line: Line, verb: str, url: str, *, content: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
    """The JSON object that a service of the issuer answers, whatever the status: it says 200 when it fails, too.

    Raises SealingError, not permanent, when none came: what became of the request is then not known.
    """
    try:
        answer = line.send(verb, url, content=content, headers=headers)
    except Unreachable:
        raise SealingError("issuer_unreachable", permanent=False) from None
    if answer.status >= 500:
        raise SealingError("issuer_unreachable", permanent=False)
    try:
        decoded = json.loads(answer.content)
    except (ValueError, RecursionError):
        raise SealingError("issuer_strange", permanent=False) from None
    if not isinstance(decoded, dict):
        raise SealingError("issuer_strange", permanent=False)
    return decoded


def _minted(result: object) -> Minted:
    """A serial was minted, so whatever is odd in the answer leaves it to be looked for in the list."""
    serial = result.get("sn") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(serial, str) or not SERIAL.fullmatch(serial):
        raise SealingError("issuer_strange", permanent=False)
    return Minted(serial, _picture(result.get("image") or result.get("Image")))


def _picture(value: object) -> bytes:
    """The PNG, or nothing where there is none that can be read."""
    if not isinstance(value, str):
        return b""
    try:
        data = base64.b64decode(value.rpartition(",")[2], validate=True)  # some answers are data: addresses
    except (binascii.Error, ValueError):
        return b""
    return data if data.startswith(PNG) else b""


def _unused(row: dict[str, Any]) -> Unused:
    serial = row.get("serialnumber") or row.get("sn")
    if not isinstance(serial, str) or not SERIAL.fullmatch(serial):
        raise SealingError("issuer_strange", permanent=False)
    name = str(row.get("file") or row.get("nodoc") or "").removesuffix(".pdf")
    return Unused(serial, name, _picture(row.get("image") or row.get("Image")))


def _rows(result: object) -> list[dict[str, Any]]:
    rows = result.get("data") if isinstance(result, dict) else result
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SealingError("issuer_strange", permanent=False)
    return rows


def _deep(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
