"""The contract of whoever signs: it is handed the digest of a prepared document and gives back a CMS
signature."""

from datetime import datetime
from typing import Protocol


class SealingError(Exception):
    """The engine could not sign.

    `permanent`: trying again with the same input cannot help (a wrong key, a refused certificate). Otherwise
    the same document may be tried again later, with byte-identical input. `code` is a short stable word for
    logs and staff.
    """

    def __init__(self, code: str, *, permanent: bool) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent


class Engine(Protocol):
    """Signs for the issuer. One object a process, made once: loading a key costs more than sixty
    signatures."""

    bytes_reserved: int
    """Room, in hexadecimal characters, that the finished signature may take in the file; an even number."""

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        """A detached CAdES signature (CMS, DER; PAdES baseline B-B, ETSI EN 319 142-1) over a SHA-256 digest.

        `digest` is 32 bytes; `at` is the time of sealing, which the certificate must allow. Raises
        SealingError.
        """
        ...
