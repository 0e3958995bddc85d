"""The reconciliation pages: a report goes in, what differs is said plainly, and a person closes it with words."""

import io
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from meterai.models import Batch, Flip, User
from orders import discrepancies, paying, reconcile_admin, reconciling
from orders.models import Discrepancy, Payment, Settlement
from orders.payments.settlement import WIB
from tests import factories
from tests.contracts.conftest import Server

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/orders/settlement/add/"
LIST = "/admin/orders/discrepancy/"
HEADING = "payment,reference,kind,gross,fee,happened_at"
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=WIB)
DAY = timedelta(days=1)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=|\sstyle=\"")
WHY = {"reason": "bank salah cetak"}


@pytest.fixture(autouse=True)
def sandbox(gateway: Server) -> None:
    """The sandbox's reports can be read."""


@pytest.fixture
def rani(db: None) -> Client:
    return may("view_settlement", "add_settlement", "view_discrepancy", "change_discrepancy", "change_payment")


def may(*rights: str, name: str = "rani") -> Client:
    person = factories.person(name)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def paid(db: None) -> Payment:
    """Paid at noon on 10 March."""
    factories.stock(10, at=NOON - DAY)
    payment = factories.asked_for(factories.order(at=NOON), at=NOON)
    paying.settle(payment=payment, standing=factories.standing(payment, at=NOON), at=NOON)
    payment.refresh_from_db()
    return payment


def line(payment: Payment, gross: int = 20_000, kind: str = "payment") -> str:
    return f"{payment.gateway_reference},{payment.pk},{kind},{gross},140,{NOON.isoformat()}"


def upload(*lines: str, **changes: Any) -> dict[str, Any]:
    content = "\r\n".join([HEADING, *lines, ""]).encode()
    sent = {
        "gateway": "sandbox",
        "file": SimpleUploadedFile("sandbox-2026-03-10.csv", content, "text/csv"),
        "first_day": "2026-03-10",
        "last_day": "2026-03-11",
    }
    return sent | changes


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def step(row: Any, name: str) -> str:
    return reverse(f"admin:orders_{row._meta.model_name}_step", args=[row.pk, name])


def test_a_report_that_agrees_says_zero(rani: Client, paid: Payment) -> None:
    answer = rani.post(UPLOAD, upload(line(paid)), follow=True)
    report = Settlement.objects.get()
    assert answer.redirect_chain == [(f"/admin/orders/settlement/{report.pk}/change/", 303)]
    shown = text(answer)
    assert "Selisih terbuka: 0. Semua yang dilaporkan cocok" in shown
    assert "Uang masuk 1 Rp20.000 Rp140" in shown and "Bersih untuk kita 1 Rp19.860 Rp140" in shown
    assert report.by.username == "rani" and report.name == "sandbox-2026-03-10.csv"


def test_what_differs_is_said_and_listed(rani: Client, paid: Payment) -> None:
    shown = text(rani.post(UPLOAD, upload(line(paid, gross=15_000)), follow=True))
    assert "1 selisih masih terbuka. Targetnya nol." in shown
    assert f"jumlah di laporan gerbang berbeda {paid.order.code} Rp20.000 Rp15.000" in shown
    listed = text(rani.get(LIST))
    assert paid.order.code in listed and "−Rp5.000" in listed and "Selisih terbuka 1 tertua" in listed


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"file": SimpleUploadedFile("x.csv", b"a,b\n")}, "file", "Baris 1: judul kolomnya bukan"),
        ({"file": SimpleUploadedFile("x.csv", HEADING.encode() + b"\nA,,gift,1,0,\n")}, "file", "Baris 2: jenisnya"),
        ({"file": SimpleUploadedFile("x.xlsx", b"PK\x03\x04\x00")}, "file", "bukan teks CSV"),
        ({"file": SimpleUploadedFile("x.csv", b"")}, "file", ""),
        ({"file": ""}, "file", ""),
        ({"gateway": "transfer"}, "gateway", ""),
        ({"last_day": ""}, "first_day", "Tanggalnya tidak cocok"),
        ({"first_day": "2026-03-12"}, "first_day", "Tanggalnya tidak cocok"),
        ({"first_day": "kemarin"}, "first_day", ""),
        ({"first_day": "", "last_day": ""}, "first_day", "tidak berisi baris bertanggal"),
    ],
)
def test_a_report_that_cannot_be_used_is_sent_back_and_nothing_is_kept(
    changes: dict[str, Any], field: str, words: str, rani: Client
) -> None:
    answer: Any = rani.post(UPLOAD, upload(**changes))
    assert answer.status_code == 422 and words in str(answer.context["form"].errors[field])
    assert "Belum dilakukan." in text(answer) and not Settlement.objects.exists()


def test_the_same_file_is_pointed_out(rani: Client, paid: Payment) -> None:
    rani.post(UPLOAD, upload(line(paid)))
    answer = rani.post(UPLOAD, upload(line(paid)))
    assert answer.status_code == 422 and "sudah dibaca: sandbox sandbox-2026-03-10.csv" in text(answer)
    assert Settlement.objects.count() == 1


def test_too_large_and_too_different_files_are_sent_back(
    rani: Client, paid: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "MOST_DIFFERENCES", 0)
    assert "gerbang yang lain" in text(rani.post(UPLOAD, upload(line(paid, gross=1))))
    monkeypatch.setattr(reconcile_admin, "MOST_BYTES", 10)
    assert "perintah reconcile" in text(rani.post(UPLOAD, upload(line(paid))))
    assert not Settlement.objects.exists()


def test_a_page_without_script_of_its_own(rani: Client, paid: Payment) -> None:
    rani.post(UPLOAD, upload(line(paid, gross=1)))
    report, listed = Settlement.objects.get(), Discrepancy.objects.get()
    for address in (
        UPLOAD,
        LIST,
        "/admin/orders/settlement/",
        f"/admin/orders/settlement/{report.pk}/change/",
        f"{LIST}{listed.pk}/change/",
        step(listed, "tutup"),
    ):
        page = rani.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=|\sstyle=\"", page), (
            address
        )


def test_a_difference_is_closed_with_written_words_and_its_author(rani: Client, paid: Payment) -> None:
    rani.post(UPLOAD, upload(line(paid, gross=1)))
    listed = Discrepancy.objects.get()
    assert rani.post(step(listed, "tutup"), {"reason": " "}).status_code == 422
    assert Discrepancy.objects.get().state == "open"
    assert "ditutup dengan alasan Anda" in text(rani.post(step(listed, "tutup"), WHY, follow=True))
    listed.refresh_from_db()
    assert (listed.state, listed.closed_by, listed.resolution) == (
        "closed",
        User.objects.get(username="rani"),
        "bank salah cetak",
    )
    flips = Flip.objects.filter(noun="orders.discrepancy", actor="rani")
    assert [(one.old, one.new, one.reason) for one in flips] == [("open", "closed", "bank salah cetak")]
    assert "sudah selesai" in text(rani.post(step(listed, "tutup"), WHY, follow=True))
    report = Settlement.objects.get()
    shown = text(rani.get(f"/admin/orders/settlement/{report.pk}/change/"))
    assert "Selisih terbuka: 0." in shown and "1 selisih dari laporan ini sudah selesai." in shown


def test_the_list_shows_what_is_open_until_asked_for_more(rani: Client, paid: Payment) -> None:
    for n in range(2):
        discrepancies.open_discrepancy(kind=Discrepancy.Kind.UNKNOWN, subject=f"sandbox A{n}", at=NOON)
    one = Discrepancy.objects.first()
    assert one
    discrepancies.close_discrepancy(discrepancy=one, resolution="selesai", by=None, at=NOON)

    def count(**query: str) -> int:
        answer: Any = rani.get(LIST, query)
        return len(answer.context["cl"].result_list)

    assert (count(), count(state="open"), count(state="closed"), count(state="semua")) == (1, 1, 1, 2)


def test_asking_the_gateway_closes_what_it_explains(rani: Client, gateway: Server, stock: Batch) -> None:
    now = timezone.now()
    payment = factories.order(at=now).payments.get()
    paying.start(payment=payment, at=now)
    gateway.act(payment.gateway_reference, "pay")
    lines = [f"{payment.gateway_reference},,payment,20000,0,{now.isoformat()}"]
    rani.post(UPLOAD, upload(*lines, first_day="", last_day=""))
    listed = Discrepancy.objects.get()
    assert listed.kind == "not_paid"
    assert "selesai dengan sendirinya" in text(rani.post(step(listed, "tanya"), WHY, follow=True))
    listed.refresh_from_db()
    assert (listed.state, listed.closed_by) == ("closed", None)


def test_what_the_gateway_does_not_explain_stays(rani: Client, paid: Payment, settings: Any) -> None:
    rani.post(UPLOAD, upload(line(paid, gross=1)))
    listed = Discrepancy.objects.get()
    assert "tidak dikenalnya" in text(rani.post(step(listed, "tanya"), WHY, follow=True))
    sandbox = settings.GATEWAY_SETTINGS["sandbox"]
    settings.GATEWAY_SETTINGS = {"sandbox": sandbox | {"url": "http://127.0.0.1:9"}}
    assert "tidak menjawab" in text(rani.post(step(listed, "tanya"), WHY, follow=True))
    settings.GATEWAY_SETTINGS = {}
    assert "tidak dipasang lagi" in text(rani.post(step(listed, "tanya"), WHY, follow=True))
    assert Discrepancy.objects.get().state == "open"


def test_who_reads_may_neither_upload_nor_close(rani: Client, paid: Payment) -> None:
    rani.post(UPLOAD, upload(line(paid, gross=1)))
    listed, report = Discrepancy.objects.get(), Settlement.objects.get()
    reader = may("view_settlement", "view_discrepancy", name="budi")
    assert reader.get(f"/admin/orders/settlement/{report.pk}/change/").status_code == 200
    assert UPLOAD not in reader.get("/admin/orders/settlement/").content.decode()
    assert reader.get(UPLOAD).status_code == 403 and reader.post(UPLOAD, upload(line(paid))).status_code == 403
    for name in ("tutup", "tanya"):
        assert step(listed, name) not in reader.get(f"{LIST}{listed.pk}/change/").content.decode()
        assert reader.post(step(listed, name), WHY).status_code == 403
    stranger = may(name="tono")
    assert stranger.get(LIST).status_code == 403 and stranger.get("/admin/orders/settlement/").status_code == 403
    assert Client().get(LIST).status_code == 302


def test_the_result_page_costs_no_query_a_difference(rani: Client, paid: Payment) -> None:
    def cost(name: str, strangers: int) -> int:
        lines = [f"{name}{n},,payment,1,0,{NOON.isoformat()}" for n in range(strangers)]
        rani.post(UPLOAD, upload(*lines))
        address = f"/admin/orders/settlement/{Settlement.objects.latest('pk').pk}/change/"
        rani.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert rani.get(address).status_code == 200
        return len(queries)

    assert cost("A", 2) == cost("B", 20)


def test_the_first_page_counts_what_waits_for_whom(rani: Client, paid: Payment, now: datetime) -> None:
    discrepancies.open_discrepancy(kind=Discrepancy.Kind.UNKNOWN, subject="x", at=now - timedelta(hours=3))
    panel = Template("{% include 'admin/orders/waiting.html' %}")

    class Request:
        user = User.objects.get(username="rani")

    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", panel.render(Context({"request": Request()}))))
    assert re.search(r"Selisih terbuka 1 tertua 3 jam yang lalu", shown)
    assert "Pembayaran diperiksa" not in shown  # which Rani may not see
    Request.user = factories.person("admin", is_superuser=True)
    everything = panel.render(Context({"request": Request()}))
    for words in ("Pembayaran diperiksa", "Harus ditransfer", "Uang masuk belum cocok", "tidak ada yang menunggu"):
        assert words in everything
    for link in re.findall(r'href="([^"]+)"', everything):
        boss = Client()
        boss.force_login(Request.user)
        assert boss.get(link.replace("&amp;", "&")).status_code == 200, link


@pytest.fixture
def file(tmp_path: Path, paid: Payment) -> Path:
    path = tmp_path / "laporan.csv"
    path.write_text("\n".join([HEADING, line(paid), ""]))
    return path


def run(*arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command("reconcile", *arguments, stdout=out, stderr=out, **options)
    return out.getvalue()


DAYS = {"first_day": NOON.date(), "last_day": (NOON + DAY).date()}


def test_the_command_takes_a_report_in_and_may_be_repeated(file: Path) -> None:
    factories.person("rani")
    for expected in ("Open differences: 0.", "taken in before: sandbox laporan.csv"):
        assert expected in run(file, gateway="sandbox", by="rani", **DAYS)
    assert Settlement.objects.get().by.username == "rani"


def test_the_command_fails_while_something_is_open_and_goes_on_where_it_stopped(file: Path, paid: Payment) -> None:
    factories.person("rani")
    file.write_text("\n".join([HEADING, line(paid, gross=1)]))
    for _ in range(2):
        with pytest.raises(CommandError, match="1 differences are open"):
            run(file, gateway="sandbox", by="rani", **DAYS)
    file.write_text("\n".join([HEADING, line(paid, gross=19_999), ""]).replace("12:00", "13:00"))
    assert "Open differences: 0." in run(file, gateway="sandbox", by="rani", no_ask=True, **DAYS)
    assert "0 differences turned out right" in run()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gateway": "transfer"}, "--gateway must be one of: sandbox"),
        ({"by": "siapa"}, "no active user"),
        ({"last_day": None}, "Nothing is kept"),
    ],
)
def test_the_command_refuses_in_words(changes: dict[str, Any], words: str, file: Path) -> None:
    factories.person("rani")
    with pytest.raises(CommandError, match=words):
        run(file, **({"gateway": "sandbox", "by": "rani"} | DAYS | changes))
    assert not Settlement.objects.exists()


def test_the_command_names_the_line_or_the_missing_file(file: Path, tmp_path: Path) -> None:
    factories.person("rani")
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "tidak-ada.csv", gateway="sandbox", by="rani")
    file.write_text(f"{HEADING}\nA,,payment,x,0,\n")
    with pytest.raises(CommandError, match=r"Nothing is kept. line 2: amount"):
        run(file, gateway="sandbox", by="rani")
