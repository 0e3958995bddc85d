"""Makes the files of this folder again: `python tests/data/make.py [folder]`, with LibreOffice installed.

Keys, dates and identifiers differ from run to run; what each file is does not (see README.md).
"""

import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pikepdf
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from PIL import Image, ImageDraw, ImageFilter
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

LETTER = """<html><body style="font-family: Liberation Serif; font-size: 11pt">
<p style="text-align: right">Bandung, 2 September 2024</p>
<p>Perihal: Surat Lamaran Calon Pegawai Negeri Sipil</p>
<p>Yth. Panitia Seleksi<br>di Tempat</p>
<p>Dengan hormat, saya yang bertanda tangan di bawah ini mengajukan lamaran untuk mengikuti seleksi. Sebagai
bahan pertimbangan, bersama ini saya lampirkan berkas yang dipersyaratkan dalam pengumuman.</p>
<p>Demikian surat lamaran ini saya buat dengan sebenarnya. Atas perhatian Bapak/Ibu saya ucapkan terima
kasih.</p> <p style="margin-top: 3cm">Hormat saya,</p><p style="margin-top: 3cm">Nama
Contoh</p></body></html>"""


def letter() -> bytes:
    """Written as HTML, made a .docx and then a PDF by LibreOffice."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "surat.html").write_text(LETTER, encoding="utf-8")
        _office(folder, "surat.html", "docx:Office Open XML Text", "--infilter=HTML (StarWriter)")
        _office(folder, "surat.docx", "pdf")
        return Path(folder, "surat.pdf").read_bytes()


def _office(folder: str, name: str, kind: str, *options: str) -> None:
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [
        "soffice",
        profile,
        "--headless",
        *options,
        "--convert-to",
        kind,
        "--outdir",
        folder,
        f"{folder}/{name}",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def scan() -> bytes:
    """One grey picture a page and nothing else, slightly crooked, as scanners make them."""
    paper = Image.new("L", (827, 1169), 246)
    pen = ImageDraw.Draw(paper)
    for line in range(14):
        pen.text((95, 110 + line * 34), f"{line + 1}. Dengan ini saya menyatakan bahwa data saya benar.", fill=40)
    pen.line((560, 900, 600, 860, 640, 920, 700, 870), fill=30, width=4)
    crooked = paper.rotate(0.6, fillcolor=246).filter(ImageFilter.GaussianBlur(0.6))
    jpeg = BytesIO()
    crooked.save(jpeg, "JPEG", quality=40)
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.drawImage(ImageReader(jpeg), 0, 0, *A4)
    canvas.save()
    return out.getvalue()


def turned(source: bytes, degrees: int) -> bytes:
    """The same page, displayed turned clockwise."""
    with pikepdf.open(BytesIO(source)) as pdf:
        pdf.pages[0].Rotate = degrees
        return saved(pdf)


def shifted(source: bytes) -> bytes:
    """MediaBox off zero, and a CropBox that hides a border of it and reaches past it on the right."""
    with pikepdf.open(BytesIO(source)) as pdf:
        page = pdf.pages[0]
        page.MediaBox = [-100, -50, 495, 792]
        page.CropBox = [-60, -20, 900, 700]
        return saved(pdf)


def encrypted(source: bytes) -> bytes:
    """AES-256, a password for its owner and none for its readers: what most "protected" files are."""
    with pikepdf.open(BytesIO(source)) as pdf:
        out = BytesIO()
        pdf.save(out, encryption=pikepdf.Encryption(owner="pemilik", user="", R=6))
        return out.getvalue()


def locked(source: bytes) -> bytes:
    """A password for its readers."""
    with pikepdf.open(BytesIO(source)) as pdf:
        out = BytesIO()
        pdf.save(out, encryption=pikepdf.Encryption(owner="pemilik", user="rahasia", R=6))
        return out.getvalue()


def damaged(source: bytes) -> bytes:
    """Junk in front of the header, so that every offset is wrong, and the tail cut off."""
    return b"\r\nX-Scanner: 1\r\n" + source[: source.rindex(b"startxref")]


def scripted(source: bytes) -> bytes:
    """A JavaScript that runs when the file is opened."""
    with pikepdf.open(BytesIO(source)) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('halo');")
        return saved(pdf)


def saved(pdf: pikepdf.Pdf) -> bytes:
    """The open file, written anew."""
    out = BytesIO()
    pdf.save(out, deterministic_id=True)
    return out.getvalue()


def foreign_signer() -> tuple[signers.SimpleSigner, x509.Certificate]:
    """A signer under a root of its own that has nothing to do with stamps."""
    now = datetime.now(UTC)
    root_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    root_name, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]) for common in ("Contoh Akar", "Contoh Penanda")
    )

    def builder(subject: x509.Name, public_key: rsa.RSAPublicKey, *, ca: bool) -> x509.CertificateBuilder:
        usage = x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)
        start = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public_key)
        return (
            start.serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365 * 30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )

    root = builder(root_name, root_key.public_key(), ca=True).sign(root_key, hashes.SHA256())
    certificate = builder(name, key.public_key(), ca=False).sign(root_key, hashes.SHA256())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore(),
    )
    return signer, root


def signed(source: bytes, signer: signers.SimpleSigner, *, certify: int | None = None) -> bytes:
    """Signed by pyHanko, or certified with the given level."""
    meta = signers.PdfSignatureMetadata(
        field_name="TandaTangan",
        reason="Saya setuju",
        certify=certify is not None,
        docmdp_permissions=fields.MDPPerm(certify or 2),
        subfilter=fields.SigSeedSubFilter.PADES,
    )
    writer = IncrementalPdfFileWriter(BytesIO(source))
    out = signers.PdfSigner(meta, signer).sign_pdf(writer, output=BytesIO())
    return bytes(out.getvalue())


def main(folder: Path) -> None:
    plain = letter()
    signer, root = foreign_signer()
    files = {
        "letter.pdf": plain,
        "scan.pdf": scan(),
        "signed.pdf": signed(plain, signer),
        "certified-1.pdf": signed(plain, signer, certify=1),
        "certified-2.pdf": signed(plain, signer, certify=2),
        "rotated-90.pdf": turned(plain, 90),
        "rotated-180.pdf": turned(plain, 180),
        "rotated-270.pdf": turned(plain, 270),
        "shifted.pdf": shifted(plain),
        "encrypted.pdf": encrypted(plain),
        "locked.pdf": locked(plain),
        "damaged.pdf": damaged(plain),
        "scripted.pdf": scripted(plain),
        "foreign-root.pem": root.public_bytes(Encoding.PEM),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
        print(f"{len(data):>8} {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
