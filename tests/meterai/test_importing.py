"""A delivery that staff bring in is read in pieces, survives its worker, and ends as one batch or refused whole."""

import csv
import gzip
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from meterai import claiming, importing, receiving, refusing, staging, stocking
from meterai.delivery_file import Announcement
from meterai.holding import ClaimLost
from meterai.importing import Progress
from meterai.models import Batch, Delivery, Flip, Movement, Serial, User
from meterai.receiving import LEASE
from tests import factories
from tests.running_site import wait_until

# The claim is renewed on a connection of its own, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)
LATER = LEASE + timedelta(seconds=1)


class Killed(BaseException):
    """Ends the work at once, as a signal would: nothing catches it."""


def text_of(codes: list[str]) -> bytes:
    return "\n".join(["serial", *codes, ""]).encode()


def announced(content: bytes, count: int, reference: str = "K-1", **changes: Any) -> Announcement:
    told = {"count": count, "sha256": hashlib.sha256(content).hexdigest(), "reference": reference}
    return Announcement(**(told | changes))


def upload(content: bytes, count: int, *, by: User, at: datetime, **changes: Any) -> Delivery:
    return receiving.receive(file=ContentFile(content), announced=announced(content, count, **changes), by=by, at=at)


def begun(content: bytes, count: int, *, by: User, at: datetime, **changes: Any) -> Delivery:
    """Claimed by the command."""
    delivery = receiving.begin(announced=announced(content, count, **changes), size=len(content), by=by, at=at)
    assert delivery
    return delivery


def run(delivery: Delivery, content: bytes, at: datetime, **more: Any) -> None:
    importing.run(delivery=delivery, stream=io.BytesIO(content), at=at, **({"chunk": 4} | more))


def killed_at(step: str, done: int) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.step == step and progress.done >= done:
            raise Killed

    return tell


def elsewhere(do: Callable[[], Any]) -> Any:
    """What `do` answers on another connection."""
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(do())
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return answers[0]


def whole(codes: list[str]) -> None:
    """The batch is there, every serial once and in order, written in the book, and nothing is left over."""
    batch = Batch.objects.get()
    kept = Serial.objects.filter(batch=batch).order_by("ordinal")
    assert list(kept.values_list("code", "ordinal")) == list(zip(codes, range(1, len(codes) + 1), strict=True))
    assert (batch.count, batch.state) == (len(codes), "draft")
    assert Movement.objects.get().quantity == len(codes)
    delivery = Delivery.objects.get(state="imported")
    assert (delivery.batch, delivery.serials_kept, delivery.file) == (batch, len(codes), "")
    assert staging.tables() == set()


def absent() -> None:
    """Nothing was imported."""
    assert not Batch.objects.exists() and not Serial.objects.exists() and not Movement.objects.exists()


def report_of(delivery: Delivery) -> list[list[str]]:
    with default_storage.open(delivery.report) as file:
        return list(csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline="")))


@pytest.fixture
def codes() -> list[str]:
    return factories.serials(10)


@pytest.fixture
def content(codes: list[str]) -> bytes:
    return text_of(codes)


@pytest.fixture
def refused(gudang: User, now: datetime) -> Iterator[Callable[..., Delivery]]:
    """Uploads something and answers with the delivery, which must have been refused and have left nothing else."""

    def bring(content: bytes, count: int, **changes: Any) -> Delivery:
        before = Batch.objects.count(), Serial.objects.count(), Movement.objects.count()
        delivery = upload(content, count, by=gudang, at=now, **changes)
        assert importing.run_due(at=now) == 1
        delivery.refresh_from_db()
        assert (delivery.state, delivery.batch, delivery.file) == ("refused", None, "")
        assert before == (Batch.objects.count(), Serial.objects.count(), Movement.objects.count())
        assert staging.tables() == set()
        return delivery

    yield bring


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_upload_is_imported_by_a_worker(
    pack: Any, codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    packed = pack(content)
    name = upload(packed, 10, by=gudang, at=now).file
    assert default_storage.exists(name)
    assert importing.run_due(at=now) == 1
    whole(codes)
    assert not default_storage.exists(name)
    assert Batch.objects.get().sha256 == hashlib.sha256(packed).hexdigest()
    assert Batch.objects.get().imported_by == gudang
    flips = Flip.objects.filter(noun="meterai.delivery").order_by("id").values_list("old", "new", "actor")
    assert list(flips) == [("", "waiting", "gudang"), ("waiting", "imported", "gudang")]
    assert importing.run_due(at=now + LATER) == 0


@pytest.mark.parametrize(("step", "done"), [("reading", 1), ("reading", 150), ("keeping", 4), ("keeping", 10)])
def test_a_worker_killed_in_mid_import_is_followed_by_another_after_its_lease(
    step: str, done: int, codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    delivery = upload(content, 10, by=gudang, at=now)
    mine = claiming.claim(Delivery.objects.all(), due="claimed_until", at=now, lease=LEASE, limit=1)
    with pytest.raises(Killed):
        run(mine[0], content, now, tell=killed_at(step, done))
    absent()
    delivery.refresh_from_db()
    assert delivery.state == "waiting" and delivery.lines_staged == staging.count(staging.table_of(delivery.pk))
    assert delivery.lines_staged == (4 if done == 1 else 8 if done == 150 else 10)
    assert importing.run_due(at=now) == 0
    assert importing.run_due(at=now + LATER) == 1
    whole(codes)
    delivery.refresh_from_db()
    assert delivery.attempts == 2


def test_what_was_staged_is_not_staged_again(codes: list[str], content: bytes, gudang: User, now: datetime) -> None:
    told: list[Progress] = []
    with pytest.raises(Killed):
        run(begun(content, 10, by=gudang, at=now), content, now, tell=killed_at("reading", 150))
    again = begun(content, 10, by=gudang, at=now + LATER)
    run(again, content, now + LATER, tell=told.append)
    assert [progress.done for progress in told if progress.step == "reading"] == [len(content)]
    whole(codes)


def test_another_file_under_the_same_number_starts_over(
    codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    other = text_of(["Z" * 22, *codes[1:]])
    with pytest.raises(Killed):
        run(begun(other, 10, by=gudang, at=now), other, now, tell=killed_at("reading", 150))
    run(begun(content, 10, by=gudang, at=now + LATER), content, now + LATER)
    whole(codes)


def test_a_shorter_file_under_the_same_number_starts_over(codes: list[str], gudang: User, now: datetime) -> None:
    long, short = text_of(codes), text_of(codes[:5])
    with pytest.raises(Killed):
        run(begun(long, 10, by=gudang, at=now), long, now, tell=killed_at("keeping", 1))
    run(begun(short, 5, by=gudang, at=now + LATER), short, now + LATER)
    whole(codes[:5])


@pytest.mark.parametrize("loss", ["TRUNCATE {}", "DROP TABLE {}", "DELETE FROM {} WHERE ordinal = 3"])
def test_what_a_crashed_database_lost_is_read_again(
    loss: str, codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    delivery = begun(content, 10, by=gudang, at=now)
    with pytest.raises(Killed):
        run(delivery, content, now, tell=killed_at("reading", 150))
    with connection.cursor() as cursor:
        cursor.execute(loss.format(staging.table_of(delivery.pk)))
    run(begun(content, 10, by=gudang, at=now + LATER), content, now + LATER)
    whole(codes)


@pytest.mark.parametrize("step", ["reading", "keeping"])
def test_a_worker_whose_lease_ran_out_writes_nothing_any_more(
    step: str, codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    mine = begun(content, 10, by=gudang, at=now)
    others: list[Delivery] = []

    def take_over(progress: Progress) -> None:
        if progress.step == step and not others:
            others.append(elsewhere(lambda: begun(content, 10, by=gudang, at=now + LATER)))

    with pytest.raises(ClaimLost):
        run(mine, content, now, tell=take_over)
    absent()
    assert staging.count(staging.table_of(mine.pk)) == (4 if step == "reading" else 10)
    run(others[0], content, now + LATER)
    whole(codes)


@pytest.mark.parametrize("step", ["reading", "keeping"])
def test_a_delivery_is_cancelled_under_the_hands_of_its_worker(
    step: str, content: bytes, gudang: User, penyelia: User, now: datetime
) -> None:
    delivery = upload(content, 10, by=gudang, at=now)
    mine = claiming.claim(Delivery.objects.all(), due="claimed_until", at=now, lease=LEASE, limit=1)[0]

    def cancel(progress: Progress) -> None:
        if progress.step == step and Delivery.objects.filter(state="waiting").exists():
            elsewhere(lambda: receiving.cancel(delivery=delivery, by=penyelia, at=now))

    with pytest.raises(ClaimLost):
        run(mine, content, now, tell=cancel)
    absent()
    assert importing.run_due(at=now + LATER) == 0
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failure, delivery.file, staging.tables()) == ("refused", "cancelled", "", set())
    with pytest.raises(receiving.NotWaiting):
        receiving.cancel(delivery=delivery, by=penyelia, at=now)
    upload(content, 10, by=gudang, at=now)  # the number is free again


def test_a_renewal_that_fails_is_followed_by_one_that_does_not(
    codes: list[str], content: bytes, gudang: User, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = begun(content, 10, by=gudang, at=now)

    def renewed_after(before: datetime | None) -> bool:
        until = Delivery.objects.get().claimed_until
        return bool(before and until and until != before)

    def cut_off(progress: Progress) -> None:
        if progress.step == "reading" and not caplog.records:
            wait_until(lambda: renewed_after(delivery.claimed_until), seconds=10)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'UPDATE%'"
                )
            wait_until(lambda: "a claim could not be renewed" in caplog.text, seconds=10)
            before = Delivery.objects.get().claimed_until
            wait_until(lambda: renewed_after(before), seconds=10)

    run(delivery, content, now, tell=cut_off, lease=timedelta(seconds=0.4))
    assert "a claim could not be renewed" in caplog.text
    whole(codes)


def test_a_worker_that_finds_its_claim_lost_stops_in_the_middle(content: bytes, gudang: User, now: datetime) -> None:
    delivery, kept = begun(content, 10, by=gudang, at=now), []

    def cancel(progress: Progress) -> None:
        if progress.step == "keeping":
            kept.append(progress.done)
            elsewhere(lambda: receiving.cancel(delivery=delivery, by=gudang, at=now))
            wait_until(lambda: all(thread.name != "hold" for thread in threading.enumerate()), seconds=10)

    with pytest.raises(ClaimLost):
        run(delivery, content, now, tell=cancel, lease=timedelta(seconds=0.2))
    absent()
    assert kept == [4]


def test_while_it_works_the_lease_is_renewed_and_the_progress_seen_from_outside(
    content: bytes, gudang: User, now: datetime
) -> None:
    seen: list[Delivery] = []
    lease = timedelta(seconds=0.4)

    def renewed(delivery: Delivery, kept: int) -> bool:
        row = elsewhere(lambda: Delivery.objects.get(pk=delivery.pk))
        if row.claimed_until <= now + 2 * lease or row.serials_kept != kept:
            return False
        seen.append(row)
        return True

    def look(progress: Progress) -> None:
        wait_until(lambda: renewed(delivery, progress.done if progress.step == "keeping" else 0), seconds=10)

    told = announced(content, 10)
    delivery = receiving.begin(announced=told, size=len(content), by=gudang, at=now, lease=lease)
    assert delivery
    run(delivery, content, now, lease=lease, tell=look)
    assert [(row.state, row.lines_staged, row.serials_kept) for row in seen] == [
        ("waiting", 4, 0),
        ("waiting", 8, 0),
        ("waiting", 10, 0),
        ("waiting", 10, 4),
        ("waiting", 10, 8),
        ("waiting", 10, 10),
    ]
    assert 0 < seen[0].bytes_read == seen[0].bytes_read <= seen[2].bytes_read == len(content) == seen[0].bytes_total


def test_every_refused_line_is_in_the_report(refused: Any, gudang: User, now: datetime) -> None:
    known, new = factories.serials(2)
    stocking.take_in(delivery=factories.delivery([known]), reference="K-0", by=gudang, at=now)
    bad = [f"BURUK{number}" for number in range(1500)]
    content = text_of([new, known, new, "=1+1", *bad, "x" * 300, new.lower()])
    delivery = refused(content, 1506)
    assert (delivery.failure, delivery.refused_lines) == ("lines", 1505)
    heading, why, *lines = report_of(delivery)
    assert heading == ["baris", "isi", "kode", "alasan"]
    assert why[:3] == ["", "", "lines"] and why[3] == refusing.why(delivery)
    assert lines[:4] == [
        ["3", known, "known", "sudah pernah diimpor, dalam kiriman K-0"],
        ["4", new, "twice", "sudah ada di baris 2"],
        ["5", "'=1+1", "malformed", "bukan 22 huruf besar atau angka"],
        ["6", "BURUK0", "malformed", "bukan 22 huruf besar atau angka"],
    ]
    assert [line[0] for line in lines] == [str(number) for number in range(3, 1508)]
    assert lines[-2][1] == "x" * 100
    with default_storage.open(delivery.report) as file:
        assert [list(row) for row in refusing.read(file, most=2)] == lines[:2]


def test_a_serial_longer_than_22_letters_is_a_refused_line_too(refused: Any) -> None:
    delivery = refused(text_of(["A" * 23]), 1)
    assert (delivery.failure, report_of(delivery)[2][:3]) == ("lines", ["2", "A" * 23, "malformed"])


def test_a_file_with_fewer_serials_than_announced_is_refused(refused: Any, codes: list[str]) -> None:
    delivery = refused(text_of([*codes, "buruk"]), 12)
    assert (delivery.failure, delivery.refused_lines) == ("count", 1)
    assert "Menurut penerbit 12, di dalam berkas 11." in refusing.why(delivery)
    assert [line[:3] for line in report_of(delivery)[1:]] == [["", "", "count"], ["12", "buruk", "malformed"]]


def test_a_file_with_more_serials_than_announced_is_refused_and_the_surplus_named(
    refused: Any, codes: list[str]
) -> None:
    delivery = refused(text_of(codes), 8)
    assert (delivery.failure, delivery.refused_lines) == ("count", 2)
    assert "Menurut penerbit 8, di dalam berkas lebih dari itu." in refusing.why(delivery)
    assert [line[:3] for line in report_of(delivery)[2:]] == [[str(n), codes[n - 2], "surplus"] for n in (10, 11)]


def test_a_file_far_larger_than_announced_is_not_read_to_its_end(gudang: User, now: datetime) -> None:
    content = text_of(factories.serials(100))
    delivery = begun(content, 8, by=gudang, at=now)
    run(delivery, content, now)
    assert (delivery.failure, delivery.lines_staged) == ("count", 12)


@pytest.mark.parametrize(
    ("content", "count", "failure", "words"),
    [
        (text_of(["A" * 22]), 1, "sha256", hashlib.sha256(text_of(["A" * 22])).hexdigest()),
        (text_of([]), 1, "empty", "tidak berisi nomor seri"),
        (gzip.compress(text_of(["A" * 22]))[:-5], 1, "archive", "rusak"),
        (b"PK\x05\x06" + b"\0" * 18, 1, "contents", "tepat satu"),
    ],
    ids=["sha256", "empty", "archive", "contents"],
)
def test_a_file_that_is_not_as_announced_is_refused_in_words(
    content: bytes, count: int, failure: str, words: str, refused: Any
) -> None:
    delivery = refused(content, count, sha256="0" * 64)
    assert delivery.failure == failure and words in refusing.why(delivery)
    assert [line[2] for line in report_of(delivery)[1:]] == [failure]


def test_every_failure_has_a_sentence() -> None:
    assert set(importing._ABOUT_LINES) | {"cancelled", "gave_up", "missing", "reference"} <= set(refusing.SENTENCES)


def test_a_number_that_was_imported_meanwhile_is_refused(content: bytes, gudang: User, now: datetime) -> None:
    delivery = upload(content, 10, by=gudang, at=now)
    factories.draft(1, at=now, reference="K-1")
    importing.run_due(at=now)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failure, Batch.objects.get().count) == ("refused", "reference", 1)


def test_an_upload_that_vanished_is_refused(content: bytes, gudang: User, now: datetime) -> None:
    delivery = upload(content, 10, by=gudang, at=now)
    default_storage.delete(delivery.file)
    importing.run_due(at=now)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failure) == ("refused", "missing")


def test_an_upload_at_which_workers_fail_is_tried_later_and_at_last_refused(
    content: bytes, gudang: User, now: datetime
) -> None:
    delivery = upload(content, 10, by=gudang, at=now)
    default_storage.save("deliveries/folder/file", ContentFile(b""))
    Delivery.objects.update(file="deliveries/folder")
    for attempt in range(1, importing.MOST_ATTEMPTS + 1):
        with pytest.raises(IsADirectoryError):
            importing.run_due(at=now)
        delivery.refresh_from_db()
        assert (delivery.attempts, delivery.state) == (attempt, "waiting")
        assert delivery.claimed_until == now + claiming.backoff(attempt, first=LEASE)
        assert importing.run_due(at=now + LEASE) == 0
        now = delivery.claimed_until
    Delivery.objects.update(file="deliveries/folder/file")
    importing.run_due(at=now)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.failure) == ("refused", "gave_up")


def test_a_delivery_that_the_command_began_is_not_taken_by_a_worker(
    content: bytes, gudang: User, now: datetime
) -> None:
    begun(content, 10, by=gudang, at=now)
    assert importing.run_due(at=now + LATER) == 0


def test_a_delivery_is_worked_on_by_one_at_a_time(content: bytes, gudang: User, now: datetime) -> None:
    begun(content, 10, by=gudang, at=now)
    told = announced(content, 10)
    assert receiving.begin(announced=told, size=1, by=gudang, at=now) is None
    assert receiving.begin(announced=told, size=1, by=gudang, at=now + LATER)


def test_who_takes_up_anothers_import_answers_for_it(
    codes: list[str], content: bytes, gudang: User, penyelia: User, now: datetime
) -> None:
    with pytest.raises(Killed):
        run(begun(content, 10, by=gudang, at=now), content, now, tell=killed_at("reading", 1))
    run(begun(content, 10, by=penyelia, at=now + LATER), content, now + LATER)
    whole(codes)
    batch = Batch.objects.get()
    with pytest.raises(stocking.SamePerson):
        stocking.activate(batch=batch, by=penyelia, at=now)
    stocking.activate(batch=batch, by=gudang, at=now)
    assert Flip.objects.filter(noun="meterai.delivery", reason="taken up", actor="penyelia").count() == 1


def test_a_number_is_received_once(content: bytes, gudang: User, now: datetime) -> None:
    upload(content, 10, by=gudang, at=now)
    for bring in (upload, begun):
        with pytest.raises(receiving.OnItsWay):
            bring(content, 10, by=gudang, at=now)
    stored = set(default_storage.listdir("deliveries")[1])
    importing.run_due(at=now)
    for bring in (upload, begun):
        with pytest.raises(stocking.AlreadyImported):
            bring(content, 10, by=gudang, at=now)
    assert set(default_storage.listdir("deliveries")[1]) < stored


def test_two_who_bring_the_same_number_at_once_leave_one_delivery(content: bytes, gudang: User, now: datetime) -> None:
    first = threading.Event()

    class Slow(ContentFile):
        """While this one is being stored, the other one arrives."""

        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            if not first.is_set():
                first.set()
                elsewhere(lambda: upload(content, 10, by=gudang, at=now))
            return super().chunks(chunk_size)

    before = set(default_storage.listdir("deliveries")[1]) if default_storage.exists("deliveries") else set()
    with pytest.raises(receiving.OnItsWay):
        receiving.receive(file=Slow(content), announced=announced(content, 10), by=gudang, at=now)
    kept = Delivery.objects.get()
    assert set(default_storage.listdir("deliveries")[1]) - before == {kept.file.removeprefix("deliveries/")}


def test_a_corrected_file_comes_again_under_the_number_that_was_refused(
    refused: Any, codes: list[str], content: bytes, gudang: User, now: datetime
) -> None:
    refused(text_of(["buruk"]), 1)
    upload(content, 10, by=gudang, at=now)
    importing.run_due(at=now)
    whole(codes)
