"""The storm, small: script/storm runs the large one. Every rupiah that the gateway received is accounted for."""

from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings

from stamping.authority import development
from tests import factories
from tests.storm.buyers import Fate
from tests.storm.storm import Storm

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_order_and_no_rupiah_is_lost_while_everything_is_killed(now: datetime, tmp_path: Path) -> None:
    development.make(folder=settings.AUTHORITY_DIR, at=now)
    factories.stock(900, at=now)
    storm = Storm(tmp_path, count=300, kills=6, seed=1, processes=1, settled_within=60, in_a_hurry=True)
    verdict = storm.rage()
    assert verdict.troubles == []
    assert (verdict.orders, verdict.unaccounted) == (300, 0)
    assert {buyer.fate for buyer in storm.buyers} == set(Fate) and storm.killed == {"web": 3, "worker": 3}
    assert min(verdict.fulfilled, verdict.refunded, verdict.reversed, verdict.listed) > 0
    assert not storm.tracebacks
