import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from meterai import watching
from meterai.models import Batch, LowStock, Reseller
from orders import noticing, tasks, warning
from orders.models import Notice
from tests import factories
from tests.meterai.test_forecasting import sold

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def low_posfin(stock: Batch, posfin: Reseller, now: datetime, settings: Any) -> Reseller:
    """Posfin has 6 left, its threshold is 8, it sold 4 in the last hour."""
    settings.STAFF_EMAIL = "stok@penerbit.example"
    Reseller.objects.update(low_stock_threshold=8)
    factories.lease(posfin, 10, at=now)
    sold(4, at=now - MINUTE, of=posfin)
    watching.look(at=now)
    return posfin


def letters() -> dict[str, str]:
    """What was sent, by address, without line breaks."""
    return {one.to[0]: re.sub(r"\s+", " ", f"{one.subject} | {one.body}") for one in mail.outbox}


def test_both_sides_hear_who_how_many_how_long_and_what_to_do(low_posfin: Reseller, now: datetime) -> None:
    assert warning.warn_low_stock(at=now) == 2
    assert noticing.send_due(at=now) == 2
    told = letters()
    assert set(told) == {"bantuan@posfin.example", "stok@penerbit.example"}
    for text in told.values():
        assert "Stok e-meterai menipis: Posfin, sisa 6 |" in text and "ambang 8" in text
        assert "Terjual per jam: 4" in text and "kira-kira 90 menit" in text
        assert "&" not in text and "<" not in text
    assert "tambah setoran" in told["bantuan@posfin.example"] and "/admin/" not in told["bantuan@posfin.example"]
    assert "berikan stok titipan" in told["stok@penerbit.example"] and "/admin/" in told["stok@penerbit.example"]


def test_it_is_told_once_while_it_stays_low(low_posfin: Reseller, now: datetime) -> None:
    assert [warning.warn_low_stock(at=now + n * MINUTE) for n in range(3)] == [2, 0, 0]
    assert Notice.objects.count() == 2


def test_a_letter_is_dropped_when_another_worker_left_it_first(low_posfin: Reseller, now: datetime) -> None:
    warning.warn_low_stock(at=now)
    row = LowStock.objects.get()
    letter = warning.Letter(row, "staff", "stok@penerbit.example")
    warning._leave(letter, None, now)
    assert Notice.objects.count() == 2


def test_it_is_told_again_when_it_ran_low_again_after_it_was_well_above(low_posfin: Reseller, now: datetime) -> None:
    warning.warn_low_stock(at=now)
    factories.lease(low_posfin, 10, at=now)
    watching.look(at=now + MINUTE)
    assert warning.warn_low_stock(at=now + MINUTE) == 0
    sold(10, at=now + MINUTE, of=low_posfin)
    watching.look(at=now + 2 * MINUTE)
    assert warning.warn_low_stock(at=now + 2 * MINUTE) == 2


def test_the_official_shops_stock_is_the_staffs_business_alone(stock: Batch, now: datetime, settings: Any) -> None:
    settings.STAFF_EMAIL, settings.LOW_STOCK_THRESHOLD = "stok@penerbit.example", 1234
    watching.look(at=now)
    assert warning.warn_low_stock(at=now) == 1
    noticing.send_due(at=now)
    text = letters()["stok@penerbit.example"]
    assert "Toko resmi, sisa 30" in text and "ambang 1.234" in text and "tidak ada penjualan" in text
    assert "aktifkan gelombang stok" in text


def test_without_a_staff_address_the_reseller_is_still_told(low_posfin: Reseller, now: datetime, settings: Any) -> None:
    settings.STAFF_EMAIL = ""
    assert warning.warn_low_stock(at=now) == 1
    assert Notice.objects.get().address == "bantuan@posfin.example"


def test_a_name_in_two_lines_does_not_break_the_subject(low_posfin: Reseller, now: datetime) -> None:
    Reseller.objects.update(name="Pos\nfin")
    watching.look(at=now + MINUTE)
    warning.warn_low_stock(at=now + MINUTE)
    assert noticing.send_due(at=now + MINUTE) == 2
    assert "Pos fin" in letters()["bantuan@posfin.example"]


def test_the_worker_has_a_door_for_it(low_posfin: Reseller) -> None:
    assert tasks.warn_low_stock() == 2
