"""What others do with the same document: pyHanko as its manual shows it, pyHanko well kept, endesive, a bare key."""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.stamp import StaticStampStyle

from bench.seal_ours import ADDRESS, SERIAL
from stamping.authority import development
from stamping.pdf import appearance

CORNERS = (330, 180, 416, 266)
Job = Callable[[], object]


def naive(paths: development.Paths, source: bytes) -> Job:
    """pyHanko as its manual shows it, with our art: key file, art and QR symbol anew for each document."""

    def seal() -> object:
        appearance.art.cache_clear()
        return _pyhanko(_signer(paths), source, folder=paths.folder, reserved=None)

    return seal


def kept(paths: development.Paths, source: bytes) -> Job:
    """The same with signer and art kept and the signature's room known; QR symbol and serial anew, as they
    must be."""
    signer = _signer(paths)
    return lambda: _pyhanko(signer, source, folder=paths.folder, reserved=8_192)


def endesive(paths: development.Paths, source: bytes) -> Job:
    """endesive with the key kept and our art as a picture drawn once: it cannot place a PDF, so the QR symbol of the
    serial is not drawn anew, which is in its favour. Raises what its import raises where it does not run."""
    cms = importlib.import_module("endesive.pdf.cms")
    key, certificate, chain = pkcs12.load_key_and_certificates(paths.signer.read_bytes(), paths.passphrase.read_bytes())
    picture = paths.folder / "stamp.png"
    picture.write_bytes(_as_picture(appearance.as_pdf(serial=SERIAL, address=ADDRESS)))
    wish = {
        "sigpage": 0,
        "sigfield": f"Meterai-{SERIAL}",
        "auto_sigfield": True,
        "sigandcertify": False,
        "signaturebox": CORNERS,
        "signature_img": str(picture),
        "contact": "",
        "location": "",
        "signingdate": datetime.now(UTC).strftime("D:%Y%m%d%H%M%S+00'00'"),
        "reason": f"[{SERIAL}] Meterai elektronik",
    }
    return lambda: source + cms.sign(source, dict(wish), key, certificate, chain, "sha256")


def bare() -> Job:
    """One RSA-2048 signature and nothing else: what no sealing with such a key can beat."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return lambda: key.sign(b"x" * 200, padding.PKCS1v15(), hashes.SHA256())


def _signer(paths: development.Paths) -> signers.SimpleSigner:
    passphrase = paths.passphrase.read_bytes()
    signer = signers.SimpleSigner.load_pkcs12(str(paths.signer), passphrase=passphrase)
    assert isinstance(signer, signers.SimpleSigner)
    return signer


def _pyhanko(signer: signers.SimpleSigner, source: bytes, *, folder: Path, reserved: int | None) -> object:
    stamp = folder / "stamp.pdf"
    stamp.write_bytes(appearance.as_pdf(serial=SERIAL, address=ADDRESS))
    name = f"Meterai-{SERIAL}"
    meta = signers.PdfSignatureMetadata(
        field_name=name, reason=f"[{SERIAL}] Meterai elektronik", subfilter=fields.SigSeedSubFilter.PADES
    )
    spec = fields.SigFieldSpec(name, box=CORNERS)
    style = StaticStampStyle.from_pdf_file(str(stamp), border_width=0)
    signing = signers.PdfSigner(meta, signer, stamp_style=style, new_field_spec=spec)
    return signing.sign_pdf(IncrementalPdfFileWriter(BytesIO(source)), bytes_reserved=reserved)


def _as_picture(page: bytes) -> bytes:
    import pypdfium2

    out = BytesIO()
    drawn: Any = pypdfium2.PdfDocument(page)[0].render(scale=3)
    drawn.to_pil().save(out, "PNG")
    return out.getvalue()
