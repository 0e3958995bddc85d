"""Sound files of every build: versions, object streams, linearized, encrypted, forms, attachments, page trees."""

import shutil
import subprocess
import tempfile
from io import BytesIO
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Encryption, Name, ObjectStreamMode, Permissions
from reportlab.pdfgen.canvas import Canvas

from tests.corpus.cases import INK, SEALED, add, by_hand, edited, letter, saved, stream


def _kept(pdf: pikepdf.Pdf) -> None:
    """No change."""


for _version in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2.0"):
    add(f"version-{_version}.pdf", lambda v=_version: edited(_kept, force_version=v), SEALED)
for _name, _options in {
    "object-streams": {"object_stream_mode": ObjectStreamMode.generate},
    "linearized": {"linearize": True},
    "linearized-object-streams": {"linearize": True, "object_stream_mode": ObjectStreamMode.generate},
    "qdf": {"qdf": True},
    "uncompressed": {"compress_streams": False},
    "without-id": {"static_id": True, "deterministic_id": False},
}.items():
    add(f"build-{_name}.pdf", lambda o=_options: edited(_kept, **o), SEALED)

CIPHERS = {"rc4-40": 2, "rc4-128": 3, "aes-128": 4, "aes-256-r5": 5, "aes-256": 6}


def _encrypted(revision: int, user: str, **options: object) -> bytes:
    allow = Permissions(extract=False, modify_other=False, modify_annotation=False, modify_form=False)
    aes = revision >= 4
    how = Encryption(owner="pemilik", user=user, R=revision, aes=aes, metadata=aes, allow=allow)
    return edited(_kept, encryption=how, deterministic_id=False, static_id=True, **options)


for _name, _revision in CIPHERS.items():
    _code = "unknown_protection" if _revision == 5 else SEALED
    add(f"encrypted-{_name}.pdf", lambda r=_revision: _encrypted(r, ""), _code)
    add(f"locked-{_name}.pdf", lambda r=_revision: _encrypted(r, "rahasia"), "password_needed")
add("encrypted-object-streams.pdf", lambda: _encrypted(6, "", object_stream_mode=ObjectStreamMode.generate), SEALED)
add("encrypted-linearized.pdf", lambda: _encrypted(4, "", linearize=True), SEALED)


def _form() -> bytes:
    out = BytesIO()
    canvas = Canvas(out, invariant=1)
    canvas.drawString(100, 700, "Nama")
    canvas.acroForm.textfield(name="nama", x=150, y=690, width=200, height=20)
    canvas.acroForm.checkbox(name="setuju", x=100, y=650)
    canvas.acroForm.choice(name="kota", x=150, y=600, options=["Bandung", "Medan"], value="Medan")
    canvas.drawString(300, 300, "Yang membuat pernyataan,")
    canvas.save()
    return out.getvalue()


def _attached(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["lampiran.txt"] = b"isi lampiran"


def _portfolio(pdf: pikepdf.Pdf) -> None:
    _attached(pdf)
    pdf.Root.Collection = Dictionary(Type=Name.Collection, View=Name.D)


def _scripted(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS="app.alert('halo');")
    pdf.Root.AA = Dictionary(WS=Dictionary(S=Name.Launch, F="cmd.exe"))


def _dynamic(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(b"<xdp/>"))


def _outlined(pdf: pikepdf.Pdf) -> None:
    with pdf.open_outline() as outline:
        for page in range(len(pdf.pages)):
            outline.root.append(pikepdf.OutlineItem(f"Halaman {page + 1}", page))


def _deep(levels: int) -> bytes:
    """A page tree with one child on each level."""
    inner = [
        b"<</Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1>>"
        % (6 + n - 1 if n else 2, 6 + n + 1 if n < levels - 1 else 3)
        for n in range(levels)
    ]
    page = b"/Parent %d 0 R" % (6 + levels - 1)
    return by_hand(pages=b"/Kids [6 0 R] /Count 1", more=inner, page=page).replace(
        b"/Parent 2 0 R /MediaBox", b"/MediaBox", 1
    )


def _fields(count: int) -> bytes:
    def change(pdf: pikepdf.Pdf) -> None:
        fields = [
            pdf.make_indirect(
                Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=f"f{n}", Rect=[0, 0, 5, 5])
            )
            for n in range(count)
        ]
        pdf.pages[0].obj.Annots = pdf.make_indirect(Array(fields))
        pdf.Root.AcroForm = pdf.make_indirect(Dictionary(Fields=pdf.make_indirect(Array(fields)), NeedAppearances=True))

    return edited(change)


def _updated(times: int) -> bytes:
    """As many incremental updates, each of which writes the page's contents again."""
    data = by_hand()
    for turn in range(times):
        previous = data[data.rindex(b"startxref") + 9 :].split()[0]
        place = len(data)
        data += b"4 0 obj\n%s\nendobj\n" % stream(INK + b" %% %d" % turn)
        start = len(data)
        data += b"xref\n4 1\n%010d 00000 n \ntrailer\n<</Size 6 /Root 1 0 R /Prev %s>>\n" % (place, previous)
        data += b"startxref\n%d\n%%%%EOF\n" % start
    return data


def _by_qpdf(*options: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.pdf"), Path(folder, "out.pdf")
        source.write_bytes(letter(count=3))
        subprocess.run(["qpdf", "--deterministic-id", *options, source, target], check=True, capture_output=True)
        return target.read_bytes()


add("form.pdf", _form, SEALED)
add("form-500-fields.pdf", lambda: _fields(500), SEALED)
add("form-dynamic.pdf", lambda: edited(_dynamic), "dynamic_form")
add("attached.pdf", lambda: edited(_attached), SEALED)
add("portfolio.pdf", lambda: edited(_portfolio), SEALED)
add("scripted.pdf", lambda: edited(_scripted), SEALED)
add("outlined.pdf", lambda: edited(_outlined, letter(count=5)), SEALED)
add("tree-40-deep.pdf", lambda: _deep(40), SEALED)
add("tree-2000-deep.pdf", lambda: _deep(2000))
add("updates-3.pdf", lambda: _updated(3), SEALED)
add("updates-100.pdf", lambda: _updated(100), SEALED)
add("pages-200.pdf", lambda: letter(count=200), SEALED)
add("pages-1001.pdf", lambda: letter((200, 200), count=1001), "too_many_pages")
add("pages-none.pdf", lambda: by_hand(pages=b"/Kids [] /Count 0"), "no_pages", "unreadable")
if shutil.which("qpdf"):
    for _name, _flags in {
        "linearize": ["--linearize"],
        "objstm": ["--object-streams=generate", "--compression-level=9", "--recompress-flate"],
        "qdf": ["--qdf"],
        "rotate": ["--rotate=+90:1-z"],
        "split": ["--pages", ".", "2", "--"],
        "coalesce": ["--coalesce-contents", "--newline-before-endstream"],
    }.items():
        add(f"qpdf-{_name}.pdf", lambda f=tuple(_flags): _by_qpdf(*f), SEALED)


def _nameless() -> bytes:
    """Saved by pikepdf without information dictionary and with names that hold odd bytes."""
    with pikepdf.open(BytesIO(letter())) as pdf:
        pdf.pages[0].obj.PieceInfo = Dictionary({"/A#20B": 1, "/Z": Name("/Jalan#20Raya")})
        pdf.Root.Lang = pikepdf.String("id-ID")
        if "/Info" in pdf.trailer:
            del pdf.trailer["/Info"]
        return saved(pdf)


add("odd-names.pdf", _nameless, SEALED)
