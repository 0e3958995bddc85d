"""Signatures of others, made by pyHanko: plain, certified, locked, many, damaged, or changed afterwards."""

from collections.abc import Callable
from functools import cache
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec, SigSeedSubFilter

from tests.corpus.cases import CASES, SEALED, add, letter
from tests.data.make import foreign_signer

PADES, ADOBE = SigSeedSubFilter.PADES, SigSeedSubFilter.ADOBE_PKCS7_DETACHED


@cache
def signer() -> signers.SimpleSigner:
    return foreign_signer()[0]


def signed(
    source: bytes | None = None,
    *,
    name: str = "TandaTangan",
    certify: int | None = None,
    subfilter: SigSeedSubFilter = PADES,
    spec: SigFieldSpec | None = None,
    digest: str = "sha256",
) -> bytes:
    """Signed once, certified with level `certify` where it is given."""
    writer = IncrementalPdfFileWriter(BytesIO(source or letter()), strict=False)
    if writer.prev.encrypted:
        writer.encrypt(b"")
    meta = signers.PdfSignatureMetadata(
        field_name=name,
        reason="Saya setuju",
        certify=certify is not None,
        docmdp_permissions=MDPPerm(certify or 2),
        subfilter=subfilter,
        md_algorithm=digest,
    )
    if spec is not None:
        fields.append_signature_field(writer, spec)
    out = signers.PdfSigner(meta, signer()).sign_pdf(writer, output=BytesIO())
    return bytes(out.getvalue())


def empty_field(source: bytes, **options: object) -> bytes:
    """With one more signature field that waits to be signed."""
    writer = IncrementalPdfFileWriter(BytesIO(source))
    fields.append_signature_field(writer, SigFieldSpec("Menunggu", box=(320, 120, 520, 220), **options))  # type: ignore[arg-type]
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def changed(source: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """With one more revision that nobody signed."""
    writer = IncrementalPdfFileWriter(BytesIO(source))
    change(writer)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _more_text(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    added = writer.add_object(generic.StreamObject(stream_data=b"BT 100 100 Td ET 0 0 400 400 re f"))
    page["/Contents"] = generic.ArrayObject([page.raw_get("/Contents"), added])
    writer.update_container(page)


def _note(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    entries = {"/Type": "/Annot", "/Subtype": "/Text"}
    note = generic.DictionaryObject({generic.pdf_name(k): generic.pdf_name(v) for k, v in entries.items()})
    note["/Rect"] = generic.ArrayObject(generic.NumberObject(n) for n in (10, 10, 30, 30))
    page["/Annots"] = generic.ArrayObject([writer.add_object(note)])
    writer.update_container(page)


def _version(writer: IncrementalPdfFileWriter) -> None:
    writer.root["/Lang"] = generic.pdf_string("id")
    writer.update_root()


def _times(count: int) -> bytes:
    data = letter()
    for number in range(count):
        data = signed(data, name=f"Tanda{number}")
    return data


def _flipped() -> bytes:
    data = bytearray(signed())
    data[120] ^= 1
    return bytes(data)


def _locking(action: FieldMDPAction, names: list[str] | None = None) -> bytes:
    lock = FieldMDPSpec(action, fields=names)
    return signed(name="Kunci", spec=SigFieldSpec("Kunci", field_mdp_spec=lock))


def _cut(data: bytes) -> bytes:
    return data[: data.rindex(b"startxref")]


VISIBLE = SigFieldSpec("Tampak", box=(330, 150, 530, 240))
BUILDS = (
    *("build-object-streams.pdf", "build-linearized.pdf", "encrypted-aes-256.pdf", "encrypted-rc4-128.pdf"),
    *("encrypted-aes-128.pdf", "page-crop-over-90.pdf", "page-shifted-180.pdf", "page-unit-2.0-270.pdf", "form.pdf"),
    *("updates-3.pdf", "version-1.3.pdf", "page-inherited.pdf", "hybrid.pdf", "attached.pdf", "version-2.0.pdf"),
)
for _build in BUILDS:
    add(f"signed-{_build}", lambda b=_build: signed(CASES[b].make()))
add("signed.pdf", signed, SEALED)
add("signed-adobe.pdf", lambda: signed(subfilter=ADOBE), SEALED)
add("signed-sha512.pdf", lambda: signed(digest="sha512"), SEALED)
add("signed-visible.pdf", lambda: signed(name="Tampak", spec=VISIBLE), SEALED)
add("signed-twice.pdf", lambda: _times(2), SEALED)
add("signed-ten-times.pdf", lambda: _times(10), SEALED)
add(
    "signed-page-2.pdf",
    lambda: signed(letter(count=2), name="B", spec=SigFieldSpec("B", on_page=1, box=(9, 9, 99, 99))),
    SEALED,
)
add("signed-one-waiting.pdf", lambda: signed(empty_field(letter())), SEALED)
add("waiting.pdf", lambda: empty_field(letter()), SEALED)
add("waiting-to-lock.pdf", lambda: empty_field(letter(), field_mdp_spec=FieldMDPSpec(FieldMDPAction.ALL)), SEALED)
for _level in (1, 2, 3):
    _code = "certified_no_changes" if _level == 1 else "certified_form_only"
    add(f"certified-{_level}.pdf", lambda n=_level: signed(certify=n), _code)
add(
    "certified-2-signed.pdf",
    lambda: signed(signed(empty_field(letter()), certify=2), name="Menunggu"),
    "certified_form_only",
)
add("locks-all.pdf", lambda: _locking(FieldMDPAction.ALL), "fields_locked")
add("locks-some.pdf", lambda: _locking(FieldMDPAction.INCLUDE, ["nama"]), SEALED)
add("locks-all-but.pdf", lambda: _locking(FieldMDPAction.EXCLUDE, ["nama"]), "fields_locked")
add("signed-flipped.pdf", _flipped, "signature_broken")
add("signed-more-text.pdf", lambda: changed(signed(), _more_text))
add("signed-note.pdf", lambda: changed(signed(), _note))
add("signed-language.pdf", lambda: changed(signed(), _version))
add("signed-tail-cut.pdf", lambda: _cut(signed()), "signed_and_damaged")
add("signed-junk-in-front.pdf", lambda: b"junk\n" + signed(), "signed_and_damaged")
add("signed-junk-behind.pdf", lambda: signed() + b"\n<!-- terima kasih -->\n")
add("signed-line-behind.pdf", lambda: signed() + b"\n", SEALED)
add("signed-cut-in-half.pdf", lambda: signed()[: len(signed()) // 2], SEALED, "signed_and_damaged", "unreadable")
add("signed-emptied.pdf", lambda: signed().replace(b"/ByteRange", b"/BiteRange"))


def _rewritten() -> bytes:
    from tests.corpus.cases import edited

    return edited(lambda pdf: None, signed())


add("signed-then-rewritten.pdf", _rewritten, "signature_broken")
