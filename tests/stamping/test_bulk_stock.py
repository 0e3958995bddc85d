"""`manage.py seal_folder --order`: a folder sealed with the sold stamps of an order, killed wherever, nothing twice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from meterai.models import Stamp
from orders import paying
from orders.models import Order
from orders.payments.gateway import Standing, Status
from stamping import placing, preparing, sealing
from stamping.authority import development
from stamping.models import Document
from stamping.pdf.geometry import Placement
from stamping.pdf.inspecting import signatures
from tests import factories
from tests.running_site import ROOT, Site, wait_until
from tests.stamping import zips

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def authority() -> None:
    development.make(folder=settings.AUTHORITY_DIR, at=datetime.fromisoformat("2026-01-01T00:00:00+00:00"))


def bought(quantity: int) -> Order:
    """A paid order."""
    now = timezone.now()
    factories.stock(quantity, at=now)
    order = factories.order(at=now, quantity=quantity)
    payment = order.payments.get()
    standing = Standing(
        gateway_reference="SBX1",
        reference=str(payment.pk),
        status=Status.PAID,
        amount=payment.amount,
        currency="IDR",
        paid_at=now,
    )
    paying.settle(payment=payment, standing=standing, at=now)
    order.refresh_from_db()
    return order


def folder(path: Path, given: dict[str, bytes]) -> Path:
    for name, data in given.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def run(given: Path, out: Path, order: Order, **options: Any) -> dict[str, dict[str, Any]]:
    """The report's lines by file."""
    report = out.parent / "report.jsonl"
    call_command("seal_folder", str(given), str(out), order=order.code, report=report, **options)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len({line["file"] for line in lines}) == len(lines)
    return {line["file"]: line for line in lines}


def serials(lines: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(line["serial"] for line in lines.values() if line["verdict"] == "sealed")


def affixed(order: Order) -> list[str]:
    """The serials of the order that are used up."""
    held = Stamp.objects.filter(pk__in=order.lines.values("serial_id"), state=Stamp.State.AFFIXED)
    return sorted(held.values_list("pk", flat=True))


def states(order: Order) -> list[str]:
    return sorted(order.documents.values_list("state", flat=True))


def test_each_file_takes_a_sold_stamp_of_the_order_and_is_committed(tmp_path: Path) -> None:
    order = bought(4)
    given = folder(tmp_path / "in", {**zips.letters(3), "dalam/kunci.pdf": zips.pdf("locked"), "x.txt": b"x"})
    lines = run(given, tmp_path / "out", order, jobs=3)
    assert {name: line["code"] or line["verdict"] for name, line in lines.items()} == {
        "surat-1.pdf": "sealed",
        "surat-2.pdf": "sealed",
        "surat-3.pdf": "sealed",
        "dalam/kunci.pdf": "password_needed",
        "x.txt": "not_pdf",
    }
    assert len(set(serials(lines))) == 3
    assert affixed(order) == serials(lines)
    for name in ("surat-1.pdf", "surat-2.pdf", "surat-3.pdf"):
        (seal,) = signatures((tmp_path / "out" / name).read_bytes())
        assert seal.intact and seal.reason.startswith(f"[{lines[name]['serial']}]")
    assert states(order) == ["sealed"] * 3


def test_a_second_run_seals_nothing_twice_wherever_it_writes(tmp_path: Path) -> None:
    order = bought(4)
    given = folder(tmp_path / "in", zips.letters(2))
    first = run(given, tmp_path / "out", order)
    for out in ("out", "lain"):
        again = run(given, tmp_path / out, order)
        assert serials(again) == serials(first) and all(line["again"] for line in again.values())
    assert (tmp_path / "out" / "surat-1.pdf").read_bytes() == (tmp_path / "lain" / "surat-1.pdf").read_bytes()
    assert placing.free_places(order) == 2


def test_the_same_bytes_under_two_names_are_one_document(tmp_path: Path) -> None:
    order = bought(3)
    lines = run(folder(tmp_path / "in", {"a.pdf": zips.pdf(), "b.pdf": zips.pdf()}), tmp_path / "out", order, jobs=2)
    settled = run(tmp_path / "in", tmp_path / "out", order)
    assert len(lines) == 2 and len(set(serials(settled))) == 1
    assert states(order) == ["sealed"]


def test_what_the_buyer_sealed_on_the_order_s_page_is_not_sealed_again(tmp_path: Path) -> None:
    order, now = bought(2), timezone.now()
    document = preparing.take_up(name="surat.pdf", source=zips.pdf(mark=1), at=now)
    placing.attach(document=document, order=order)
    placing.place(document=document, page=1, x=400, y=100, size=86, at=now)
    placing.confirm(document=document, at=now)
    sealing.seal_due(at=now)
    document.refresh_from_db()
    lines = run(folder(tmp_path / "in", zips.letters(1)), tmp_path / "out", order)
    assert serials(lines) == [document.stamp_id] and lines["surat-1.pdf"]["again"]


def test_files_beyond_the_stamps_are_refused_and_prepared_for_nothing(tmp_path: Path) -> None:
    order = bought(2)
    lines = run(folder(tmp_path / "in", zips.letters(4)), tmp_path / "out", order)
    assert [line["code"] for line in lines.values()] == ["", "", "no_stamp_left", "no_stamp_left"]
    assert "terpakai" in lines["surat-4.pdf"]["reason"]
    assert Document.objects.count() == 2


def test_a_place_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    order, place = bought(1), Placement(page=1, x=40.0, y=60.0)
    lines = run(folder(tmp_path / "in", zips.letters(1)), tmp_path / "out", order, place=place)
    assert lines["surat-1.pdf"]["place"] == {"page": 1, "x": 40.0, "y": 60.0, "size": 86.0, "how": "asked"}


def test_a_stamp_that_came_back_from_a_failure_is_used_for_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, given = bought(1), folder(tmp_path / "in", zips.letters(1))
    with monkeypatch.context() as broken:
        broken.setattr(
            sealing, "seal", lambda *, document, at: sealing.give_back(document=document, failure="engine", at=at)
        )
        with pytest.raises(SystemExit):
            run(given, tmp_path / "out", order)
    assert states(order) == ["failed"]
    assert run(given, tmp_path / "out", order)["surat-1.pdf"]["verdict"] == "sealed"
    assert states(order) == ["failed", "sealed"]


def test_a_broken_structure_is_put_right_and_a_repair_that_shows_is_not_chosen_for_anybody(tmp_path: Path) -> None:
    order = bought(2)
    given = folder(tmp_path / "in", {"rusak.pdf": zips.pdf("damaged"), "besar.pdf": zips.photographed()})
    for out in ("out", "lagi"):
        lines = run(given, tmp_path / out, order)
        assert {name: line["code"] for name, line in lines.items()} == {"rusak.pdf": "", "besar.pdf": "needs_choice"}
    assert Document.objects.count() == 2


@pytest.mark.parametrize("code", ["", "MT-XXXX-XXXX"])
def test_an_order_that_is_not_there_is_refused_before_anything(tmp_path: Path, code: str) -> None:
    given = folder(tmp_path / "in", zips.letters(1))
    with pytest.raises(CommandError):
        call_command("seal_folder", str(given), str(tmp_path / "out"), order=code)
    assert not (tmp_path / "out").exists()


def test_an_order_that_is_not_paid_is_refused(tmp_path: Path) -> None:
    factories.stock(2, at=timezone.now())
    order = factories.order(at=timezone.now(), quantity=2)
    with pytest.raises(CommandError, match="pending"):
        run(folder(tmp_path / "in", zips.letters(1)), tmp_path / "out", order)


def test_order_and_no_stock_exclude_one_another(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("seal_folder", str(tmp_path), str(tmp_path / "out"), order="X", no_stock=True)


def at_least(state: str, count: int, order: Order) -> Callable[[], bool]:
    """Whether so many of the documents have come so far."""

    def true() -> bool:
        rows = Document.objects.all() if state == "draft" else order.documents.filter(state__in=state.split())
        return rows.count() >= count

    return true


def test_killed_at_several_moments_and_run_again_every_file_is_sealed_once(tmp_path: Path) -> None:
    order = bought(6)
    given, out = folder(tmp_path / "in", zips.letters(6)), tmp_path / "out"
    site = Site.on(tmp_path)
    command = [sys.executable, "manage.py", "seal_folder", str(given), str(out), "--order", order.code]
    moments = [
        at_least("draft", 1, order),
        at_least("queued sealed", 1, order),
        at_least("sealed", 1, order),
        at_least("queued sealed", 3, order),
        at_least("sealed", 4, order),
    ]
    for moment in moments:
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=site.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(lambda: moment() or process.poll() is not None, seconds=180, every=0.01)  # noqa: B023
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=ROOT, env=site.environment, check=True, capture_output=True, timeout=300)
    lines = run(given, out, order)
    assert len(lines) == 6 and len(set(serials(lines))) == 6
    assert states(order) == ["sealed"] * 6
    assert Document.objects.count() == 6
    assert affixed(order) == serials(lines)
    for line in lines.values():
        assert [seal.intact for seal in signatures((out / line["file"]).read_bytes())] == [True]
    connection.close()
