"""A plain signature on a PDF of our own making, and the evidence that lets any signature outlive its certificate."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from asn1crypto import cms, crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from stamping.authority.engine import Engine, SealingError
from stamping.pdf import guards

FIELD = "Segel"
STAMP_RESERVED = 24_576
"""Room, in hexadecimal characters, for a time-stamp over the whole document."""


def sign(*, source: bytes, reason: str, engine: Engine, at: datetime) -> bytes:
    """`source` with an invisible signature by the engine. Raises SealingError.

    For files that we have just made: nothing is checked and nothing repaired. What strangers bring is for `sealing`.
    """
    writer = IncrementalPdfFileWriter(BytesIO(source))
    steps = PdfCMSEmbedder(new_field_spec=SigFieldSpec(FIELD)).write_cms(field_name=FIELD, writer=writer)
    next(steps)
    placeholder = SignatureObject(
        timestamp=at, subfilter=SigSeedSubFilter.PADES, reason=reason, bytes_reserved=engine.bytes_reserved
    )
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, output = steps.send(SigIOSetup(md_algorithm="sha256", output=BytesIO()))
    signature = engine.sign(digest=prepared.document_digest, at=at)
    try:
        steps.send(signature)
    except SigningError as error:
        raise SealingError("signature_too_long", permanent=True) from error
    return bytes(output.getvalue())


@dataclass(frozen=True)
class Evidence:
    """What a validator will want when nobody can be asked any more: certificates up to the roots, and lists (DER)."""

    certificates: tuple[x509.Certificate, ...]
    revocation_lists: tuple[bytes, ...]


def lengthen(*, sealed: bytes, evidence: Evidence) -> bytes:
    """`sealed` with the evidence for its last signature behind it, as a further revision (PAdES B-LT).

    What was there stays byte for byte. The certificates inside the signature and its time-stamp are taken along.
    """
    reader = guards.open_leniently(sealed)
    last = reader.embedded_regular_signatures[-1]
    certificates = {one.dump(): one for one in _inside(last.signed_data)}
    for certificate in evidence.certificates:
        der = certificate.public_bytes(Encoding.DER)
        certificates[der] = asn1_x509.Certificate.load(der)
    writer = IncrementalPdfFileWriter.from_reader(reader)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        last.pkcs7_content.hex().encode("ascii"),
        certs=list(certificates.values()),
        crls=[crl.CertificateList.load(one) for one in evidence.revocation_lists],
    )
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def stamp_document(*, source: bytes, client: TimeStamper) -> bytes:
    """`source` with a time-stamp over all of it, as a further revision (with `lengthen` before: PAdES B-LTA).

    Raises SealingError, not permanent. Asks the network: never inside a transaction.
    """
    writer = IncrementalPdfFileWriter.from_reader(guards.open_leniently(source))
    stamper = PdfTimeStamper(client)
    try:
        output = asyncio.run(
            stamper.async_timestamp_pdf(writer, "sha256", bytes_reserved=STAMP_RESERVED, output=BytesIO())
        )
    except SigningError as error:
        raise SealingError("signature_too_long", permanent=True) from error
    return bytes(output.getvalue())


def _inside(signed: cms.SignedData) -> list[asn1_x509.Certificate]:
    """The certificates of a signature and of the time-stamp it holds."""
    found = [one.chosen for one in signed["certificates"]]
    for signer in signed["signer_infos"]:
        for attribute in signer["unsigned_attrs"] or ():
            if attribute["type"].native == "signature_time_stamp_token":
                for token in attribute["values"]:
                    found += [one.chosen for one in token["content"]["certificates"]]
    return found
