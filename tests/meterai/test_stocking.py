import hashlib
import io
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterai import states, stocking
from meterai.conserving import available
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


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["{}", '"{}"', "{},10000,2026", "  {} "])
def test_the_first_column_is_read_however_it_was_exported(form: str, ending: str, gudang: User, now: datetime) -> None:
    code = factories.serials(1)[0]
    take_in(f"\ufeffSerial{ending}{form.format(code)}{ending}{ending}".encode(), gudang, now)
    assert Serial.objects.get().code == code


def test_every_line_that_cannot_be_taken_is_named_and_nothing_is_imported(gudang: User, now: datetime) -> None:
    known, new = factories.serials(2)
    stocking.take_in(delivery=factories.delivery([known]), reference="K-0", by=gudang, at=now)
    lines = ["serial", new, "kurang", new, known, new.lower(), "x\x00y"]
    with pytest.raises(stocking.DeliveryRefused) as refused:
        take_in("\n".join(lines).encode(), gudang, now)
    found = [(line.number, line.reason) for line in refused.value.lines]
    assert found == [(3, "malformed"), (4, "twice"), (5, "known"), (6, "malformed"), (7, "malformed")]
    assert all(line.sentence() for line in refused.value.lines)
    assert Serial.objects.count() == 1


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
    except (stocking.DeliveryRefused, stocking.Mismatch):
        assert Serial.objects.count() == before
    else:
        assert Serial.objects.count() == before + batch.count
