"""Time-stamps (RFC 3161): a client, and an engine that adds one to each signature (PAdES B-T).

A seal at level B-B says itself when it was made, and only our books can contradict it. With a time-stamp a third party
says so, and the seal outlives its certificate.
"""

import asyncio
import hashlib
from datetime import datetime
from enum import StrEnum

from asn1crypto import cms, tsp
from cryptography import x509
from pyhanko.sign.general import simple_cms_attribute
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from stamping.authority.engine import Engine, SealingError
from stamping.authority.http import Line, Unreachable
from stamping.authority.signing import asn1

TOKEN_RESERVED = 16_384
"""Room, in hexadecimal characters, for the token with its authority's certificates."""


class Missing(StrEnum):
    """What a seal is to do when the time-stamp does not come."""

    DELAY = "delay"
    """Wait: the document stays queued and is tried again, like after any other trouble that passes."""
    FAIL = "fail"
    """Give up at once: the stamp goes back to the buyer."""
    WITHOUT = "without"
    """Seal at level B-B: the document is valid now, and its proof ends with the certificate."""


class TimestampClient(TimeStamper):
    """Asks one time-stamp authority; believes a token only under `roots`. Safe to share between threads."""

    def __init__(
        self,
        *,
        url: str,
        roots: tuple[x509.Certificate, ...],
        authorization: str = "",
        missing: Missing = Missing.DELAY,
    ) -> None:
        """`authorization` is the whole value of that header, such as "Basic …"; empty: none is sent."""
        super().__init__()
        self.missing = missing
        self._url, self._roots, self._line = url, roots, Line()
        self._headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        if authorization:
            self._headers["Authorization"] = authorization

    def __repr__(self) -> str:
        return "<TimestampClient>"

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """One question over HTTP; blocks, since a worker has nothing else to do. Raises SealingError."""
        try:
            answer = self._line.send("POST", self._url, content=req.dump(), headers=self._headers)
        except Unreachable:
            raise self._no("timestamp_unavailable") from None
        if answer.status != 200:
            raise self._no("timestamp_unavailable")
        return tsp.TimeStampResp.load(answer.content)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token that stamps this digest and leads to a root. Raises SealingError, permanent if `missing` says so."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            await self._believe(token, message_digest)
        except SealingError:
            raise
        except TimestampRequestError:  # it said no, or answered another question
            raise self._no("timestamp_unavailable") from None
        except Exception:  # what a stranger's ASN.1 brings out of the libraries
            raise self._no("timestamp_untrusted") from None
        return token

    def _no(self, code: str) -> SealingError:
        return SealingError(code, permanent=self.missing is Missing.FAIL)

    async def _believe(self, token: cms.ContentInfo, digest: bytes) -> None:
        trusted = ValidationContext(
            trust_roots=[asn1(root) for root in self._roots], allow_fetching=False, revocation_mode="soft-fail"
        )
        found = await validate_tst_signed_data(token["content"], trusted, lambda _algorithm: digest)
        status = TimestampSignatureStatus(**found)
        if not (status.intact and status.valid and status.trusted):
            raise self._no("timestamp_untrusted")


class TimestampedEngine:
    """Implements `engine.Engine` around another one: level B-T."""

    def __init__(self, *, inner: Engine, client: TimestampClient) -> None:
        self.inner, self._client = inner, client

    def __repr__(self) -> str:
        return f"<TimestampedEngine {self.inner!r}>"

    @property
    def bytes_reserved(self) -> int:
        return self.inner.bytes_reserved + TOKEN_RESERVED

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """See `engine.Engine.sign`. Asks the network: never inside a transaction."""
        bare = self.inner.sign(digest=digest, at=at)
        try:
            return stamped(bare, self._client)
        except SealingError:
            if self._client.missing is Missing.WITHOUT:
                return bare
            raise


def stamped(signature: bytes, client: TimeStamper) -> bytes:
    """The same CMS signature with a time-stamp over its value as an unsigned attribute (RFC 3161, appendix A)."""
    info = cms.ContentInfo.load(signature)
    (signer,) = info["content"]["signer_infos"]
    digest = hashlib.sha256(signer["signature"].native).digest()
    token = asyncio.run(client.async_timestamp(digest, "sha256"))
    signer["unsigned_attrs"] = cms.CMSAttributes([simple_cms_attribute("signature_time_stamp_token", token)])
    return bytes(info.dump())
