"""What a statement of stock says, and the same as CSV."""

import csv
import io
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from meterai import chaining, statement, taking
from meterai.conserving import PLACES
from meterai.models import Batch, Extent, Movement, Reseller, User
from meterai.statement import Statement
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(posfin: Reseller, now: datetime) -> Statement:
    """A batch on sale with a lease and three sold stamps, and a draft."""
    factories.stock(30, at=now)
    factories.lease(posfin, 12, at=now)
    sold = taking.take(quantity=3, reseller=posfin, until=now, at=now, reference="MT-1")
    taking.sell(serials=sold, at=now, reference="MT-1")
    factories.draft(5, at=now)
    return statement.take(at=now, by="penyelia")


def rows(taken: Statement) -> list[dict[str, str]]:
    file = io.StringIO()
    statement.write_csv(taken, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_the_totals_are_the_sum_of_all_batches(taken: Statement) -> None:
    assert (taken.totals.draft, taken.totals.extents, taken.totals.sold, taken.totals.found) == (5, 27, 3, 35)
    assert [(one.reseller, one.due, one.sold, taken.name(one)) for one in taken.holders] == [
        (None, 23, 0, ""),
        ("posfin", 12, 3, "Posfin"),
    ]


def test_it_says_that_all_is_well(taken: Statement) -> None:
    assert (taken.is_balanced, taken.is_chained, taken.differences, taken.is_sound) == (True, True, (), True)


@pytest.mark.breaks_conservation
def test_it_says_when_a_serial_is_lost(stock: Batch, now: datetime) -> None:
    Extent.objects.filter(end=31).delete()
    taken = statement.take(at=now, by="penyelia")
    assert (taken.is_balanced, taken.is_sound, len(taken.differences)) == (False, False, 1)


def test_it_says_when_the_book_was_added_to(stock: Batch, now: datetime) -> None:
    row = {"batch": stock, "at": now, "reference": "r", "actor": "a"}
    Movement.objects.create(source="extents", target="sold", quantity=1, **row)
    taken = statement.take(at=now, by="penyelia")
    assert (taken.is_balanced, taken.is_chained, taken.is_sound) == (True, True, False)


@pytest.mark.django_db(transaction=True)
def test_it_says_when_a_line_was_changed(stock: Batch, now: datetime) -> None:
    chaining.close(at=now)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meterai_movement DISABLE TRIGGER USER")
        cursor.execute("UPDATE meterai_movement SET reason = 'x' WHERE source = 'draft'")
        cursor.execute("ALTER TABLE meterai_movement ENABLE TRIGGER USER")
    taken = statement.take(at=now, by="penyelia")
    assert (taken.is_balanced, taken.is_chained, taken.is_sound) == (True, False, False)
    assert rows(taken)[0]["chain_faults"] == "1"


def test_the_csv_has_a_line_for_each_batch_and_holder(taken: Statement, now: datetime) -> None:
    lines = rows(taken)
    assert [(one["batch"], one["holder"], one["due"], one["state"]) for one in lines] == [
        (taken.batches[0].batch.reference, "", "18", "active"),
        (taken.batches[0].batch.reference, "posfin", "12", "active"),
        (taken.batches[1].batch.reference, "", "5", "draft"),
    ]
    for line in lines:
        assert sum(int(line[place]) for place in PLACES) + int(line["difference"]) == int(line["due"])
        assert int(line["face_value_rupiah"]) == int(line["due"]) * 10_000
        assert datetime.fromisoformat(line["as_of"]) == now
        assert len(line["delivery_sha256"]) == 64
    assert (lines[0]["imported_by"], lines[0]["activated_by"], lines[2]["activated_by"]) == ("gudang", "penyelia", "")
    assert lines[0]["chain_unclosed"] != "0"


def test_a_reference_that_a_spreadsheet_would_run_is_only_text(gudang: User, now: datetime) -> None:
    factories.draft(1, at=now, reference='=HYPERLINK("http://jahat.example")')
    assert rows(statement.take(at=now, by="penyelia"))[0]["batch"].startswith("'=HYPERLINK")


def test_without_any_batch_there_is_a_statement_too(db: None, now: datetime) -> None:
    taken: Any = statement.take(at=now, by="penyelia")
    assert (taken.batches, taken.totals.found, taken.is_sound, rows(taken)) == ((), 0, True, [])
