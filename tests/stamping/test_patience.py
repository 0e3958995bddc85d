"""An outage of the authority fails no document: it waits in its place, is tried sparingly, and the page says so."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import Client

from meterai import stocking
from meterai.models import Stamp, User
from orders import ordering
from orders.models import Order
from orders.ordering import Wish
from stamping import asking, authorities, issuing, placing, preparing, sealing, silence, tasks, waiting
from stamping.authority import development
from stamping.authority.engine import SealingError
from stamping.models import Document
from tests.contracts.conftest import free_port
from tests.contracts.issuer_server import PASSWORD, THERE, USER, IssuerServer
from tests.contracts.stand_in import Seen
from tests.stamping.conftest import NOW, pay

pytestmark = pytest.mark.django_db
DOWN = 10_000
"""So many requests in a row that go wrong: the issuer is down until we say otherwise."""


class Issuer(IssuerServer):
    """The stand-in, which can be switched off: then its adapter fails, whatever it is asked."""

    is_down = False
    refuses: str = ""
    """A serial whose sealing alone always fails."""

    def answer(self, seen: Seen) -> tuple[int, dict[str, Any]]:
        if seen.path.endswith("docSigningZ"):
            if self.is_down:
                self.wishes.append(seen.json())
                return 503, {}
            if self.refuses and seen.json()["refToken"] == self.refuses:
                return 200, {"status": "False", "errorCode": "97"}
        return super().answer(seen)


@pytest.fixture
def issuer(db: None, tmp_path: Path, settings: Any) -> Iterator[Issuer]:
    """The site under test seals by this issuer."""
    folder = tmp_path / "shared"
    folder.mkdir()
    with Issuer(folder=folder, paths=development.Paths(site_settings.AUTHORITY_DIR)) as server:
        settings.AUTHORITY = {"engine": "issuer", "issuer": account(server)}
        authorities.forget()
        yield server
    authorities.forget()


def account(server: IssuerServer) -> dict[str, str]:
    own = {"user": USER, "password": PASSWORD, "document_type": "3", "profile": "p", "location": "JAKARTA"}
    folder = {"folder": str(server.folder), "folder_there": THERE, "patience": "0.3"}
    return own | folder | {"backend": server.url, "stamps": server.url, "adapter": server.url}


@pytest.fixture
def queue(issuer: Issuer, letter: bytes) -> Callable[[int], list[Document]]:
    """Makes so many documents in line, accepted a second apart, with serials of the issuer's."""

    def make(count: int) -> list[Document]:
        serials = issuing.ask(count=count, at=NOW)
        clerk, keeper = User.objects.create_user("gudang-8"), User.objects.create_user("gudang-9")
        batch = stocking.take_in(delivery=BytesIO("\n".join(serials).encode()), reference="P-8", by=clerk, at=NOW)
        stocking.activate(batch=batch, by=keeper, at=NOW)
        wish = Wish(quantity=count, email="ani@contoh.example", phone="", gateway="sandbox", method="qris")
        order = ordering.place_order(wish=wish, idempotency_key="patience", at=NOW)
        pay(order)
        return [_queued(order, letter, seconds) for seconds in range(count)]

    return make


def _queued(order: Order, source: bytes, seconds: int) -> Document:
    at = NOW + timedelta(seconds=seconds)
    document = preparing.take_up(name=f"surat-{seconds}.pdf", source=source, at=at)
    placing.attach(document=document, order=order)
    placing.place(document=document, page=1, x=400, y=100, size=86, at=at)
    placing.confirm(document=document, at=at)
    return document


def rows(documents: list[Document]) -> list[Document]:
    """As they stand now, in the order given."""
    found = Document.objects.in_bulk([document.pk for document in documents])
    return [found[document.pk] for document in documents]


def stamps_of(documents: list[Document]) -> set[str]:
    """The states that their stamps are in."""
    return set(Stamp.objects.filter(pk__in=[row.stamp_id for row in documents]).values_list("state", flat=True))


def tick(*, since: float, until: float, every: float = 2) -> Iterator[Any]:
    """The moments at which the scheduler wakes a worker, in seconds after NOW."""
    seconds = since
    while seconds < until:
        yield NOW + timedelta(seconds=seconds)
        seconds += every


# --- the document --------------------------------------------------------------------------------------------


def test_an_outage_of_an_hour_fails_nobody_and_the_line_goes_on_in_its_order(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(6)
    issuer.is_down = True
    for at in tick(since=60, until=3600, every=20):
        sealing.seal_due(at=at, limit=1)
    waited = rows(documents)
    assert {row.state for row in waited} == {Document.State.QUEUED}
    assert all(row.attempts == row.unanswered for row in waited)
    assert max(row.unanswered for row in waited) > 2 * sealing.MOST_ATTEMPTS
    issuer.is_down = False
    for at in tick(since=3600, until=3720):
        sealing.seal_due(at=at, limit=1)
    served = rows(documents)
    assert {row.state for row in served} == {Document.State.SEALED}
    scout, *others = sorted(served, key=lambda row: row.sealed_at or NOW)  # the one that found out may be any
    assert [row.pk for row in others] == [document.pk for document in documents if document.pk != scout.pk]
    assert {row.stamp_id for row in served} == {row.stamp_id for row in documents}
    assert stamps_of(served) == {"affixed"}


def test_while_the_authority_is_silent_it_is_asked_less_and_less(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    queue(6)
    issuer.is_down = True
    asked = []
    for at in tick(since=60, until=1860):
        before = len(issuer.wishes)
        sealing.seal_due(at=at, limit=4)
        assert len(issuer.wishes) - before <= 1
        asked += [at] * (len(issuer.wishes) - before)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert max(pauses[:3]) < timedelta(seconds=15) and min(pauses[-5:]) >= timedelta(seconds=58)
    assert max(pauses) <= silence.LONGEST + timedelta(seconds=4)
    assert len(asked) < 60


def test_those_behind_the_one_that_got_no_answer_stay_untried(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(4)
    issuer.is_down = True
    sealing.seal_due(at=NOW + timedelta(minutes=1), limit=4)
    assert [(row.attempts, row.unanswered) for row in rows(documents)] == [(1, 1), (0, 0), (0, 0), (0, 0)]
    assert len(issuer.wishes) == 1


def test_the_waits_of_two_documents_differ(issuer: Issuer, queue: Callable[[int], list[Document]]) -> None:
    documents = queue(3)
    waits = set()
    for document in documents:
        waiting.rest(document=document, pause=timedelta(seconds=60), at=NOW)
        document.refresh_from_db()
        waits.add(document.claimed_until)
        assert timedelta(seconds=48) <= (document.claimed_until or NOW) - NOW <= timedelta(seconds=60)
    assert len(waits) == 3


def test_a_document_that_alone_gets_no_answer_does_not_hold_up_the_line(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(6)
    issuer.refuses = str(documents[0].stamp_id)
    for at in tick(since=60, until=90):
        sealing.seal_due(at=at, limit=1)
    states = [row.state for row in rows(documents)]
    assert states == [Document.State.QUEUED] + [Document.State.SEALED] * 5
    assert rows(documents)[0].unanswered >= 1
    issuer.refuses = ""
    for at in tick(since=90, until=400):
        sealing.seal_due(at=at, limit=1)
    assert rows(documents)[0].state == Document.State.SEALED


def test_our_patience_ends_and_the_stamps_go_back(
    issuer: Issuer, queue: Callable[[int], list[Document]], settings: Any
) -> None:
    settings.SEAL_PATIENCE_HOURS = 3
    documents = queue(3)
    issuer.is_down = True
    for at in tick(since=60, until=3 * 3600 - 60, every=300):
        sealing.seal_due(at=at, limit=1)
    assert {row.state for row in rows(documents)} == {Document.State.QUEUED}
    for at in tick(since=3 * 3600, until=3 * 3600 + 200, every=20):
        sealing.seal_due(at=at, limit=1)
    ended = rows(documents)
    assert {(row.state, row.failure) for row in ended} == {(Document.State.FAILED, "issuer_unreachable")}
    assert stamps_of(ended) == {"sold"}


def test_a_day_without_workers_and_then_a_hiccup_end_nothing(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(3)
    issuer.is_down = True
    for at in tick(since=90_000, until=90_030):
        sealing.seal_due(at=at, limit=1)
    issuer.is_down = False
    for at in tick(since=90_030, until=90_120):
        sealing.seal_due(at=at, limit=1)
    assert {row.state for row in rows(documents)} == {Document.State.SEALED}


@pytest.mark.parametrize(
    ("code", "failure"), [("80", "document_changed"), ("83", "certified_no_changes"), ("90", "engine")]
)
def test_a_no_in_so_many_words_is_not_waited_for(
    code: str, failure: str, issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    (document,) = queue(1)
    issuer.failures = [code]
    sealing.seal_due(at=NOW + timedelta(minutes=1))
    assert [(row.state, row.failure) for row in rows([document])] == [(Document.State.FAILED, failure)]
    assert silence.current() is None


def test_an_answer_that_takes_too_long_is_none(
    issuer: Issuer, queue: Callable[[int], list[Document]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.3)
    (document,) = queue(1)
    issuer_client = authorities.issuer_client()
    issuer_client.token(at=NOW)
    issuer.trouble = ["silent"]
    begun = time.monotonic()
    assert sealing.seal_due(at=NOW + timedelta(minutes=1)) == 0
    assert time.monotonic() - begun < 5
    assert [(row.state, row.attempts, row.unanswered) for row in rows([document])] == [(Document.State.QUEUED, 1, 1)]


def test_a_missing_picture_makes_its_document_wait_and_no_other(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(2)
    issuing.IssuedSerial.objects.filter(serial=documents[0].stamp_id).update(picture=b"")
    for at in tick(since=60, until=66):
        sealing.seal_due(at=at, limit=1)
    assert [row.state for row in rows(documents)] == [Document.State.QUEUED, Document.State.SEALED]
    assert silence.current() is None and issuer.wishes


# --- our own parts -------------------------------------------------------------------------------------------


def test_a_storage_that_is_gone_makes_all_wait(queued: Callable[..., Document], settings: Any, tmp_path: Path) -> None:
    document = queued()
    kept, there = default_storage.location, tmp_path / "unmounted"  # type: ignore[attr-defined]
    options = settings.STORAGES["default"] | {"OPTIONS": settings.STORAGES["default"]["OPTIONS"] | {"location": there}}
    settings.STORAGES = settings.STORAGES | {"default": options}
    for at in tick(since=60, until=3600, every=30):
        sealing.seal_due(at=at)
    (row,) = rows([document])
    assert (row.state, row.attempts) == (Document.State.QUEUED, row.unanswered)
    known = silence.current()
    assert known is not None and known.is_ours
    options["OPTIONS"]["location"] = kept
    settings.STORAGES = settings.STORAGES | {"default": options}
    for at in tick(since=3600, until=3900):
        sealing.seal_due(at=at)
    assert rows([document])[0].state == Document.State.SEALED


def test_a_time_stamp_authority_that_is_down_makes_all_wait(queued: Callable[..., Document], settings: Any) -> None:
    settings.AUTHORITY = {"level": "B-T", "tsa": {"url": f"http://127.0.0.1:{free_port()}/tsa", "missing": "delay"}}
    authorities.forget()
    document = queued()
    for at in tick(since=60, until=1800, every=10):
        sealing.seal_due(at=at)
    (row,) = rows([document])
    assert (row.state, row.attempts) == (Document.State.QUEUED, row.unanswered)
    settings.AUTHORITY = {}
    authorities.forget()
    for at in tick(since=1800, until=1900):
        sealing.seal_due(at=at)
    assert rows([document])[0].state == Document.State.SEALED


def test_without_a_cache_documents_are_sealed_all_the_same(queued: Callable[..., Document], settings: Any) -> None:
    document = queued()
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": nowhere}}
    assert sealing.seal_due(at=NOW) == 1
    assert rows([document])[0].state == Document.State.SEALED


def test_a_worker_that_died_while_it_asked_holds_up_the_others_for_a_minute(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    queue(1)
    silence.unanswered(code="issuer_unreachable", since=NOW, at=NOW)
    silence.unanswered(code="issuer_unreachable", since=NOW, at=NOW)
    known = silence.current()
    assert known is not None
    later = NOW + timedelta(minutes=5)
    assert silence.take_turn(known, at=later) and not silence.take_turn(known, at=later)
    assert 0 < cache.ttl(silence.ASKING) <= silence.ASKING_SECONDS if hasattr(cache, "ttl") else True
    silence.let_go()
    assert silence.take_turn(known, at=later)


# --- the line ------------------------------------------------------------------------------------------------


def test_the_line_is_kept_by_acceptance_also_behind_a_wait(queued: Callable[..., Document]) -> None:
    first, second = queued(), queued()
    Document.objects.filter(pk=first.pk).update(claimed_until=NOW + timedelta(seconds=40))
    Document.objects.filter(pk=second.pk).update(queued_at=NOW + timedelta(seconds=1))
    (taken,) = waiting.claim_next(at=NOW + timedelta(seconds=41), limit=1)
    assert taken.pk == first.pk


def test_a_file_that_kills_its_workers_takes_nobody_with_it(queued: Callable[..., Document]) -> None:
    killer, *others = [queued() for _ in range(4)]
    for place, document in enumerate([killer, *others]):
        Document.objects.filter(pk=document.pk).update(queued_at=NOW + timedelta(seconds=place))
    at = NOW + timedelta(minutes=1)
    for _ in range(sealing.MOST_ATTEMPTS):
        assert waiting.claim_next(at=at, limit=4)[0].pk == killer.pk  # and the worker dies
        at += timedelta(seconds=91)
    while sealing.has_more(at=at):
        sealing.seal_due(at=at)
    assert [row.state for row in rows([killer, *others])] == [Document.State.FAILED] + [Document.State.SEALED] * 3


def test_one_refused_document_does_not_end_the_round_of_those_behind(
    issuer: Issuer, queue: Callable[[int], list[Document]]
) -> None:
    documents = queue(3)
    Document.objects.filter(pk=documents[0].pk).update(page=9)
    assert tasks.seal_due() == 2
    assert [row.state for row in rows(documents)] == ["failed", "sealed", "sealed"]


def test_two_that_both_sealed_leave_one_file(queued: Callable[..., Document]) -> None:
    document = queued()
    early, late = Document.objects.get(pk=document.pk), Document.objects.get(pk=document.pk)
    assert sealing.seal(document=early, at=NOW)
    assert not sealing.seal(document=late, at=NOW + timedelta(seconds=91))
    assert stored(document) == [Document.objects.get(pk=document.pk).output.rpartition("/")[2]]


def test_what_a_killed_try_left_is_swept_when_the_next_one_was_killed_as_well(queued: Callable[..., Document]) -> None:
    document = queued()
    Document.objects.filter(pk=document.pk).update(attempts=1)
    assert sealing.seal_due(at=NOW) == 1
    folder = Document.objects.get(pk=document.pk).output.rpartition("/")[0]
    with default_storage.open(f"{folder}/left.pdf", "wb") as file:
        file.write(b"%PDF-")
    assert sealing.sweep(at=NOW) == 0
    assert sealing.sweep(at=NOW + timedelta(seconds=91)) == 1
    assert stored(document) == [Document.objects.get(pk=document.pk).output.rpartition("/")[2]]
    assert sealing.sweep(at=NOW + timedelta(days=1)) == 0


def stored(document: Document) -> list[str]:
    """The sealed files of this document that lie in storage."""
    return default_storage.listdir(f"sealed/{document.pk.hex[:3]}/{document.pk}")[1]


# --- the page ------------------------------------------------------------------------------------------------


def page(client: Client, document: Document) -> str:
    return client.get(document.get_absolute_url()).content.decode()


def test_the_page_says_since_when_and_which_number_and_that_the_stamp_is_safe(
    client: Client, queued: Callable[..., Document], order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    bought = order(quantity=2)
    _first, second = queued(of=bought), queued(of=bought)
    Document.objects.filter(pk=second.pk).update(queued_at=NOW + timedelta(seconds=1))
    at = NOW + timedelta(hours=1, minutes=5)
    monkeypatch.setattr("django.utils.timezone.now", lambda: at)
    since = NOW + timedelta(minutes=42)
    silence.unanswered(code="issuer_unreachable", since=since, at=since)
    said = page(client, second)
    assert "Penerbit belum menjawab sejak 10.42." in said
    assert "Dokumen Anda nomor 2 dalam antrean; e-meterai Anda aman." in said
    assert "Sedang dikerjakan" not in said
    whole = client.get(bought.get_absolute_url()).content.decode()
    assert "Penerbit belum menjawab sejak 10.42. Urutan dokumen Anda tetap, dan e-meterai Anda aman." in whole
    silence.answered(at=at)
    assert "belum menjawab" not in page(client, second)


def test_our_own_fault_is_not_put_on_the_issuer(
    client: Client, queued: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = queued()
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(minutes=5))
    silence.unanswered(code="storage", since=NOW, at=NOW)
    said = page(client, document)
    assert "karena gangguan di pihak kami" in said and "Penerbit" not in said


def test_a_hiccup_is_not_told(client: Client, queued: Callable[..., Document], monkeypatch: pytest.MonkeyPatch) -> None:
    document = queued()
    silence.unanswered(code="issuer_unreachable", since=NOW, at=NOW)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(seconds=20))
    assert "belum menjawab" not in page(client, document)


def test_an_order_page_that_is_followed_notices_the_silence(
    queued: Callable[..., Document], order: Callable[..., Order]
) -> None:
    from stamping import following

    bought = order()
    queued(of=bought)
    at = NOW + timedelta(minutes=5)
    before = following.version(order=bought, at=at)
    silence.unanswered(code="issuer_unreachable", since=NOW, at=NOW)
    assert following.version(order=bought, at=at) != before
    silence.answered(at=at)
    assert following.version(order=bought, at=at) == before


def test_every_code_of_ours_is_one_that_an_engine_has() -> None:
    from stamping.authority.engine import REASONS

    assert set(REASONS) | {"storage"} >= silence.OURS
    assert SealingError("storage", permanent=False).reason == "storage"
