"""From a ZIP to sealed documents: checked file by file, agreed to once, nothing used up before."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from orders.models import Order
from stamping import bundle_checking, bundle_showing, bundles, erasing, files, placing, preparing, sealing
from stamping.models import Bundle, Document
from tests.stamping import zips
from tests.stamping.conftest import NOW, pay

pytestmark = pytest.mark.django_db
Orders = Callable[..., Order]


def send(order: Order, given: dict[str, bytes], *, listed: str = "", key: str = "") -> Bundle:
    """A ZIP that was received."""
    bundle, _new = bundles.receive(
        order=order,
        archive=zips.upload(given),
        list_beside=listed,
        idempotency_key=key or uuid.uuid4().hex,
        at=NOW,
    )
    return bundle


def checked(order: Order, given: dict[str, bytes], **more: Any) -> Bundle:
    """A ZIP that a worker looked at, to the end."""
    bundle = send(order, given, **more)
    bundle_checking.check_due(at=NOW)
    bundle.refresh_from_db()
    return bundle


def verdicts(bundle: Bundle) -> dict[str, str]:
    """File to code where it was refused, else to its verdict."""
    return {one.file: one.code or one.verdict for _row, one in bundle_showing.rows(bundle)}


# --- the report, before anything is used up


def test_each_file_has_a_row_and_nothing_is_used_up(order: Orders) -> None:
    bought = order(quantity=5)
    given = {"surat.pdf": zips.pdf(), "map/scan.pdf": zips.pdf("scan"), "catatan.txt": b"bukan PDF"}
    given |= {"terkunci.pdf": zips.pdf("locked"), "kosong.pdf": b"", "../lari.pdf": zips.pdf(mark=1)}
    bundle = checked(bought, given)
    assert bundle.state == Bundle.State.CHECKED
    assert verdicts(bundle) == {
        "surat.pdf": "ready",
        "map/scan.pdf": "ready",
        "catatan.txt": "not_pdf",
        "terkunci.pdf": "password_needed",
        "kosong.pdf": "empty_file",
        "../lari.pdf": "bad_name",
    }
    assert bought.documents.count() == 0 and placing.free_places(bought) == 5
    row = bundle.files.get(name="surat.pdf")
    assert row.document and row.document.state == Document.State.PLACED and row.how == "beside_signature"


def test_the_zip_is_gone_as_soon_as_it_was_checked(order: Orders) -> None:
    bundle = send(order(), zips.letters(1))
    assert default_storage.exists(bundle.source)
    bundle_checking.check_due(at=NOW)
    assert not default_storage.exists(bundle.source)
    bundle.refresh_from_db()
    assert bundle.source == ""


@pytest.mark.parametrize(
    ("archive", "code"),
    [(b"%PDF-1.7 bukan zip", "not_zip"), (zips.packed({}), "no_files"), (zips.packed({"a.csv": b"x"}), "no_files")],
)
def test_a_zip_of_which_nothing_can_be_used_is_refused_with_a_reason(order: Orders, archive: bytes, code: str) -> None:
    upload = SimpleUploadedFile("surat.zip", archive)
    bundle, _new = bundles.receive(order=order(), archive=upload, list_beside="", idempotency_key="k" * 20, at=NOW)
    bundle_checking.check_due(at=NOW)
    bundle.refresh_from_db()
    assert (bundle.state, bundle.failure) == (Bundle.State.REFUSED, code)
    assert bundle_showing.page_facts(order=bundle.order, bundle=bundle)["failure"]


LIST = "file,page,x_mm,y_mm\nsurat-3.pdf,1,120,40\nsurat-1.pdf,auto,,\nsurat-2.pdf,7,,\n"
LIST += "hilang.pdf,1,,\nsurat-4.pdf,satu,,\n"


@pytest.mark.parametrize("inside", [True, False])
def test_a_list_says_where_and_its_wrong_lines_are_told_by_number(order: Orders, inside: bool) -> None:
    given = zips.letters(5)
    if inside:
        bundle = checked(order(quantity=5), given | {"daftar.csv": LIST.encode()})
    else:
        bundle = checked(order(quantity=5), given, listed=LIST)
    assert list(verdicts(bundle).items()) == [
        ("surat-3.pdf", "ready"),
        ("surat-1.pdf", "ready"),
        ("surat-2.pdf", "no_such_page"),
        ("surat-4.pdf", "list_line"),
        ("surat-5.pdf", "not_listed"),
    ]
    assert [(one["line"], one["code"]) for one in bundle.mistakes] == [(5, "list_unknown_file"), (6, "list_page")]
    third = bundle.files.get(name="surat-3.pdf")
    assert third.line == 2 and third.document and third.how == "asked"
    assert (third.document.x, third.document.y) == (340.16, 113.39)


def test_a_place_outside_the_page_is_refused_and_not_moved(order: Orders) -> None:
    bundle = checked(order(), {"a.pdf": zips.pdf()}, listed="file,page,x_mm,y_mm\na.pdf,1,400,40\n")
    assert verdicts(bundle) == {"a.pdf": "outside_page"}


def test_two_lists_are_one_too_many(order: Orders) -> None:
    bundle = checked(order(), {"a.pdf": zips.pdf(), "l.csv": LIST.encode()}, listed=LIST)
    assert (bundle.state, bundle.failure) == (Bundle.State.REFUSED, "several_lists")


def test_the_duty_of_a_document_is_taken_once(order: Orders, queued: Callable[..., Document]) -> None:
    bought = order(quantity=4)
    queued(of=bought, source=zips.pdf(mark=1))
    bundle = checked(bought, {"a.pdf": zips.pdf(mark=1), "b.pdf": zips.pdf(mark=2), "c.pdf": zips.pdf(mark=2)})
    assert verdicts(bundle) == {"a.pdf": "in_order_already", "b.pdf": "ready", "c.pdf": "same_as_another"}


def test_what_came_into_the_order_meanwhile_is_left_out_at_the_last_moment(
    order: Orders, queued: Callable[..., Document]
) -> None:
    bought = order(quantity=4)
    bundle = checked(bought, zips.letters(2))
    queued(of=bought, source=zips.pdf(mark=1))
    assert bundles.confirm(bundle=bundle, first_only=False, at=NOW) == 1
    assert verdicts(bundle) == {"surat-1.pdf": "in_order_already", "surat-2.pdf": "awaiting_payment"}


def test_names_are_read_in_the_order_of_their_numbers(order: Orders) -> None:
    given = {f"surat-{number}.txt": b"x" for number in (10, 2, 1)}
    assert list(verdicts(checked(order(), given))) == ["surat-1.txt", "surat-2.txt", "surat-10.txt"]


# --- the word


def test_each_ready_file_is_sealed_as_any_other_document(order: Orders) -> None:
    bought = order(quantity=3)
    bundle = checked(bought, zips.letters(3) | {"x.txt": b"x"})
    assert bundles.confirm(bundle=bundle, first_only=False, at=NOW) == 3
    assert placing.bind_due(at=NOW) == 3
    assert sealing.seal_due(at=NOW) == 3
    shown = {one.file: one for _row, one in bundle_showing.rows(bundle)}
    assert {name: one.verdict for name, one in shown.items()} == {
        "surat-1.pdf": "sealed",
        "surat-2.pdf": "sealed",
        "surat-3.pdf": "sealed",
        "x.txt": "refused",
    }
    assert len({one.serial for one in shown.values()} - {""}) == 3
    assert shown["surat-2.pdf"].result == "surat-2-bermeterai.pdf"


def test_an_order_that_is_not_paid_yet_is_sealed_when_it_is(order: Orders) -> None:
    bought = order(quantity=2, paid=False)
    bundle = checked(bought, zips.letters(2))
    bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    assert set(verdicts(bundle).values()) == {"awaiting_payment"}
    pay(bought)
    placing.bind_due(at=NOW)
    assert sealing.seal_due(at=NOW) == 2


def test_the_word_is_taken_once(order: Orders) -> None:
    bundle = checked(order(quantity=4), zips.letters(2))
    bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    with pytest.raises(bundles.NotNow):
        bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    assert bundle.order.documents.count() == 2


def test_nothing_is_agreed_to_before_it_was_checked(order: Orders) -> None:
    with pytest.raises(bundles.NotNow):
        bundles.confirm(bundle=send(order(), zips.letters(1)), first_only=False, at=NOW)


def test_fewer_stamps_than_files_do_nothing_unless_the_person_says_the_first_ones(order: Orders) -> None:
    bought = order(quantity=2)
    listed = "file,page,x_mm,y_mm\nsurat-3.pdf,,,\nsurat-1.pdf,,,\nsurat-2.pdf,,,\n"
    bundle = checked(bought, zips.letters(3), listed=listed)
    with pytest.raises(bundles.FewerStamps) as fewer:
        bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    assert (fewer.value.free, fewer.value.ready) == (2, 3)
    assert bought.documents.count() == 0
    assert bundles.confirm(bundle=bundle, first_only=True, at=NOW) == 2
    assert verdicts(bundle) == {
        "surat-3.pdf": "awaiting_payment",
        "surat-1.pdf": "awaiting_payment",
        "surat-2.pdf": "left_over",
    }
    left = bundle.files.get(name="surat-2.pdf").document
    assert left and left.order is None and left.state == Document.State.PLACED


def test_an_order_without_any_free_stamp_takes_nothing(order: Orders, queued: Callable[..., Document]) -> None:
    bought = order()
    bundle = checked(bought, zips.letters(1))
    queued(of=bought)
    with pytest.raises(bundles.FewerStamps):
        bundles.confirm(bundle=bundle, first_only=True, at=NOW)


def test_a_report_without_a_ready_file_cannot_be_agreed_to(order: Orders) -> None:
    with pytest.raises(bundles.NothingReady):
        bundles.confirm(bundle=checked(order(), {"a.txt": b"x"}), first_only=False, at=NOW)


# --- sent twice, thrown away, kept too long


def test_the_same_form_twice_is_one_bundle_and_another_zip_under_its_token_is_refused(order: Orders) -> None:
    bought = order()
    first = send(bought, zips.letters(1), key="k" * 20)
    assert send(bought, zips.letters(1), key="k" * 20).pk == first.pk
    assert Bundle.objects.count() == 1
    with pytest.raises(bundles.KeyReused):
        send(bought, zips.letters(2), key="k" * 20)


def test_an_order_has_only_so_many_zips_waiting(order: Orders) -> None:
    bought = order()
    for number in range(bundles.MOST_WAITING):
        send(bought, zips.letters(number + 1))
    with pytest.raises(bundles.TooMany):
        send(bought, zips.letters(9))


def test_what_is_thrown_away_takes_its_unused_documents_along(order: Orders) -> None:
    bundle = checked(order(), zips.letters(1))
    document = bundle.files.get().document
    assert document
    bundles.discard(bundle=bundle, at=NOW, actor="buyer")
    document.refresh_from_db()
    assert document.state == Document.State.ERASED
    assert bundle.files.count() == 0


def test_throwing_a_report_away_leaves_what_was_agreed_to(order: Orders) -> None:
    bundle = checked(order(), zips.letters(1))
    bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    bundles.discard(bundle=bundle, at=NOW, actor="buyer")
    assert bundle.order.documents.get().state == Document.State.PLACED


def test_what_nobody_agreed_to_goes_as_any_prepared_document(order: Orders) -> None:
    bundle = checked(order(), zips.letters(1))
    assert bundles.erase_old(at=NOW + erasing.ABANDONED - timedelta(hours=1)) == 0
    assert bundles.erase_old(at=NOW + erasing.ABANDONED + timedelta(hours=1)) == 1
    assert Bundle.objects.get(pk=bundle.pk).state == Bundle.State.ERASED


def test_a_zip_that_a_killed_worker_left_is_cleared(order: Orders) -> None:
    bundle = checked(order(), zips.letters(1))
    left = files.keep_archive(bundle=bundle.pk, file=zips.upload(zips.letters(1)))
    Bundle.objects.filter(pk=bundle.pk).update(source=left)
    bundles.erase_old(at=NOW)
    assert not default_storage.exists(left)


# --- workers that die


class Killed(BaseException):
    """As SIGKILL: nothing of ours may catch it."""


@pytest.mark.parametrize("point", ["stored", "written", "placed"])
def test_a_worker_killed_in_a_file_begins_there_again_and_prepares_nothing_twice(
    order: Orders, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    bundle = send(order(quantity=3), zips.letters(3))
    kill_once(monkeypatch, point)
    with pytest.raises(Killed):
        bundle_checking.check_due(at=NOW)
    monkeypatch.undo()
    assert bundle_checking.check_due(at=NOW + timedelta(seconds=5)) == 0, "its lease holds"
    bundle_checking.check_due(at=NOW + timedelta(seconds=300))
    bundle.refresh_from_db()
    assert bundle.state == Bundle.State.CHECKED
    assert set(verdicts(bundle).values()) == {"ready"}
    assert Document.objects.count() == 3
    for document in Document.objects.all():
        beside = default_storage.listdir(f"sources/{document.pk.hex[:3]}")[1]
        assert [name for name in beside if name.startswith(str(document.pk))] == [f"{document.pk}.pdf"]


def test_a_worker_that_comes_late_finds_its_files_done_and_changes_nothing(
    order: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = send(order(quantity=3), zips.letters(3))
    real, calls = preparing.take_up, []

    def slow(**values: Any) -> Document:
        calls.append(1)
        if len(calls) == 1:  # its lease runs out here, and another worker does everything
            bundle_checking.check_due(at=NOW + timedelta(seconds=300))
        return real(**values)

    monkeypatch.setattr(preparing, "take_up", slow)
    bundle_checking.check_due(at=NOW)
    bundle.refresh_from_db()
    assert bundle.state == Bundle.State.CHECKED
    assert list(verdicts(bundle).values()) == ["ready"] * 3
    assert Document.objects.count() == 3


def test_a_file_over_which_workers_die_is_refused_and_the_others_are_not(
    order: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = send(order(quantity=2), zips.letters(2))
    real = preparing.take_up

    def deadly(**values: Any) -> Document:
        if values["name"] == "surat-1.pdf":
            raise Killed
        return real(**values)

    monkeypatch.setattr(preparing, "take_up", deadly)
    later = NOW
    for _ in range(bundle_checking.MOST_TRIES):
        with pytest.raises(Killed):
            bundle_checking.check_due(at=later)
        later += timedelta(seconds=300)
    bundle_checking.check_due(at=later)
    assert verdicts(bundle) == {"surat-1.pdf": "hostile", "surat-2.pdf": "ready"}


def test_a_long_zip_lets_the_next_one_have_its_turn(order: Orders) -> None:
    long, short = send(order(quantity=3), zips.letters(3)), send(order(), {"a.txt": b"x"})
    Bundle.objects.filter(pk=long.pk).update(claimed_until=NOW - timedelta(seconds=5))
    assert bundle_checking.check_due(at=NOW, seconds=0.0) == 0
    assert (
        bundle_checking.check_due(at=NOW + timedelta(seconds=1))
        + bundle_checking.check_due(at=NOW + timedelta(seconds=2))
        == 4
    )
    assert set(Bundle.objects.filter(pk__in=[long.pk, short.pk]).values_list("state", flat=True)) == {"checked"}


def test_a_broken_structure_is_put_right_where_every_page_looks_as_before(order: Orders) -> None:
    bought = order()
    bundle = checked(bought, {"rusak.pdf": zips.pdf("damaged")})
    ((row, shown),) = bundle_showing.rows(bundle)
    assert (shown.verdict, shown.code, shown.repaired) == ("ready", "", True)
    bundles.confirm(bundle=bundle, first_only=False, at=NOW)
    placing.bind_due(at=NOW)
    assert sealing.seal_due(at=NOW) == 1
    assert row.sha256 in bundles.digests_of(bought), "the bytes that were sent count as well as those that were sealed"


def test_a_repair_that_can_be_seen_waits_for_its_person_s_choice(order: Orders) -> None:
    bundle = checked(order(), {"besar.pdf": zips.photographed()})
    assert verdicts(bundle) == {"besar.pdf": "needs_choice"}
    row = bundle.files.get()
    assert row.document and row.document.state == Document.State.UNFIT


def kill_once(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Let the worker die in its second file."""
    module, name = {
        "stored": (files, "keep_source"),
        "written": (preparing, "take_up"),
        "placed": (placing, "place"),
    }[point]
    real, calls = getattr(module, name), []

    def dying(**values: Any) -> Any:
        done = real(**values)
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return done

    monkeypatch.setattr(module, name, dying)
