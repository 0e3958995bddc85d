"""What must never be of a bundle is refused by the database: every constraint, every arrow."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from orders.models import Order
from stamping import bundle_checking
from stamping.models import Bundle, BundleFile
from tests.stamping import zips
from tests.stamping.conftest import NOW
from tests.stamping.test_bundles import checked, send

pytestmark = pytest.mark.django_db
Orders = Callable[..., Order]


def refusal(rows: Any, **changes: Any) -> str:
    """The name of the constraint or trigger that refused these changes."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        rows.update(**changes)
    return str(refused.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def test_an_impossible_bundle_is_refused(order: Orders) -> None:
    sent = Bundle.objects.filter(pk=send(order(), zips.letters(1)).pk)
    assert refusal(sent, source="") == "bundle_sent_has_source"
    assert refusal(sent, claimed_until=None) == "bundle_sent_has_source"
    assert refusal(sent, state="refused") == "bundle_refused_says_why"
    assert refusal(sent, state="checked") == "bundle_checked_is_dated"
    assert refusal(sent, state="confirmed", listed_at=NOW, checked_at=NOW) in (
        "bundle_confirmed_is_dated",
        "stamping_bundle_arrows",
    )
    bundle_checking.check_due(at=NOW)
    assert refusal(sent, state="confirmed") == "bundle_confirmed_is_dated"
    assert refusal(sent, state="sent", source="x", claimed_until=NOW) == "stamping_bundle_arrows"


def test_a_state_that_is_none_is_refused(order: Orders) -> None:
    bundle = send(order(), zips.letters(1))
    values = {one.attname: getattr(bundle, one.attname) for one in Bundle._meta.fields}
    values |= {"id": "00000000-0000-4000-8000-000000000001", "state": "lain", "idempotency_key": "lain"}
    with pytest.raises(IntegrityError, match="bundle_known_state"), transaction.atomic():
        Bundle.objects.create(**values)
    with pytest.raises(IntegrityError, match="bundlefile_known_state"), transaction.atomic():
        BundleFile.objects.create(bundle=bundle, ordinal=1, position=1, name="a", state="lain")


def test_an_impossible_file_is_refused(order: Orders) -> None:
    bundle = checked(order(quantity=2), zips.letters(2) | {"x.txt": b"x"})
    first, second = bundle.files.filter(ordinal=0), bundle.files.filter(ordinal=1)
    assert refusal(first, name="surat-2.pdf") == "bundlefile_one_a_name"
    assert refusal(first, ordinal=1) == "bundlefile_one_an_ordinal"
    assert refusal(first, document=second.get().document) == "bundlefile_one_a_document"
    assert refusal(first, sha256=second.get().sha256) == "bundlefile_same_bytes_once"
    assert refusal(first, document=None) == "bundlefile_ready_has_document"
    assert refusal(first, sha256="") == "bundlefile_ready_has_document"
    assert refusal(first, code="x") == "bundlefile_refused_says_why"
    assert refusal(first, state="refused") == "bundlefile_refused_says_why"
    assert refusal(bundle.files.filter(ordinal=2), state="waiting", code="") == "stamping_bundlefile_arrows"


@pytest.mark.parametrize("model", [Bundle, BundleFile])
def test_the_database_holds_the_same_arrows_as_the_models(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [f"{model._meta.db_table}_arrows"])
        source = cursor.fetchone()[0]
    held = set(re.findall(r"'(\w+)>(\w+)'", source))
    assert held == {(str(old), str(new)) for old, news in model.ARROWS.items() for new in news}
