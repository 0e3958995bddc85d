import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from meterai.conserving import balances
from meterai.models import Batch
from orders.models import Order
from tests import factories

pytestmark = pytest.mark.django_db


def lose_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute('SELECT min(id) FROM meterai_extent WHERE next < "end"')
        cursor.execute('UPDATE meterai_extent SET "end" = "end" - 1 WHERE id = %s', cursor.fetchone())


def test_a_draft_is_counted_as_draft(db: None, now: datetime) -> None:
    factories.draft(5, at=now)
    assert [(row.draft, row.extents, row.difference) for row in balances()] == [(5, 0, 0)]


def test_the_command_prints_a_balance_that_machines_read(order: Order) -> None:
    out = StringIO()
    call_command("conservation", stdout=out)
    told = json.loads(out.getvalue())
    assert told["balanced"] is True
    assert told["batches"][0]["reserved"] == 2 and told["batches"][0]["difference"] == 0


@pytest.mark.breaks_conservation
def test_a_lost_serial_is_found_and_the_command_fails(stock: Batch) -> None:
    lose_one()
    assert balances()[0].difference == 1
    with pytest.raises(SystemExit) as ended:
        call_command("conservation", stdout=StringIO())
    assert ended.value.code == 1
