"""Every way to forge a stamp that we know of, each with its name, and what is said of it. None is ever valid."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from meterai import links
from stamping import books
from stamping.pdf import geometry
from stamping.verdict import Changes, Conclusion, Verdict, worst
from tests.stamping import forging, pdf_tools
from tests.stamping.forging import (
    NOW,
    YEAR,
    Root,
    entry,
    page,
    pasted,
    rectangle,
    revised,
    sign,
    signer,
    stream,
    verdicts,
)
from tests.stamping.pdf_tools import OTHER_SERIAL, SERIAL

LETTER = pdf_tools.source("letter")
ADDRESS = f"https://meterai.example/v/{SERIAL}/"
CROOK = Root("Akar Contoh", "crook")


@pytest.fixture(scope="module")
def sealed() -> bytes:
    """The letter with our stamp."""
    return pdf_tools.seal(LETTER)


@pytest.fixture(scope="module")
def form() -> bytes:
    """A stamped form with one text field that was left empty."""
    with pikepdf.open(BytesIO(LETTER)) as pdf:
        field = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Widget,
                FT=pikepdf.Name.Tx,
                T="jumlah",
                Rect=[72, 500, 300, 520],
                DA="/Helv 11 Tf 0 g",
                V="",
                F=4,
            )
        )
        pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=[field]))
        pdf.pages[0].obj.Annots = pdf.make_indirect(pikepdf.Array([field]))
        out = BytesIO()
        pdf.save(out)
    return pdf_tools.seal(out.getvalue())


def judged(source: bytes, of: bytes, **books_say: Any) -> Verdict:
    """The first verdict on a file, when the books committed `of` for its serial."""
    return verdicts(source, entries=entry(of, **books_say))[0]


def reasons(source: bytes, of: bytes) -> tuple[Conclusion, tuple[str, ...]]:
    verdict = judged(source, of)
    return verdict.conclusion, verdict.reasons


def changed(source: bytes, change: Any) -> Verdict:
    """What is said after one more revision."""
    return judged(revised(source, change), source)


# The file itself


def test_the_sealed_file_itself_is_valid(sealed: bytes) -> None:
    assert reasons(sealed, sealed) == (Conclusion.VALID, ())


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found(sealed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sealed) - 1))
    broken = bytearray(sealed)
    broken[place] ^= 1 << data.draw(st.integers(0, 7))
    assert Conclusion.VALID not in {one.conclusion for one in verdicts(bytes(broken), entries=entry(sealed))}


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_taken_out_or_put_in_anywhere_are_found(sealed: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sealed) - 1))
    length = data.draw(st.integers(0, 400))
    put = data.draw(st.binary(max_size=20))
    broken = sealed[:start] + put + sealed[start + length :]
    found = {one.conclusion for one in verdicts(broken, entries=entry(sealed))}
    assert Conclusion.VALID not in found or broken == sealed


def test_a_file_cut_to_what_it_was_before_the_stamp_has_no_seal(sealed: bytes) -> None:
    assert sealed.startswith(LETTER)
    assert reasons(sealed[: len(LETTER)], sealed)[0] is Conclusion.CANNOT_TELL


def test_of_two_stamps_the_first_stays_when_the_file_is_cut_to_it(sealed: bytes) -> None:
    second = pdf_tools.seal(sealed, serial=OTHER_SERIAL, placement=geometry.Placement(page=1, x=100, y=100))
    found = verdicts(second[: len(sealed)], entries=entry(sealed))
    assert [one.conclusion for one in found] == [Conclusion.VALID]


def test_a_stamp_whose_signature_was_stripped_is_only_a_picture(sealed: bytes) -> None:
    with pikepdf.open(BytesIO(sealed)) as pdf:
        for field in pdf.Root.AcroForm.Fields:
            del field["/V"]
        out = BytesIO()
        pdf.save(out)
    assert reasons(out.getvalue(), sealed) == (Conclusion.INVALID, ("picture_without_seal",))


def test_a_stamped_file_that_was_saved_anew_is_invalid(sealed: bytes) -> None:
    with pikepdf.open(BytesIO(sealed)) as pdf:
        out = BytesIO()
        pdf.save(out)
    assert reasons(out.getvalue(), sealed)[0] is Conclusion.INVALID


def test_a_signature_taken_from_another_file_is_broken(sealed: bytes) -> None:
    other = pdf_tools.seal(pdf_tools.source("scan"), engine=forging.Repeating(sealed))
    verdict = judged(other, sealed)
    assert (verdict.conclusion, verdict.reasons[0], verdict.seal_intact) == (Conclusion.INVALID, "seal_broken", False)


def test_a_stamp_moved_to_another_document_by_a_trusted_key_is_invalid(sealed: bytes) -> None:
    other = pdf_tools.seal(pdf_tools.source("scan"))
    assert reasons(other, sealed) == (Conclusion.INVALID, ("serial_of_another_document",))


# What the signature covers


def test_a_byte_range_that_skips_more_than_the_signature_is_invalid() -> None:
    forged = forging.wide_gap(LETTER)
    verdict = judged(forged, forged)
    assert (verdict.conclusion, verdict.seal_intact) == (Conclusion.INVALID, False)


@pytest.mark.parametrize(
    "numbers",
    [b"[0 1 2 3]", b"[-1 9 9 9]", b"[0 0 0 0]", b"[]", b"null", b"[0 99999999999 1 1]", b"[5 10 20 30]", b"[0 10 5 3]"],
)
def test_a_byte_range_of_another_kind_is_never_valid(sealed: bytes, numbers: bytes) -> None:
    found = re.search(rb"/ByteRange \[[^\]]*\]", sealed)
    assert found
    forged = sealed.replace(found.group(), b"/ByteRange " + numbers.ljust(len(found.group()) - 11))
    assert judged(forged, sealed).conclusion is not Conclusion.VALID


@pytest.mark.parametrize("contents", [b"<00>", b"<>", b"null", b"<3080>", b"(x)"])
def test_a_signature_without_contents_is_broken(sealed: bytes, contents: bytes) -> None:
    found = re.search(rb"/Contents ?<[0-9a-fA-F]+>", sealed)
    assert found
    forged = sealed.replace(found.group(), b"/Contents " + contents.ljust(len(found.group()) - 10))
    assert reasons(forged, sealed)[1][0] == "seal_broken"


def test_room_behind_the_signature_may_hold_nothing(sealed: bytes) -> None:
    found = re.search(rb"/Contents ?<[0-9a-fA-F]+>", sealed)
    assert found
    forged = bytearray(sealed)
    forged[found.end() - 3 : found.end() - 1] = b"2A"
    verdict = judged(bytes(forged), sealed)
    assert (verdict.conclusion, verdict.seal_intact) == (Conclusion.INVALID, False)


# What was added afterwards


def _new_text(writer: IncrementalPdfFileWriter) -> None:
    page(writer)["/Contents"] = stream(writer, b"BT /F1 12 Tf 72 700 Td (Lunas) Tj ET")


def _turned(writer: IncrementalPdfFileWriter) -> None:
    page(writer)["/Rotate"] = generic.NumberObject(180)


def _cropped(writer: IncrementalPdfFileWriter) -> None:
    page(writer)["/CropBox"] = rectangle(0, 400, 595, 842)


def _one_more_page(writer: IncrementalPdfFileWriter) -> None:
    tree = writer.root["/Pages"]
    new = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/Parent"): writer.root.raw_get("/Pages"),
            pdf_name("/MediaBox"): rectangle(0, 0, 595, 842),
        }
    )
    tree["/Kids"].append(writer.add_object(new))
    tree["/Count"] = generic.NumberObject(int(tree["/Count"]) + 1)
    writer.update_container(tree)
    writer.update_container(tree["/Kids"])


def _note(kind: str, **entries: Any) -> Any:
    def add(writer: IncrementalPdfFileWriter) -> None:
        left, low = pdf_tools.PLACE.x, pdf_tools.PLACE.y
        made = {
            "/Type": pdf_name("/Annot"),
            "/Subtype": pdf_name(kind),
            "/Rect": rectangle(left, low, left + 86, low + 86),
        }
        made |= entries
        note = generic.DictionaryObject({pdf_name(name): value for name, value in made.items()})
        place = page(writer)
        notes = place["/Annots"]
        notes.append(writer.add_object(note))
        place["/Annots"] = generic.ArrayObject(notes)

    return add


def _script(writer: IncrementalPdfFileWriter) -> None:
    action = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("app.alert('x')")}
    writer.root["/OpenAction"] = generic.DictionaryObject(action)
    writer.update_root()


def _other_stamp_picture(writer: IncrementalPdfFileWriter) -> None:
    """The stamp's own appearance is drawn anew."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    form = stream(writer, b"1 0 0 rg 0 0 86 86 re f", Subtype=pdf_name("/Form"), BBox=rectangle(0, 0, 86, 86))
    field["/AP"] = generic.DictionaryObject({pdf_name("/N"): form})
    writer.update_container(field)


def _other_font(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, replacing: the letters of the text are drawn by another font."""
    fonts = page(writer)["/Resources"]["/Font"]
    name = next(iter(fonts))
    other = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/ZapfDingbats"}
    made = generic.DictionaryObject({pdf_name(key): pdf_name(value) for key, value in other.items()})
    fonts[name] = writer.add_object(made)
    writer.update_container(fonts)


def _other_pages(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, hiding and replacing: the catalog leads to another tree of pages."""
    tree = writer.root["/Pages"]
    copy = generic.DictionaryObject(dict(tree.items()))
    writer.root["/Pages"] = writer.add_object(copy)
    writer.update_root()
    _new_text(writer)


@pytest.mark.parametrize(
    "change",
    [
        _new_text,
        _turned,
        _cropped,
        _one_more_page,
        _note("/Square"),
        _note("/FreeText", **{"/Contents": generic.pdf_string("Batal")}),
        _note("/Link"),
        _script,
        _other_stamp_picture,
        _other_font,
        _other_pages,
    ],
    ids=[
        "page_content",
        "page_turned",
        "page_cropped",
        "page_added",
        "drawing_over_the_stamp",
        "note_over_the_stamp",
        "link",
        "script",
        "stamp_picture_replaced",
        "shadow_font_replaced",
        "shadow_pages_replaced",
    ],
)
def test_a_change_after_the_seal_is_found(sealed: bytes, change: Any) -> None:
    verdict = changed(sealed, change)
    assert (verdict.conclusion, verdict.reasons[0]) == (Conclusion.INVALID, "changed_after_seal")


def test_a_picture_hidden_behind_another_is_found_when_the_other_is_taken_away() -> None:
    """Shadow attack, hiding: what was signed shows an overlay; a later revision empties it."""
    with pikepdf.open(BytesIO(LETTER)) as pdf:
        sheet = pdf.make_stream(b"1 1 1 rg 0 0 595 842 re f", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
        sheet.BBox = [0, 0, 595, 842]
        pdf.pages[0].add_resource(sheet, pikepdf.Name.XObject, pikepdf.Name.Lembar)
        pdf.pages[0].contents_add(b"/Lembar Do", prepend=False)
        out = BytesIO()
        pdf.save(out)
    prepared = pdf_tools.seal(out.getvalue())

    def emptied(writer: IncrementalPdfFileWriter) -> None:
        reference = page(writer)["/Resources"]["/XObject"].raw_get("/Lembar").reference
        sheet = reference.get_object()
        sheet._data, sheet._encoded_data = b"", None
        writer.mark_update(reference)

    assert changed(prepared, emptied).reasons[0] == "changed_after_seal"


def test_a_form_field_filled_in_after_the_seal_is_found(form: bytes) -> None:
    def fill(writer: IncrementalPdfFileWriter) -> None:
        field = next(
            one for one in writer.root["/AcroForm"]["/Fields"] if one.get_object()["/T"] == "jumlah"
        ).get_object()
        field["/V"] = generic.pdf_string("Rp900.000.000")
        writer.update_container(field)

    assert judged(form, form).conclusion is Conclusion.VALID
    assert changed(form, fill).reasons[0] == "changed_after_seal"


def test_a_field_added_after_the_seal_is_found(sealed: bytes) -> None:
    def add(writer: IncrementalPdfFileWriter) -> None:
        names = {"/FT": pdf_name("/Tx"), "/T": generic.pdf_string("baru"), "/V": generic.pdf_string("x")}
        field = generic.DictionaryObject({pdf_name(name): value for name, value in names.items()})
        form = writer.root["/AcroForm"]
        form["/Fields"].append(writer.add_object(field))
        writer.update_container(form)
        writer.update_container(form["/Fields"])

    assert changed(sealed, add).reasons[0] == "changed_after_seal"


def test_an_attachment_added_after_the_seal_is_found(sealed: bytes) -> None:
    def attach(writer: IncrementalPdfFileWriter) -> None:
        file = generic.DictionaryObject({pdf_name("/Type"): pdf_name("/Filespec")})
        names = generic.ArrayObject([generic.pdf_string("a.txt"), writer.add_object(file)])
        tree = generic.DictionaryObject({pdf_name("/Names"): names})
        writer.root["/Names"] = generic.DictionaryObject({pdf_name("/EmbeddedFiles"): tree})
        writer.update_root()

    assert changed(sealed, attach).reasons[0] == "changed_after_seal"


@pytest.mark.parametrize(
    "tail",
    [
        b"\n4 0 obj\n<< /Length 0 >>\nstream\n\nendstream\nendobj\n",
        b"\n4 0 obj\n<< >>\nendobj\ntrailer\n<< /Root 4 0 R >>\n",
        b"<html>added on the way</html>",
        b"\n4 0 obj\n<< >>\nendobj\nstartxref\n0\n%%EOF\n",
    ],
    ids=["object", "trailer", "html", "startxref"],
)
def test_bytes_behind_the_seal_that_a_mending_viewer_would_read_are_found(sealed: bytes, tail: bytes) -> None:
    assert judged(sealed + tail, sealed).conclusion is not Conclusion.VALID


def test_a_line_end_behind_the_seal_changes_nothing(sealed: bytes) -> None:
    assert judged(sealed + b"\r\n", sealed).conclusion is Conclusion.VALID


def test_a_visible_signature_over_the_stamp_is_found(sealed: bytes) -> None:
    later = sign(sealed, signer(CROOK), serial="", field="Nanti", box=(340, 190, 400, 230))
    assert judged(later, sealed).changes_after is Changes.FORBIDDEN


def test_a_white_sheet_signed_over_the_text_is_found(sealed: bytes) -> None:
    later = sign(sealed, signer(CROOK), serial="", field="Nanti", box=(60, 600, 560, 800), sheet=True)
    assert judged(later, sealed).changes_after is Changes.FORBIDDEN


@pytest.mark.parametrize("options", [{}, {"box": (50, 50, 150, 90)}], ids=["invisible", "beside"])
def test_somebody_s_later_signature_leaves_the_stamp_valid(sealed: bytes, options: dict[str, Any]) -> None:
    later = sign(sealed, signer(CROOK), serial="", field="Nanti", **options)
    verdict = judged(later, sealed)
    assert (verdict.conclusion, verdict.changes_after) == (Conclusion.VALID, Changes.PERMITTED)


def test_our_next_stamp_leaves_the_one_before_valid(sealed: bytes) -> None:
    second = pdf_tools.seal(sealed, serial=OTHER_SERIAL, placement=geometry.Placement(page=1, x=100, y=100))
    known = entry(sealed) | {OTHER_SERIAL: entry(second)[SERIAL]}
    assert [one.conclusion for one in verdicts(second, entries=known)] == [Conclusion.VALID] * 2


def test_a_stamp_between_two_foreign_signatures_is_valid() -> None:
    stamped = pdf_tools.seal(pdf_tools.source("signed"))
    later = sign(stamped, signer(CROOK), serial="", field="Nanti")
    assert [one.conclusion for one in verdicts(later, entries=entry(stamped))] == [Conclusion.VALID]


# Certificates


def ours() -> tuple[Root, tuple[Any, ...]]:
    """A root that is trusted, and the roots to pass on."""
    root = Root("Otoritas Akar", "trusted-root")
    return root, (root.certificate(),)


def untrusted(by: Any, roots: Any, **options: Any) -> Verdict:
    return verdicts(sign(LETTER, by, **options), roots=roots)[0]


def test_a_signer_under_the_trusted_root_is_believed() -> None:
    root, roots = ours()
    assert untrusted(signer(root), roots).certificate_trusted is True


@pytest.mark.parametrize(
    "options",
    [
        {"starts": NOW - 2 * YEAR, "ends": NOW - timedelta(days=1)},
        {"starts": NOW + timedelta(days=1), "ends": NOW + YEAR},
        {"usage": {"digital_signature": False, "key_encipherment": True}},
        {"purposes": [Purpose.SERVER_AUTH]},
        {"bits": 1024, "own": "short"},
    ],
    ids=["expired", "not_yet_valid", "wrong_key_usage", "for_web_servers", "short_key"],
)
def test_an_unfit_certificate_under_the_right_root_is_not_believed(options: dict[str, Any]) -> None:
    root, roots = ours()
    verdict = untrusted(signer(root, **options), roots)
    assert (verdict.conclusion, verdict.reasons[0]) == (Conclusion.INVALID, "certificate_untrusted")


def test_the_same_names_with_other_keys_are_not_believed() -> None:
    root, roots = ours()
    look_alike = Root(root.name, "another-key")
    assert untrusted(signer(look_alike), roots).certificate_trusted is False


def test_a_signer_that_names_the_trusted_root_but_was_signed_by_another_is_not_believed() -> None:
    root, roots = ours()
    forged = signer(Root(root.name, "another-key"))
    forged._cert_registry = signer(root).cert_registry
    assert untrusted(forged, roots).certificate_trusted is False


def test_a_weak_digest_breaks_the_seal() -> None:
    root, roots = ours()
    verdict = untrusted(signer(root), roots, digest="sha1")
    assert (verdict.conclusion, verdict.reasons[0]) == (Conclusion.INVALID, "seal_broken")


def test_the_words_of_a_seal_signed_by_a_stranger_are_not_believed(sealed: bytes) -> None:
    forged = sign(LETTER, signer(CROOK))
    assert judged(forged, sealed).reasons[0] == "certificate_untrusted"


def test_without_roots_trust_is_unknown_and_nothing_is_valid(sealed: bytes) -> None:
    verdict = verdicts(sealed, roots=(), entries=entry(sealed))[0]
    assert (verdict.conclusion, verdict.reasons) == (Conclusion.CANNOT_TELL, ("trust_unknown",))


# Serials


def test_a_second_seal_with_the_same_serial_is_invalid_and_the_first_stays(sealed: bytes) -> None:
    root, roots = ours()
    both = sign(sealed, signer(root), field="Lagi")
    found = verdicts(both, roots=(*pdf_tools.roots(), *roots), entries=entry(sealed))
    assert [one.conclusion for one in found] == [Conclusion.VALID, Conclusion.INVALID]
    assert "serial_repeated" in found[1].reasons
    assert worst(found) is Conclusion.INVALID


def test_two_seals_with_one_serial_that_we_do_not_know_are_both_invalid() -> None:
    root, roots = ours()
    twice = sign(sign(LETTER, signer(root)), signer(root), field="Lagi")
    assert [one.reasons[0] for one in verdicts(twice, roots=roots)] == ["serial_repeated"] * 2


@pytest.mark.parametrize(
    ("state", "conclusion", "reason"),
    [
        ("VOID", Conclusion.CANCELLED, "serial_void"),
        ("REFUNDED", Conclusion.CANCELLED, "serial_refunded"),
        ("RESERVED", Conclusion.INVALID, "serial_not_sold"),
        (None, Conclusion.INVALID, "serial_not_sold"),
        ("SOLD", Conclusion.CANNOT_TELL, "not_affixed"),
    ],
)
def test_a_whole_seal_is_worth_what_the_books_say_of_its_serial(
    sealed: bytes, state: str | None, conclusion: Conclusion, reason: str
) -> None:
    verdict = judged(sealed, sealed, state=state)
    assert (verdict.conclusion, verdict.reasons[0]) == (conclusion, reason)


def test_a_whole_seal_with_a_serial_that_we_never_had_is_not_called_valid(sealed: bytes) -> None:
    verdict = verdicts(sealed)[0]
    assert (verdict.conclusion, verdict.reasons) == (Conclusion.CANNOT_TELL, ("serial_unknown",))


# Pictures


@pytest.fixture(scope="module")
def stamped_with_our_address() -> bytes:
    return pdf_tools.seal(LETTER, verification_url=ADDRESS + links.serial_mac(SERIAL))


def test_a_page_printed_to_a_picture_is_a_picture_of_a_stamp(stamped_with_our_address: bytes) -> None:
    scan = pasted(forging.drawn(stamped_with_our_address), box=(0, 0, 595, 842))
    assert reasons(scan, stamped_with_our_address) == (Conclusion.INVALID, ("picture_without_seal",))


def test_the_stamp_s_picture_copied_into_another_document_is_a_picture_of_a_stamp(
    stamped_with_our_address: bytes,
) -> None:
    whole = forging.drawn(stamped_with_our_address, scale=4)
    left, low, side = pdf_tools.PLACE.x, pdf_tools.PLACE.y, 90
    stamp = whole.crop([round(4 * number) for number in (left - 2, 842 - low - side, left + side, 842 - low + 2)])
    copied = pasted(stamp, box=(200, 300, 80, 80))
    assert reasons(copied, stamped_with_our_address) == (Conclusion.INVALID, ("picture_without_seal",))


def test_a_picture_beside_a_real_stamp_makes_the_file_invalid(stamped_with_our_address: bytes) -> None:
    other = pasted(forging.drawn(stamped_with_our_address), box=(0, 0, 595, 842))
    beside = geometry.Placement(page=1, x=100, y=100)
    real = pdf_tools.seal(other, serial=OTHER_SERIAL, placement=beside)
    known = entry(stamped_with_our_address) | {OTHER_SERIAL: entry(real)[SERIAL]}
    assert [one.conclusion for one in verdicts(real, entries=known)] == [Conclusion.VALID, Conclusion.INVALID]


def test_a_serial_that_is_only_written_is_said_to_be_and_accuses_nobody(sealed: bytes) -> None:
    receipt = pasted(forging.drawn(LETTER).resize((8, 8)), box=(0, 0, 8, 8), text=f"Nomor seri: {SERIAL}")
    assert reasons(receipt, sealed) == (Conclusion.CANNOT_TELL, ("text_without_seal",))


def test_a_symbol_with_a_guessed_mac_is_no_picture_of_our_stamp(sealed: bytes) -> None:
    guessed = pasted(
        forging.drawn(pdf_tools.seal(LETTER, verification_url=ADDRESS + "K7QX12345678")), box=(0, 0, 595, 842)
    )
    assert judged(guessed, sealed).reasons == ("text_without_seal",)


def test_a_number_that_merely_looks_like_a_serial_is_passed_over() -> None:
    other = pasted(forging.drawn(LETTER).resize((8, 8)), box=(0, 0, 8, 8), text=f"Kode {OTHER_SERIAL}")
    assert verdicts(other, entries={OTHER_SERIAL: books.Entry()})[0].reasons == ("no_seal",)
