"""Every code that the kernel, the authority or a repair may end in has a sentence for a citizen."""

import ast
import re
from pathlib import Path

import pytest
from django.utils.translation import override

from stamping import repair_wording, wording
from stamping.authority.engine import REASONS
from stamping.pdf.mendable import CURES, Kind, Loss, Measures
from stamping.pdf.preflight import Page

CODE = Path(wording.__file__).parent
RAISERS = {"Refused", "SealingError", "GeometryError", "NotMendable", "_Try", "Outcome", "_only", "Finding"}
"""What is called with a code as its first argument, or as `code`."""


def codes() -> set[str]:
    """Every code that is written down where one of these is made."""
    found: set[str] = set(REASONS) | set(CURES)
    for path in [*CODE.glob("*.py"), *CODE.glob("pdf/*.py"), *CODE.glob("authority/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in RAISERS:
                given = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "code")]
                found |= {one for argument in given for one in _words(argument)}
    text = (CODE / "pdf" / "preflight.py").read_text()
    return found | set(re.findall(r'"([a-z0-9_]+)", Severity\.', text))


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _words(argument: ast.expr) -> set[str]:
    if isinstance(argument, ast.IfExp):
        return _words(argument.body) | _words(argument.orelse)
    constant = isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value
    return {str(constant)} if constant else set()


def test_the_walk_finds_codes_of_every_kind() -> None:
    kinds = {"not_a4", "unreadable", "key_unreadable", "bad_placement", "cannot_shrink", "repair_in_vain", "no_pages"}
    assert codes() >= kinds | {"document_changed", "earlier_signature_invalid", "version_or_password"}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_code_has_a_sentence_of_its_own_language(code: str) -> None:
    with override("id"):
        words = wording.finding(code)
    assert words != str(wording.UNKNOWN) and words[0].isupper() and words.endswith((".", ")."))
    assert not re.search(r"[a-z]_[a-z]", words), "a code is no word"


def test_trouble_of_the_authority_is_never_called_the_documents_fault() -> None:
    for code in wording.AUTHORITY:
        assert "Ini bukan salah berkas Anda" in wording.finding(code)


def test_what_the_issuer_says_of_a_document_ends_in_what_to_do() -> None:
    for code in ("document_changed", "earlier_signature_invalid", "version_or_password"):
        assert re.search(r"Minta|Buka", wording.finding(code))


@pytest.mark.parametrize("kind", Kind)
def test_every_repair_has_its_words(kind: Kind) -> None:
    for words in (repair_wording.title(kind), repair_wording.promise(kind), repair_wording.done(kind, Measures())):
        assert words and "%(" not in words


@pytest.mark.parametrize(
    ("decibels", "kind", "words"),
    [
        (None, "good", "sama persis"),
        (45.0, "good", "tidak terlihat oleh mata"),
        (38.0, "good", "hampir tidak terlihat"),
        (33.0, "warn", "bila diperbesar"),
        (27.5, "warn", "Pastikan semua tulisan masih terbaca"),
    ],
)
def test_a_loss_is_said_as_plainly_as_it_is_seen(decibels: float | None, kind: str, words: str) -> None:
    said = repair_wording.loss(Measures(loss=Loss(decibels=decibels, largest=20, page=3)))
    assert said[0] == kind and words in said[1]
    assert decibels is None or f"halaman 3: 20 dari 255 ({str(decibels).replace('.', ',')} dB)" in said[1]


def test_what_cannot_be_compared_is_not_called_equal() -> None:
    assert repair_wording.loss(Measures()) == ("", "")
    assert repair_wording.loss(Measures(drawable=False))[0] == "warn"
    assert "40 halaman pertama" in repair_wording.loss(Measures(loss=Loss(partial=True)))[1]


def test_a_lock_is_spoken_of_only_where_there_is_one() -> None:
    assert repair_wording.lock(Measures()) == ""
    assert "perlindungannya tetap sama" in repair_wording.lock(Measures(encrypted=True))


def test_pages_are_said_in_millimetres() -> None:
    assert repair_wording.pages((Page(595.3, 841.9, 0),)) == "1 halaman, A4"
    assert repair_wording.pages((Page(595.3, 841.9, 0), Page(612, 792, 0))) == "2 halaman, 216 × 279 mm"
