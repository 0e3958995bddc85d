"""The sealer that works with a key of our own: our PDF kernel, and the level of proof that the settings ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from stamping.authority.engine import Engine, Job
from stamping.authority.revocation import RevocationLists
from stamping.authority.timestamps import TimestampClient
from stamping.pdf import sealing, signing


class Level(StrEnum):
    """How long a seal can be proved (PAdES baseline levels, ETSI EN 319 142-1)."""

    PLAIN = "B-B"
    """As long as the certificate is valid and our books are believed."""
    TIMESTAMPED = "B-T"
    """A third party says when: the seal outlives the certificate."""
    LONG_TERM = "B-LT"
    """Certificates and revocation lists travel in the file: nobody need be asked."""
    ARCHIVE = "B-LTA"
    """And a time-stamp over all that: the file outlives the authorities, and can be stamped again."""

    @property
    def is_timestamped(self) -> bool:
        return self is not Level.PLAIN

    @property
    def is_long(self) -> bool:
        return self in (Level.LONG_TERM, Level.ARCHIVE)


@dataclass(frozen=True)
class OurSealer:
    """Implements `engine.Sealer`. `engine` adds the time-stamp itself; what comes after the seal is added here.

    `authorities` are the certificates of roots and intermediates that the file is to carry from B-LT on. With `lists`
    and `certificate_at` (whose turn it is to sign then) nothing is sealed with a certificate that was revoked.
    """

    engine: Engine
    level: Level = Level.PLAIN
    client: TimestampClient | None = None
    lists: RevocationLists | None = None
    authorities: tuple[x509.Certificate, ...] = ()
    certificate_at: Callable[[datetime], x509.Certificate] | None = None

    def seal(self, job: Job) -> sealing.Sealed:
        """See `engine.Sealer.seal`. From B-LT on the file is longer than what its digest is of: the digest is of the
        revision that ends with the seal, which is what a verifier finds again."""
        # Evidence first: while it cannot be had, no signature is made.
        lists = self.lists.lists(at=job.at) if self.lists is not None else ()
        if self.lists is not None and self.certificate_at is not None:
            self.lists.refuse_revoked(certificate=self.certificate_at(job.at), at=job.at)
        sealed = sealing.seal(
            source=job.source,
            placement=job.placement,
            serial=job.serial,
            verification_url=job.verification_url,
            reason_text=job.reason_text,
            engine=self.engine,
            at=job.at,
        )
        if not self.level.is_long:
            return sealed
        data = signing.lengthen(sealed=sealed.data, evidence=signing.Evidence(self.authorities, lists))
        if self.level is Level.ARCHIVE and self.client is not None:
            data = signing.stamp_document(source=data, client=self.client)
        return sealing.Sealed(data=data, sha256=sealed.sha256)
