"""The contract of whoever seals, and of whoever only signs.

A `Sealer` makes a sealed file out of a document; the sealing step knows nothing else. There are three engines: our own
key in a PKCS #12 file (`local`), our own key in a PKCS #11 token (`token`), and the issuer's remote engine (`issuer`).
The first two sign a digest (`Engine`), and our PDF kernel does the rest (`sealer`); the third is handed the whole file.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from stamping.pdf.geometry import Placement
    from stamping.pdf.sealing import Sealed

REASONS = {
    "key_unreadable": "the key file or its passphrase is missing or wrong",
    "certificate_unfit": "the certificate may not sign documents, or belongs to another key",
    "certificate_out_of_date": "the certificate is not valid at this time",
    "certificate_revoked": "the authority has revoked our certificate",
    "signature_too_long": "the signature does not fit into the room kept for it",
    "token_unavailable": "the token cannot be reached: is it plugged in, is its service running?",
    "token_pin_wrong": "the token refuses the PIN; it is not tried again, for a token locks after a few wrong tries",
    "token_key_missing": "the token holds no such key or certificate",
    "timestamp_unavailable": "the time-stamp authority gives no time-stamp",
    "timestamp_untrusted": "the time-stamp does not lead to a certificate in TSA_ROOTS, or stamps something else",
    "revocation_unavailable": "a revocation list is missing, out of date, or not signed by its authority",
    "issuer_unreachable": "the issuer's service cannot be reached, or its answer was lost",
    "issuer_strange": "the issuer's service answers in another shape than it documents",
    "issuer_login": "the issuer refuses our user name or password",
    "issuer_quota": "our quota of stamps at the issuer is used up",
    "issuer_refused": "the issuer refuses to give a serial",
    "issuer_folder": "the folder shared with the issuer's adapter cannot be written or read",
    "picture_missing": "the issuer's picture for this serial has not been saved",
    "result_late": "the issuer's adapter said yes, and its file has not come yet",
    "result_wrong": "the file that the issuer's adapter made does not hold a whole seal with this serial",
    "document_changed": "the document was changed after it was signed (80)",
    "earlier_signature_invalid": "a signature that is already in the document is not valid (81)",
    "version_or_password": "the document is of an older PDF version than 1.6, or asks for a password (82)",
    "certified_no_changes": "the document is certified, and its author allows no changes (83)",
    "issuer_bad_input": "the issuer's adapter refuses what we sent (90)",
    "issuer_signing": "the issuer could not sign (91-97)",
    "issuer_revocation": "the issuer could not ask whether its certificate still holds (70)",
    "issuer_unknown": "the issuer's adapter failed with a code that is not documented",
}
"""Every code of a SealingError, and what it says to staff."""


class SealingError(Exception):
    """The engine could not sign.

    `permanent`: trying again with the same input cannot help (a wrong key, a refused certificate). Otherwise
    the same document may be tried again later, with byte-identical input. `code` is a short stable word for
    logs and staff, one of REASONS; nothing that an outside service said is repeated in it.
    """

    def __init__(self, code: str, *, permanent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent

    @property
    def reason(self) -> str:
        """What it says, in a sentence for staff."""
        return REASONS.get(self.code, self.code)


class Engine(Protocol):
    """Signs digests for the issuer. One object a process, made once: loading a key costs more than sixty
    signatures."""

    @property
    def bytes_reserved(self) -> int:
        """Room, in hexadecimal characters, that the finished signature may take in the file; an even number.
        Raises SealingError when the key has to be looked at first and cannot be."""
        ...

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """A detached CAdES signature (CMS, DER; PAdES baseline B-B or B-T, ETSI EN 319 142-1) over a SHA-256 digest.

        `digest` is 32 bytes; `at` is the time of sealing, which the certificate must allow. Raises
        SealingError.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """One document to be sealed. `repeated`: it was tried before, with these very bytes and this very serial."""

    source: bytes = field(repr=False)
    placement: "Placement"
    serial: str
    verification_url: str
    reason_text: str
    at: datetime
    repeated: bool = False
    picture: bytes = field(default=b"", repr=False)
    """The issuer's own picture of this stamp (PNG); our own engines draw theirs."""


@runtime_checkable
class Sealer(Protocol):
    """Makes the sealed file. One object a process. May ask the network: never call it inside a transaction."""

    def seal(self, job: Job) -> "Sealed":
        """The sealed file, and the SHA-256 of the revision that ends with the seal: what our books bind the serial to.

        Raises Refused (the document's fault) or SealingError (the engine's).
        """
        ...
