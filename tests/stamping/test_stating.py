"""The statement of stock as files: sealed, whole or not there, and readable in both languages."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from meterai.models import Extent, User
from orders.models import Order
from stamping import authorities, stating
from stamping.authority.engine import SealingError
from stamping.pdf import inspecting
from stamping.stating import Stated
from tests import factories
from tests.stamping import pdf_tools as tools

pytestmark = pytest.mark.django_db


@pytest.fixture
def stated(tmp_path: Path, order: Callable[..., Order]) -> Stated:
    order(quantity=3)
    return state(tmp_path)


def state(folder: Path, **changes: Any) -> Stated:
    known = {"by": "penyelia", "language": "id", "at": timezone.now()}
    return stating.state(folder=folder, **(known | changes))


def pages(pdf: Path) -> list[str]:
    with pypdfium2.PdfDocument(pdf.read_bytes()) as document:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]


def test_its_files_are_named_by_the_day_in_jakarta(tmp_path: Path, order: Callable[..., Order]) -> None:
    stated = state(tmp_path, at=datetime.fromisoformat("2026-11-23T17:00:00+00:00"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stock-2026-11-24.csv", "stock-2026-11-24.pdf"]
    assert stated.is_sound


def test_pdfsig_calls_its_seal_valid(stated: Stated, tmp_path: Path) -> None:
    _code, said = tools.judge("pdfsig", stated.pdf.read_bytes(), tmp_path, "-nocert")
    assert said.count("Signature is Valid.") == 1, said
    assert "Signature Type: ETSI.CAdES.detached" in said and "Total document signed" in said
    code, said = tools.judge("qpdf", stated.pdf.read_bytes(), tmp_path, "--check")
    assert code == 0, said


def test_our_own_reading_finds_it_intact_until_a_byte_is_changed(stated: Stated) -> None:
    data = stated.pdf.read_bytes()
    (seal,) = inspecting.signatures(data, roots=authorities.roots(), at=timezone.now())
    assert (seal.reason, seal.intact, seal.certificate_trusted) == ("Laporan stok", True, True)
    assert seal.changes is inspecting.Changes.NOTHING
    broken = data.replace(b"/MediaBox", b"/MediaBux", 1)
    assert not inspecting.signatures(broken, roots=authorities.roots(), at=timezone.now())[0].intact


def test_it_is_no_stamp(stated: Stated) -> None:
    found = inspecting.inspect(source=stated.pdf.read_bytes(), roots=authorities.roots(), at=timezone.now())
    assert (found.seals, found.signature_count) == ((), 1)


def test_it_vouches_for_the_csv_beside_it(stated: Stated) -> None:
    digest = hashlib.sha256(stated.csv.read_bytes()).hexdigest()
    assert f"{stated.csv.name} · SHA-256 {digest}" in pages(stated.pdf)[0]


def test_it_says_what_and_where_everything_is(stated: Stated) -> None:
    (text,) = pages(stated.pdf)
    for words in ("Laporan stok e-meterai", "penyelia", "Cocok: setiap nomor seri", "K-1 · dijual", "gudang-1"):
        assert words in text
    assert "Semua gelombang" in text and "Rp10.000 per keping" in text
    # Twenty stamps: seventeen in extents, three sold.
    assert "Keping 20 0 17 0 0 3 0 0 0 0" in text
    assert "Rupiah 200.000 0 170.000 0 0 30.000 0 0 0 0" in text
    assert "PERCOBAAN" not in text


def test_it_is_there_in_english(tmp_path: Path, order: Callable[..., Order]) -> None:
    (text,) = pages(state(tmp_path, language="en").pdf)
    for words in (
        "Statement of e-meterai stock",
        "Made by penyelia",
        "Rp10,000 a stamp",
        "K-1 · on sale",
        "Page 1 of 1",
    ):
        assert words in text
    for words in ("stok", "Gelombang", "gelombang", "oleh"):
        assert words not in text


def test_a_demo_site_says_so_on_every_page(tmp_path: Path, order: Callable[..., Order], settings: Any) -> None:
    settings.IS_DEMO = True
    (text,) = pages(state(tmp_path).pdf)
    assert "PERCOBAAN: angka dari situs percobaan" in text and text.count("PERCOBAAN") == 2


@pytest.mark.breaks_conservation
def test_it_shouts_when_something_is_wrong(tmp_path: Path, order: Callable[..., Order]) -> None:
    order()
    Extent.objects.filter(end=21).delete()
    stated = state(tmp_path)
    (text,) = pages(stated.pdf)
    assert not stated.is_sound
    assert "TIDAK COCOK: 1 nomor seri hilang atau berlebih." in text
    assert "Utuh: tidak ada mutasi" in text
    assert "TIDAK SAMA dengan stok: 1 selisih." in text
    assert "Rentang, Toko resmi: menurut buku besar 19, menurut stok 18" in text


def test_many_batches_go_on_over_the_pages(tmp_path: Path, gudang: User, now: datetime) -> None:
    for number in range(30):
        factories.draft(1, at=now, reference=f"GELOMBANG-{number:02d}")
    found = pages(state(tmp_path).pdf)
    assert len(found) > 5
    for number, text in enumerate(found, start=1):
        assert f"Halaman {number} dari {len(found)}" in text
    for number in range(30):
        (on,) = [text for text in found if f"GELOMBANG-{number:02d} · " in text]
        # Its table begins where its name stands.
        assert "Pemegang" in on[on.index(f"GELOMBANG-{number:02d} · ") :]


def test_a_statement_is_not_replaced(stated: Stated, tmp_path: Path) -> None:
    before = stated.pdf.read_bytes()
    with pytest.raises(stating.AlreadyStated):
        state(tmp_path)
    assert stated.pdf.read_bytes() == before


def test_what_cannot_be_sealed_leaves_nothing_behind(tmp_path: Path, order: Callable[..., Order]) -> None:
    with pytest.raises(SealingError):
        state(tmp_path, at=timezone.now() + timedelta(days=3650))
    assert list(tmp_path.iterdir()) == []


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("stock_statement", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_writes_todays_statement(tmp_path: Path, order: Callable[..., Order], gudang: User) -> None:
    today = f"{timezone.localdate():%Y-%m-%d}"
    said = run("--out", str(tmp_path), "--at", today, "--by", "gudang")
    assert said.split() == [str(tmp_path / f"stock-{today}.pdf"), str(tmp_path / f"stock-{today}.csv")]
    assert "gudang" in pages(tmp_path / f"stock-{today}.pdf")[0]
    with pytest.raises(CommandError, match="not replaced"):
        run("--out", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "2020-01-31"], "Only today's"),
        (["--at", "2020-13-31"], "no date"),
        (["--at", "yesterday"], "no date"),
        (["--by", "nobody"], "no active user"),
        (["--out", "/nowhere/at/all"], "Nothing was written"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=words):
        run("--out", str(tmp_path), *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.breaks_conservation
def test_the_command_fails_when_the_stock_is_not_as_it_should_be(tmp_path: Path, order: Callable[..., Order]) -> None:
    Extent.objects.filter(end=21).delete()
    with pytest.raises(SystemExit) as ended:
        run("--out", str(tmp_path))
    assert ended.value.code == 1
    assert len(list(tmp_path.iterdir())) == 2
