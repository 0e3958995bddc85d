"""A forger's workshop: certificates of every wrong kind, signatures with any content, files changed afterwards."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any

import pikepdf
import pypdfium2
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from stamping import books, verifying
from stamping.pdf import geometry, seal_reading
from stamping.verdict import Verdict
from tests.stamping import pdf_tools

NOW, SERIAL = pdf_tools.NOW, pdf_tools.SERIAL
YEAR = timedelta(days=365)
Key = rsa.RSAPrivateKey


@cache
def key(name: str, bits: int = 2048) -> Key:
    """One key a name, since making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Root:
    """A root of somebody's own, with whatever name it likes."""

    name: str
    key: str

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    def certificate(self) -> x509.Certificate:
        return _certificate(self.subject, self, key(self.key), starts=NOW - YEAR, ends=NOW + 9 * YEAR, ca=True)


def _certificate(subject: x509.Name, root: Root, public: Key, **options: Any) -> x509.Certificate:
    ca = options.get("ca", False)
    usage = {"digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca} | options.get("usage", {})
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=root.subject, public_key=public.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(options["starts"])
        .not_valid_after(options["ends"])
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{name: usage.get(name, False) for name in every}), critical=True)
    )
    if purposes := options.get("purposes"):
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(key(root.key), hashes.SHA256())


def signer(root: Root, *, name: str = "Penyegel", own: str = "signer", bits: int = 2048, **options: Any) -> Any:
    """A signer under `root`; `starts`, `ends`, `usage` and `purposes` go into its certificate."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    known = {"starts": NOW - YEAR, "ends": NOW + YEAR}
    certificate = _certificate(subject, root, key(own, bits), **(known | options))
    der = key(own, bits).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore()
    store.register(asn1_x509.Certificate.load(root.certificate().public_bytes(Encoding.DER)))
    return signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=store,
    )


def sign(data: bytes, by: Any, *, serial: str = SERIAL, field: str = "Segel", **options: Any) -> bytes:
    """Signed by pyHanko, with the reason of a seal unless `serial` is empty. `box` makes it visible, `sheet` white."""
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        reason=f"[{serial}] Pembubuhan" if serial else "Saya setuju",
        md_algorithm=options.get("digest", "sha256"),
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    writer = IncrementalPdfFileWriter(BytesIO(data), strict=False)
    spec = fields.SigFieldSpec(field, on_page=0, box=options["box"]) if "box" in options else None
    style = None
    if options.get("sheet"):
        from pyhanko.pdf_utils.content import RawContent
        from pyhanko.pdf_utils.layout import BoxConstraints
        from pyhanko.stamp import StaticStampStyle

        left, low, right, high = options["box"]
        paint = f"1 1 1 rg 0 0 {right - left} {high - low} re f".encode()
        content = RawContent(paint, box=BoxConstraints(width=right - left, height=high - low))
        style = StaticStampStyle(background=content, border_width=0, background_opacity=1)
    out = signers.PdfSigner(meta, by, stamp_style=style, new_field_spec=spec).sign_pdf(writer, output=BytesIO())
    return bytes(out.getvalue())


def revised(data: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """The file with one more revision."""
    writer = IncrementalPdfFileWriter(BytesIO(data), strict=False)
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def page(writer: IncrementalPdfFileWriter) -> Any:
    """The first page, to be changed."""
    reference, _resources = writer.find_page_for_modification(0)
    writer.mark_update(reference)
    return reference.get_object()


def stream(writer: IncrementalPdfFileWriter, data: bytes, **entries: Any) -> Any:
    """A new stream of the file."""
    named = {pdf_name(f"/{name}"): value for name, value in entries.items()}
    return writer.add_object(generic.StreamObject(named, stream_data=data))


def rectangle(*corners: float) -> Any:
    return generic.ArrayObject(map(generic.FloatObject, corners))


def wide_gap(data: bytes, *, earlier: int = 60) -> bytes:
    """Sealed by the right key, but the byte range leaves out `earlier` bytes before the signature as well."""
    hollow = pdf_tools.seal(data, engine=_Hollow())
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", hollow)
    assert found
    start, first, second, last = map(int, found.groups())
    text = f"/ByteRange [{start} {first - earlier} {second} {last}]".encode().ljust(len(found.group()))
    file = bytearray(hollow.replace(found.group(), text))
    hashed = hashes.Hash(hashes.SHA256())
    hashed.update(bytes(file[: first - earlier]) + bytes(file[second : second + last]))
    signature = pdf_tools.engine().sign(digest=hashed.finalize(), at=NOW)
    file[first + 1 : first + 1 + 2 * len(signature)] = signature.hex().encode()
    return bytes(file)


class _Hollow:
    """An engine that leaves the room for the signature empty."""

    bytes_reserved = 8192

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        return b"\x30\x00"


class Repeating:
    """An engine that gives back the signature of another file."""

    bytes_reserved = 8192

    def __init__(self, sealed: bytes) -> None:
        with pikepdf.open(BytesIO(sealed)) as pdf:
            contents = next(bytes(one.Contents) for one in pdf.objects if _is_signature(one))
        self.signature = contents.rstrip(b"\x00")

    def sign(self, *, digest: bytes, at: datetime) -> bytes:
        return self.signature


def _is_signature(thing: Any) -> bool:
    return isinstance(thing, pikepdf.Dictionary) and "/ByteRange" in thing


def drawn(data: bytes, *, scale: float = 3) -> Any:
    """Page 1 as a picture."""
    document = pypdfium2.PdfDocument(data)
    document.init_forms()
    return document[0].render(scale=scale).to_pil()


def pasted(picture: Any, *, box: tuple[float, float, float, float], text: str = "") -> bytes:
    """Another document with a picture on it: left, low, width, height in points."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    canvas.drawString(72, 770, text or "Surat pernyataan lain")
    left, low, wide, high = box
    canvas.drawImage(ImageReader(picture), left, low, wide, high)
    canvas.save()
    return out.getvalue()


def verdicts(source: bytes, *, roots: Any = None, entries: dict[str, books.Entry] | None = None) -> list[Verdict]:
    """What is said of a file, read in this process, with the books given as `entries`; unknown serials otherwise.

    Of a file that cannot be read, an empty verdict: nothing is known.
    """
    reading = seal_reading.read(source=source, roots=pdf_tools.roots() if roots is None else roots, at=NOW)
    serials = {one.serial for one in (*reading.seals, *reading.traces)}
    known = {serial: books.Entry() for serial in serials} | (entries or {})
    report = verifying.conclude(source=source, reading=reading, entries=known)
    return [one.verdict for one in report.checked] or [Verdict()]


def entry(sealed: bytes, *, state: str = "AFFIXED") -> dict[str, books.Entry]:
    """The books, when `sealed` is what was committed for SERIAL."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(sealed)
    committed = books.Committed(digest.finalize().hex(), len(sealed))
    return {SERIAL: books.Entry(known=True, state=state, committed=(committed,), sealed_at=datetime.now(UTC))}


PLACE = geometry.Placement(page=1, x=330.0, y=180.0)
