"""A repair is offered beside the original, and is the document only once its person chose it."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from meterai.models import Flip
from orders.models import Order
from stamping import erasing, files, placing, preparing, repairs, sealing, turns
from stamping.models import Document, Repair
from stamping.pdf.mendable import Kind
from tests.stamping import repair_files as faulty
from tests.stamping.conftest import DATA, NOW

pytestmark = pytest.mark.django_db
DAMAGED = (DATA / "damaged.pdf").read_bytes()


def taken(source: bytes = DAMAGED) -> Document:
    return preparing.take_up(name="surat.pdf", source=source, at=NOW)


def made(document: Document, kind: Kind = Kind.STRUCTURE) -> Repair:
    return repairs.make(document=document, kind=kind, at=NOW)


def stored(document: Document) -> set[str]:
    found = set()
    for shelf in (f"sources/{document.pk.hex[:3]}", f"repairs/{document.pk.hex[:3]}/{document.pk}"):
        if default_storage.exists(shelf):
            found |= {
                f"{shelf}/{name}" for name in default_storage.listdir(shelf)[1] if str(document.pk) in shelf + name
            }
    return found


# ---- offered


def test_a_damaged_file_is_kept_as_it_came_and_takes_no_stamp_until_its_person_chooses(letter: bytes) -> None:
    document = taken()
    assert document.state == Document.State.UNFIT
    assert files.read(document.source) == DAMAGED
    (choice,) = repairs.choices(document=document)
    assert (choice.kind, choice.needed, choice.offer) == (Kind.STRUCTURE, True, None)
    with pytest.raises(placing.NotEditable):
        placing.place(document=document, page=1, x=50, y=50, size=86, at=NOW)
    assert repairs.choices(document=taken(letter)) == ()


def test_making_a_copy_decides_nothing() -> None:
    document = taken()
    offer = made(document)
    document.refresh_from_db()
    assert document.state == Document.State.UNFIT and files.read(document.source) == DAMAGED
    assert offer.before_sha256 == hashlib.sha256(DAMAGED).hexdigest() == document.source_sha256
    assert offer.after_sha256 == hashlib.sha256(files.read(offer.file)).hexdigest()
    assert (offer.before_bytes, offer.after_bytes) == (len(DAMAGED), len(files.read(offer.file)))
    assert repairs.measures_of(offer).drawable and repairs.after_of(offer).is_a4


def test_asking_twice_makes_one_copy() -> None:
    document = taken()
    assert made(document) == made(document)
    assert Repair.objects.count() == 1 and len(stored(document)) == 2


def test_a_choice_is_one_step_with_a_row_and_the_copy_is_sealed(order: Callable[..., Order]) -> None:
    document, bought = taken(), order()
    placing.attach(document=document, order=bought)
    offer = made(document)
    original, copy = document.source, offer.file
    repairs.choose(repair=offer, at=NOW)
    document.refresh_from_db()
    assert (document.state, document.source, document.source_sha256) == ("draft", copy, offer.after_sha256)
    assert preparing.facts_of(document) == repairs.after_of(offer)
    assert not default_storage.exists(original) and stored(document) == {copy}
    row = Flip.objects.get(noun="stamping.document", row=str(document.pk), old="unfit")
    assert (row.new, row.reason) == ("draft", f"repair {offer.pk}: structure")
    assert Flip.objects.filter(noun="stamping.repair", row=str(offer.pk), old="offered", new="chosen").exists()
    placing.place(document=document, page=1, x=400, y=100, size=86, at=NOW)
    placing.confirm(document=document, at=NOW)
    assert sealing.seal_due(at=NOW) == 1


def test_declining_keeps_the_original_and_removes_the_copy() -> None:
    document = taken()
    offer = made(document)
    repairs.decline(repair=offer, at=NOW)
    document.refresh_from_db()
    assert files.read(document.source) == DAMAGED and stored(document) == {document.source}
    assert document.state == Document.State.UNFIT and Repair.objects.get().state == Repair.State.DROPPED
    assert made(document).pk != offer.pk, "it may be made again"


def test_repairs_that_need_not_be_are_offered_as_such_and_a_place_is_chosen_anew() -> None:
    document = taken(faulty.of_size(612, 792))
    placing.place(document=document, page=1, x=50, y=50, size=86, at=NOW)
    (choice,) = repairs.choices(document=document)
    assert (choice.kind, choice.needed) == (Kind.PAGE_SIZE, False)
    repairs.choose(repair=made(document, Kind.PAGE_SIZE), at=NOW)
    document.refresh_from_db()
    assert (document.state, document.page, document.x) == ("draft", None, None)
    assert preparing.facts_of(document).is_a4 and repairs.choices(document=document) == ()


def test_one_choice_makes_other_offers_fall_away(settings: Any) -> None:
    settings.PDF_NEWEST_VERSION = "1.7"
    document = taken(_older(faulty.of_size(612, 792)))
    size, version = made(document, Kind.PAGE_SIZE), made(document, Kind.VERSION)
    repairs.choose(repair=version, at=NOW)
    size.refresh_from_db()
    assert size.state == Repair.State.DROPPED
    with pytest.raises(repairs.NotOffered):
        repairs.choose(repair=size, at=NOW)
    document.refresh_from_db()
    assert stored(document) == {document.source}
    again = made(document, Kind.PAGE_SIZE)
    assert again.before_sha256 == version.after_sha256 == document.source_sha256


def _older(source: bytes) -> bytes:
    return source.replace(b"%PDF-1.6", b"%PDF-1.4", 1)


def test_a_file_over_the_limit_is_taken_up_made_smaller_and_fit(settings: Any) -> None:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    document = taken(faulty.heavy())
    assert document.state == Document.State.UNFIT
    offer = made(document, Kind.SIZE)
    assert offer.after_bytes < faulty.LIMIT < offer.before_bytes
    repairs.choose(repair=offer, at=NOW)
    document.refresh_from_db()
    assert document.state == Document.State.DRAFT


def test_a_document_with_two_needs_stays_unfit_until_both_are_met(settings: Any) -> None:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    document = taken(b"junk in front\n" + faulty.heavy())
    assert [one.kind for one in repairs.choices(document=document)] == [Kind.STRUCTURE], "a sound structure comes first"
    repairs.choose(repair=made(document, Kind.STRUCTURE), at=NOW)
    document.refresh_from_db()
    assert document.state == Document.State.UNFIT
    assert Kind.SIZE in [one.kind for one in repairs.choices(document=document) if one.needed]
    repairs.choose(repair=made(document, Kind.SIZE), at=NOW)
    document.refresh_from_db()
    assert document.state == Document.State.DRAFT


# ---- not offered


def test_a_signed_file_is_offered_nothing() -> None:
    document = taken((DATA / "signed.pdf").read_bytes())
    assert repairs.choices(document=document) == ()
    for kind in Kind:
        with pytest.raises(repairs.NotOffered):
            made(document, kind)


def test_a_document_that_was_agreed_to_is_not_changed_any_more(order: Callable[..., Order]) -> None:
    document = taken(faulty.of_size(612, 792))
    offer = made(document, Kind.PAGE_SIZE)
    placing.attach(document=document, order=order(paid=False))
    placing.place(document=document, page=1, x=50, y=50, size=86, at=NOW)
    placing.confirm(document=document, at=NOW)
    before = document.source_sha256
    with pytest.raises(repairs.NotOffered):
        repairs.choose(repair=offer, at=NOW)
    with pytest.raises(repairs.NotOffered):
        made(document, Kind.PAGE_SIZE)
    document.refresh_from_db()
    assert (document.source_sha256, document.state) == (before, "placed")


def test_a_choice_that_was_made_is_not_made_again() -> None:
    document = taken()
    offer = made(document)
    same = Repair.objects.get(pk=offer.pk)
    repairs.choose(repair=offer, at=NOW)
    for decide in (repairs.choose, repairs.decline):
        with pytest.raises(repairs.NotOffered):
            decide(repair=same, at=NOW)
    assert Document.objects.get(pk=document.pk).source_sha256 == offer.after_sha256


def test_a_repair_in_vain_says_why_and_leaves_nothing(settings: Any) -> None:
    settings.MAX_DOCUMENT_BYTES = faulty.LIMIT
    document = taken(faulty.noise())
    with pytest.raises(repairs.NotMendable) as refused:
        made(document, Kind.SIZE)
    assert refused.value.code == "cannot_shrink"
    assert not Repair.objects.exists() and stored(document) == {document.source}


def test_bytes_that_are_not_those_that_were_uploaded_are_never_mended() -> None:
    document = taken()
    files.drop(document.source)
    with pytest.raises(repairs.NotMendable) as refused:
        made(document)
    assert refused.value.code == "missing"
    Document.objects.filter(pk=document.pk).update(source=files.keep_source(document=document.pk, data=b"other"))
    document.refresh_from_db()
    with pytest.raises(repairs.NotMendable):
        made(document)


def test_a_busy_machine_says_so_and_queues_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(turns, "at_once", lambda: 1)
    document = taken()
    with turns.turn(name=repairs.TURN, most=1), pytest.raises(repairs.Busy):
        made(document)
    assert not Repair.objects.exists()


# ---- kills


class Killed(BaseException):
    """The process ended here."""


def _die(*_given: Any, **_named: Any) -> None:
    raise Killed


def test_a_kill_between_commit_and_removal_leaves_the_removal_to_the_housekeeper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = taken()
    offer, original = made(document), document.source
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(repairs, "tidy", _die)
        repairs.choose(repair=offer, at=NOW)
    document.refresh_from_db()
    assert document.state == Document.State.DRAFT and stored(document) == {original, document.source}
    erasing.erase_old(at=NOW)
    assert stored(document) == {document.source} and files.read(document.source)
    assert repairs.tidy() == 0


def test_a_kill_inside_the_choice_leaves_everything_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    document = taken()
    offer = made(document)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(repairs, "_become", _die)
        repairs.choose(repair=offer, at=NOW)
    document.refresh_from_db()
    assert files.read(document.source) == DAMAGED and document.state == Document.State.UNFIT
    repairs.choose(repair=Repair.objects.get(pk=offer.pk), at=NOW)
    assert Document.objects.get(pk=document.pk).source == offer.file or Repair.objects.get(pk=offer.pk).file == ""


def test_a_kill_before_the_row_leaves_a_copy_that_the_next_try_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    document = taken()
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(repairs, "_offered", _die)
        made(document)
    assert len(stored(document)) == 2 and not Repair.objects.exists()
    made(document)
    assert len(stored(document)) == 2


def test_two_repairs_that_come_to_the_same_bytes_do_not_lose_them() -> None:
    document = taken()
    offer = made(document)
    twin = Repair.objects.get(pk=offer.pk)
    twin.pk, twin.kind, twin._state.adding = None, "version", True
    twin.save(force_insert=True)
    repairs.decline(repair=twin, at=NOW)
    assert files.read(offer.file)
    repairs.choose(repair=offer, at=NOW)
    assert files.read(Document.objects.get(pk=document.pk).source)


def test_erasing_leaves_no_copy_and_no_offer() -> None:
    document = taken()
    made(document)
    erasing.erase(document=document, at=NOW, actor="buyer")
    assert stored(document) == set()
    assert Repair.objects.get().state == Repair.State.DROPPED and Repair.objects.get().file == ""


def test_a_document_that_nobody_mends_is_erased_in_time() -> None:
    document = taken()
    assert erasing.erase_old(at=NOW + timedelta(days=15)) == 1
    document.refresh_from_db()
    assert document.state == Document.State.ERASED


# ---- what the database refuses

IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "repair_known_kind": {"kind": "colour"},
    "repair_offer_has_file": {"file": ""},
    "repair_changes_the_file": {"after_sha256": hashlib.sha256(DAMAGED).hexdigest()},
    "stamping_repair_arrows": {"state": "offered"},
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_repair_is_refused(name: str) -> None:
    offer = made(taken())
    if name == "stamping_repair_arrows":
        repairs.decline(repair=offer, at=NOW)
    assert _refusal(lambda: Repair.objects.filter(pk=offer.pk).update(**IMPOSSIBLE[name])) == name


def test_a_document_has_one_offer_of_a_kind() -> None:
    twin = made(taken())
    twin.pk, twin._state.adding = None, True
    assert _refusal(lambda: twin.save(force_insert=True)) == "repair_one_offer_a_kind"


@pytest.mark.parametrize("to", ["placed", "queued", "sealed"])
def test_a_document_that_needs_a_repair_goes_nowhere_past_the_choice(to: str) -> None:
    document = taken()
    moved = {"state": to, "output": "x", "output_sha256": "x", "sealed_at": NOW}
    assert _refusal(lambda: Document.objects.filter(pk=document.pk).update(**moved)) == "stamping_document_arrows"


def _refusal(do: Callable[[], Any]) -> str:
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        do()
    return str(refused.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def test_the_limits_are_in_order() -> None:
    assert settings.MAX_DOCUMENT_BYTES < settings.MAX_UPLOAD_BYTES < settings.MAX_REQUEST_BYTES
