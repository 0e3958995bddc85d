"""HTTP as every gateway of ours speaks it: one session, no surprises, limits, and errors that say what they mean.

Plain Python: no Django. A gateway's client holds one `Line` and asks it; what the answer means is the client's own
affair, except for what all agree on: a lost or unusable answer leaves the outcome unknown, a plain "no" is final.
No error of this module repeats a header, a body or an address.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from orders.payments.gateway import PaymentError

TIMEOUT = (2.0, 5.0)  # seconds to connect, and to wait for each piece of the answer
WHOLE_ANSWER_SECONDS = 10.0
LARGEST_ANSWER = 64 * 1024  # bytes; a payment is a few kB
# Request Timeout, Too Early, Too Many Requests: 4xx by number, but they ask for a repeat.
REPEATABLE = frozenset({408, 425, 429})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, whatever its status."""

    gateway: str
    """The gateway's name as an error message says it: "Xendit"."""
    status: int
    content: bytes = field(repr=False)

    def json(self) -> object:
        """The decoded body. Raises PaymentError, not permanent, when it is not JSON."""
        try:
            decoded: object = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise PaymentError(f"{self.gateway}'s answer is not JSON.", permanent=False) from error
        return decoded

    def refuse_failure(self) -> None:
        """Raises PaymentError when the status is not 2xx: permanent when it is a plain "no"."""
        refuse_failure(self.status, gateway=self.gateway)


class Line:
    """The line to one gateway. Safe to share between threads: the pool is, and without cookies it holds no state."""

    def __init__(self, *, gateway: str, url: str, headers: Mapping[str, str] | None = None) -> None:
        """`gateway` is its name in messages, `url` the address before every path, `headers` go with each request.

        Raises ValueError when the address is unusable.
        """
        self.gateway = gateway
        self.url = address(url, gateway=gateway)
        self._session = _session(headers or {})

    def __repr__(self) -> str:
        return f"<Line to {self.gateway} at {self.url}>"

    def send(
        self, verb: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer of any status. Raises PaymentError, not permanent, when none or too much came.

        `content` goes out as it is, so that what was signed is what arrives. Redirects are not followed.
        """
        try:
            with self._session.request(
                verb,
                self.url + path,
                data=content,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(gateway=self.gateway, status=response.status_code, content=self._limited(response))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise PaymentError(f"{self.gateway} could not be reached.", permanent=False) from error

    def call(
        self,
        verb: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """The decoded JSON of a 2xx answer to a request in JSON. Raises PaymentError in every other case."""
        content = None if body is None else encoded(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        answer = self.send(verb, path, content=content, headers=kind | dict(headers or {}))
        answer.refuse_failure()
        return answer.json()

    def _limited(self, response: requests.Response) -> bytes:
        """The body, refused when too large or too slow. Read by pieces: one large read would wait for all."""
        content, deadline = b"", time.monotonic() + WHOLE_ANSWER_SECONDS
        while piece := response.raw.read1(LARGEST_ANSWER):
            content += piece
            if len(content) > LARGEST_ANSWER or time.monotonic() > deadline:
                raise PaymentError(f"{self.gateway}'s answer is too large or too slow.", permanent=False)
        return content


def encoded(body: Mapping[str, Any]) -> bytes:
    """JSON as it goes out; made once, so that a signature and the request carry the same bytes."""
    return json.dumps(body, separators=(",", ":")).encode()


def refuse_failure(status: int, *, gateway: str) -> None:
    """Raises PaymentError when `status` is not 2xx: permanent for a 4xx that does not ask for a repeat."""
    if 200 <= status < 300:
        return
    permanent = 400 <= status < 500 and status not in REPEATABLE
    raise PaymentError(f"{gateway} answered with status {status}.", permanent=permanent)


def address(url: str, *, gateway: str) -> str:
    """The address without its last slash. Raises ValueError, without repeating it, unless it is a plain http(s) one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{gateway}'s url must be a plain http(s) address.")
    return url.rstrip("/")


def _session(headers: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a .netrc entry would replace our Authorization header
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept"] = "application/json"
    session.headers["Accept-Encoding"] = "identity"  # so that the size limit counts what arrives
    session.headers.update(headers)
    return session


class Fields:
    """An answer's object, read field by field: type and presence are checked, never assumed.

    Every method raises PaymentError, not permanent, naming the field and never its value: an answer may hold anything.
    """

    def __init__(self, value: object, *, gateway: str) -> None:
        self._gateway = gateway
        if not isinstance(value, dict):
            raise self.strange("object")
        self._fields: dict[str, object] = value

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def raw(self, name: str) -> object:
        """The value as it came; None when it is missing."""
        return self._fields.get(name)

    def text(self, name: str) -> str:
        """Text that is not empty."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.strange(name)
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if name in self else None

    def rupiah(self, name: str) -> int:
        """A whole number of rupiah, zero or more; 20000.0 is whole, "20000" is text and refused here."""
        value = self._fields.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or value < 0:  # bool is an int in Python, but no money
            raise self.strange(name)
        return value

    def object(self, name: str) -> Fields:
        value = self._fields.get(name)
        if not isinstance(value, dict):
            raise self.strange(name)
        return Fields(value, gateway=self._gateway)

    def objects(self, name: str) -> list[Fields]:
        """A list of objects, maybe empty."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise self.strange(name)
        return [Fields(each, gateway=self._gateway) for each in value]

    def strange(self, name: str) -> PaymentError:
        return PaymentError(f"{self._gateway}'s answer has no usable {name}.", permanent=False)
