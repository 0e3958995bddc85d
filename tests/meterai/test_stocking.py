import gzip
import hashlib
import io
from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterai import staging, states, stocking
from meterai.conserving import available
from meterai.delivery_file import Unreadable
from meterai.models import Batch, Extent, Flip, Movement, Serial, User
from tests import factories

pytestmark = pytest.mark.django_db


def take_in(content: bytes, gudang: User, now: datetime, **more: object) -> Batch:
    return stocking.take_in(delivery=io.BytesIO(content), reference="K-1", by=gudang, at=now, **more)  # type: ignore[arg-type]


def test_a_delivery_becomes_a_draft_that_is_not_for_sale(gudang: User, now: datetime) -> None:
    codes = factories.serials(3)
    batch = stocking.take_in(delivery=factories.delivery(codes), reference="K-1", by=gudang, at=now)
    assert (batch.state, batch.count, available()) == ("draft", 3, 0)
    assert list(Serial.objects.order_by("ordinal").values_list("code", "ordinal")) == list(
        zip(codes, (1, 2, 3), strict=True)
    )
    assert Movement.objects.get().quantity == 3
    assert Flip.objects.get().actor == "gudang"


def test_a_packed_delivery_is_taken_in_as_a_plain_one(gudang: User, now: datetime) -> None:
    text = f"serial\n{factories.serials(1)[0]}\n".encode()
    batch = take_in(gzip.compress(text), gudang, now)
    assert (batch.count, batch.sha256) == (1, hashlib.sha256(text).hexdigest())


def test_every_line_that_cannot_be_taken_is_named_and_nothing_is_imported(gudang: User, now: datetime) -> None:
    known, new = factories.serials(2)
    stocking.take_in(delivery=factories.delivery([known]), reference="K-0", by=gudang, at=now)
    lines = ["serial", new, "kurang", new, known, new.lower(), "x\x00y"]
    with pytest.raises(stocking.DeliveryRefused) as refused:
        take_in("\n".join(lines).encode(), gudang, now)
    found = [(line.number, line.reason, line.found, line.place) for line in refused.value.lines]
    assert found == [
        (3, "malformed", "kurang", ""),
        (4, "twice", new, "2"),
        (5, "known", known, "K-0"),
        (6, "malformed", new.lower(), ""),
        (7, "malformed", "x?y", ""),
    ]
    assert [line.sentence() for line in refused.value.lines[:3]] == [
        "bukan 22 huruf besar atau angka",
        "sudah ada di baris 2",
        "sudah pernah diimpor, dalam kiriman K-0",
    ]
    assert list(Serial.objects.values_list("code", flat=True)) == [known]
    assert Batch.objects.count() == 1 and not connection.needs_rollback


def test_a_refusal_inside_a_callers_transaction_leaves_that_usable(gudang: User, now: datetime) -> None:
    with transaction.atomic():
        with pytest.raises(stocking.DeliveryRefused):
            take_in(b"buruk", gudang, now)
        take_in(b"A" * 22, gudang, now)
    assert Serial.objects.count() == 1


@pytest.mark.parametrize("count", [1, 8, 9, 10])
def test_serials_are_kept_in_pieces_and_in_order(
    count: int, gudang: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stocking, "CHUNK", 3)
    codes = factories.serials(count)[::-1]
    stocking.take_in(delivery=factories.delivery(codes), reference="K-1", by=gudang, at=now)
    kept = Serial.objects.order_by("ordinal").values_list("code", "ordinal")
    assert list(kept) == list(zip(codes, range(1, count + 1), strict=True))


def test_a_batch_is_not_kept_with_fewer_serials_than_it_says(gudang: User, now: datetime) -> None:
    staging.make(staging.TEMPORARY)
    staging.add(staging.TEMPORARY, [(1, "A" * 22)], after=0)
    values = {"table": staging.TEMPORARY, "reference": "K-1", "sha256": "", "by": gudang, "at": now}
    with pytest.raises(stocking.CannotBeKept, match="1 of 2"):
        stocking.keep(count=2, **values)
    assert not Batch.objects.exists() and not Serial.objects.exists()


def test_the_batch_of_each_piece_is_checked_with_it_and_not_remembered_until_the_end(db: None) -> None:
    staging.make(staging.TEMPORARY)
    staging.add(staging.TEMPORARY, [(1, "A" * 22)], after=0)
    with pytest.raises(IntegrityError, match="batch_id"), transaction.atomic():
        staging.move_to_stock(staging.TEMPORARY, batch_id=0, total=1, chunk=1)


def test_a_report_ends_after_a_thousand_lines(gudang: User, now: datetime) -> None:
    with pytest.raises(stocking.DeliveryRefused) as refused:
        take_in(b"buruk\n" * 1500, gudang, now)
    assert len(refused.value.lines) == stocking.REPORT_LINES


@pytest.mark.parametrize(
    ("content", "more", "reason"),
    [
        (b"serial\n\n", {}, "empty"),
        (b"A" * 22, {"expected_count": 2}, "count"),
        (b"A" * 22, {"expected_sha256": "0" * 64}, "sha256"),
    ],
)
def test_what_the_issuer_announced_must_hold(
    content: bytes, more: dict[str, object], reason: str, gudang: User, now: datetime
) -> None:
    with pytest.raises(stocking.Mismatch, match=reason):
        take_in(content, gudang, now, **more)
    assert not Batch.objects.exists() and not Serial.objects.exists()


def test_the_checksum_of_the_file_is_kept(gudang: User, now: datetime) -> None:
    content = f"serial\n{factories.serials(1)[0]}\n".encode()
    digest = hashlib.sha256(content).hexdigest()
    assert take_in(content, gudang, now, expected_sha256=digest.upper(), expected_count=1).sha256 == digest


def test_of_a_packed_file_the_announced_checksum_is_kept(gudang: User, now: datetime) -> None:
    packed = gzip.compress(b"A" * 22)
    digest = hashlib.sha256(packed).hexdigest()
    assert take_in(packed, gudang, now, expected_sha256=digest).sha256 == digest


def test_a_delivery_is_imported_once(gudang: User, now: datetime) -> None:
    take_in(b"A" * 22, gudang, now)
    with pytest.raises(stocking.AlreadyImported):
        take_in(b"B" * 22, gudang, now)


def test_who_imports_does_not_activate(gudang: User, now: datetime) -> None:
    batch = factories.draft(3, at=now)
    with pytest.raises(stocking.SamePerson):
        stocking.activate(batch=batch, by=gudang, at=now)
    assert available() == 0


@pytest.mark.parametrize("count", [1, 127, 128, 129, 1000])
def test_activating_puts_each_serial_on_sale_once(count: int, penyelia: User, now: datetime) -> None:
    batch = factories.draft(count, at=now)
    stocking.activate(batch=batch, by=penyelia, at=now)
    assert available() == count
    assert Extent.objects.count() <= stocking.EXTENTS_PER_BATCH
    with pytest.raises(states.NoSuchArrow):
        stocking.activate(batch=batch, by=penyelia, at=now)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.one_of(st.binary(max_size=30), st.just(b"A" * 22), st.just(b"serial"))).map(b"\n".join))
def test_any_bytes_are_imported_or_refused_in_words(content: bytes, gudang: User, now: datetime) -> None:
    before = Serial.objects.count()
    try:
        batch = stocking.take_in(
            delivery=io.BytesIO(content), reference=f"K-{factories.serials(1)[0]}", by=gudang, at=now
        )
    except (stocking.DeliveryRefused, stocking.Mismatch, Unreadable):
        assert Serial.objects.count() == before
    else:
        assert Serial.objects.count() == before + batch.count
