"""One more stamp on a file that is sealed: a new document from the sealed file, for the next stamp of the order."""

from collections.abc import Callable

import pytest
from django.test import Client

from orders.models import Order
from stamping import again, erasing, files, looking, place_showing, placing, sealing, verifying
from stamping.models import Document
from stamping.pdf.geometry import Placement
from stamping.verdict import Conclusion
from tests.stamping.conftest import NOW

pytestmark = pytest.mark.django_db


def sealed(document: Document) -> Document:
    assert sealing.seal_due(at=NOW) == 1
    document.refresh_from_db()
    assert document.state == Document.State.SEALED
    return document


def placed_by_suggestion(document: Document) -> Document:
    at = place_showing.first_place(document)
    placing.place(document=document, page=at.page, x=at.x, y=at.y, size=at.size, at=NOW)
    placing.confirm(document=document, at=NOW)
    return document


def test_ten_stamps_on_one_file_are_all_valid(queued: Callable[..., Document], order: Callable[..., Order]) -> None:
    ten = order(quantity=10)
    document = sealed(queued(of=ten))
    for _ in range(9):
        document = sealed(placed_by_suggestion(again.take_up(document=document, at=NOW)))
    report = verifying.verify_file(source=files.read(document.output), at=NOW)
    assert report.conclusion == Conclusion.VALID
    assert [one.verdict.conclusion for one in report.checked] == [Conclusion.VALID] * 10
    assert len({one.serial for one in report.checked}) == 10
    places = [(one.page, one.x, one.y) for one in ten.documents.all()]
    for page, x, y in places:  # none stands on another: each was suggested beside those before it
        near = [1 for p, ox, oy in places if p == page and abs(x - ox) < 86 and abs(y - oy) < 86]
        assert len(near) == 1
    assert placing.free_places(ten) == 0


def test_the_suggestion_for_the_second_stamp_avoids_the_first(
    queued: Callable[..., Document], order: Callable[..., Order]
) -> None:
    first = sealed(queued(of=order(quantity=2)))
    second = again.take_up(document=first, at=NOW)
    assert second.name == "surat-2.pdf"
    seen = looking.look(document=second).page(1)
    assert seen is not None
    on_the_first = placing.fit(document=second, wanted=Placement(1, first.x or 0, first.y or 0))
    assert seen.covers(on_the_first) == "signature"
    assert seen.covers(seen.place) == ""


def test_without_a_stamp_left_the_next_document_has_no_order_yet(queued: Callable[..., Document]) -> None:
    another = again.take_up(document=sealed(queued()), at=NOW)
    assert (another.order, another.state) == (None, Document.State.DRAFT)


def test_only_a_sealed_file_takes_one_more_stamp(queued: Callable[..., Document]) -> None:
    document = queued()
    with pytest.raises(again.NotSealed):
        again.take_up(document=document, at=NOW)
    erasing.erase(document=sealed(document), at=NOW, actor="buyer")
    with pytest.raises(again.NotSealed):
        again.take_up(document=document, at=NOW)


def test_a_sealed_document_s_page_offers_one_more_stamp(
    client: Client, queued: Callable[..., Document], order: Callable[..., Order]
) -> None:
    two = order(quantity=2)
    document = queued(of=two)
    assert client.post(document.get_absolute_url()).status_code == 303
    assert Document.objects.count() == 1  # it is not sealed yet
    page = client.get(sealed(document).get_absolute_url()).content.decode()
    assert "Bubuhkan satu lagi" in page
    assert "masih punya 1 meterai" in page
    answer = client.post(document.get_absolute_url())
    assert "Pilih tempat meterai" in client.get(answer["Location"]).content.decode()
    assert two.documents.count() == 2
    assert "Semua meterai pesanan ini sudah dipakai" in client.get(document.get_absolute_url()).content.decode()
