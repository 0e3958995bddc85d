"""A plain signature on a PDF of our own making: PAdES, invisible, without a stamp."""

from datetime import datetime
from io import BytesIO

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from stamping.authority.engine import Engine, SealingError

FIELD = "Segel"


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
