"""Giving back against using, twice and too much: each race is shown with its guards off, and then with one guard on.

Every guard is taken away in turn, so that each is known to be enough by itself. Real connections, real triggers.
"""

import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from meterai import taking
from meterai.models import Stamp
from orders import numbering, paying, refunding, reserving, returning
from orders.models import Order, Payment, Receipt, Refund, RefundedStamp, Series
from orders.payments.gateway import Status
from stamping import placing, preparing, sealing
from stamping.authority import development
from stamping.models import Document
from tests import factories
from tests.orders.test_refunding import document, give_back, paid_order, states_of
from tests.races.test_killed_shop import nobody_is_at_work
from tests.races.test_leasing_races import wait_until_somebody_waits_for_a_lock
from tests.races.test_reserving_races import together
from tests.running_site import Process, Site, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
LETTER = Path(__file__).resolve().parent.parent / "data" / "letter.pdf"


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def switched_off(*triggers: str) -> Iterator[None]:
    """The triggers ("table name") do not fire."""
    pairs = [one.split() for one in triggers]
    for table, name in pairs:
        run(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    try:
        yield
    finally:
        for table, name in pairs:
            run(f"ALTER TABLE {table} ENABLE TRIGGER {name}")


@contextmanager
def dropped(table: str, name: str) -> Iterator[None]:
    """The constraint does not hold; what it would have refused is gone before it holds again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        (definition,) = cursor.fetchone()
    run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    try:
        yield
    finally:
        RefundedStamp.objects.all().delete()
        Receipt.objects.all().delete()
        Refund.objects.all().delete()
        Payment.objects.update(refunded=0)
        run(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


SPOKEN_FOR = "meterai_stamp stamping_stamp_spoken_for"
BOUND_TO_SOLD = "stamping_document stamping_document_bound_to_sold"


class Other(threading.Thread):
    """Somebody else, on a connection of their own."""

    outcome = ""

    def __init__(self, do: Callable[[], Any]) -> None:
        super().__init__()
        self.do = do

    def run(self) -> None:
        try:
            self.do()
            self.outcome = "done"
        except Exception as error:  # whatever it is, the test compares it
            self.outcome = type(error).__name__
        finally:
            connection.close()


def cross(order: Order, serial: str, now: datetime, *, bind_first: bool) -> tuple[str, str]:
    """A document is bound and the stamp goes back, neither's work committed when the other begins.

    Both pass by the order's lock on purpose: what holds here is the database alone. Returns what became of both.
    """
    both: list[Callable[[], Any]] = [
        lambda: document(order, serial, at=now),
        lambda: taking.refund(serials=[serial], at=now, reference=order.code, reason="wish"),
    ]
    first, second = both if bind_first else reversed(both)
    other = Other(second)
    with transaction.atomic():
        first()
        other.start()
        if not bind_first or _is_guarded():
            wait_until_somebody_waits_for_a_lock()
        else:
            other.join()
    other.join()
    fresh = Stamp.objects.get(pk=serial)
    return other.outcome, f"{fresh.state}, {Document.objects.filter(stamp_id=serial, state='queued').count()} bound"


def _is_guarded() -> bool:
    """Whether the guard is on that makes the second wait for the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled FROM pg_trigger WHERE tgname = 'stamping_document_bound_to_sold'")
        return str(cursor.fetchone()[0]) != "D"


def test_without_the_guards_a_bound_stamp_is_refunded(now: datetime) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    with switched_off(SPOKEN_FOR, BOUND_TO_SOLD):
        assert cross(order, min(states_of(order)), now, bind_first=True) == ("done", "refunded, 1 bound")
    Document.objects.all().delete()


def test_without_the_guards_a_refunded_stamp_is_bound(now: datetime) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    serial = min(states_of(order))
    with switched_off(SPOKEN_FOR, BOUND_TO_SOLD):
        taking.refund(serials=[serial], at=now, reference=order.code, reason="wish")
        document(order, serial, at=now)
        assert Stamp.objects.get(pk=serial).state == "refunded" and Document.objects.filter(state="queued").exists()
    Document.objects.all().delete()


def test_with_them_the_stamp_of_a_document_that_is_just_bound_stays(now: datetime) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    assert cross(order, min(states_of(order)), now, bind_first=True) == ("IntegrityError", "sold, 1 bound")


def test_with_them_no_document_is_bound_to_a_stamp_that_just_goes_back(now: datetime) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    assert cross(order, min(states_of(order)), now, bind_first=False) == ("IntegrityError", "refunded, 0 bound")


def agreed(order: Order, count: int, now: datetime) -> list[Document]:
    """Documents that wait for a stamp of this order."""
    documents = []
    for _ in range(count):
        made = preparing.take_up(name="surat.pdf", source=LETTER.read_bytes(), at=now)
        placing.attach(document=made, order=order)
        placing.place(document=made, page=1, x=400, y=100, size=86, at=now)
        Document.objects.filter(pk=made.pk).update(confirmed_at=now)
        documents.append(Document.objects.get(pk=made.pk))
    return documents


@pytest.mark.parametrize("guards", ["the order's lock", "the database's guards", "all of them"])
def test_binding_and_giving_back_in_the_same_moment_never_share_a_stamp(
    guards: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.stock(12, at=now)
    off: list[str] = []
    if guards == "the database's guards":
        monkeypatch.setattr(returning, "locked", lambda order: Order.objects.get(pk=order.pk))
    elif guards == "the order's lock":  # one after the other, so that looking is enough
        off = [SPOKEN_FOR, BOUND_TO_SOLD]
        monkeypatch.setattr(returning, "_take_back", _only_unbound(returning._take_back))
    for _round in range(4):
        order = paid_order(at=now, quantity=3)
        waiting = agreed(order, 3, now)
        serials = sorted(states_of(order))

        def act(number: int, order: Order = order, waiting: list[Document] = waiting, s: list[str] = serials) -> str:
            if number < 3:
                placing.bind(document=waiting[number], at=timezone.now())
                return "bind"
            try:
                give_back(order, s[number - 3], at=timezone.now())
            except returning.InUse:
                return "in use"
            return "given back"

        with switched_off(*off):
            outcomes = together(6, act)
        assert set(outcomes) <= {"bind", "in use", "given back"} and outcomes["bind"] == 3
        check(order)


def _only_unbound(step: Callable[..., None]) -> Callable[..., None]:
    """What a trigger does, done by looking: right only under the order's lock."""

    def guarded(order: Order, found: returning.Quote, refund: Refund, at: datetime) -> None:
        if Document.objects.filter(stamp_id__in=found.serials, state__in=["queued", "sealed"]).exists():
            raise returning.InUse
        step(order, found, refund, at)

    return guarded


def check(order: Order) -> None:
    """No stamp is both used and given back; the sums agree; nothing waits in vain."""
    for stamp in Stamp.objects.filter(pk__in=reserving.held_serials(order)):
        live = Document.objects.filter(stamp=stamp, state__in=["queued", "sealed"]).count()
        back = RefundedStamp.objects.filter(serial_id=stamp.pk).count()
        assert (live, back) in {(1, 0), (0, 1), (0, 0)} and (stamp.state == "refunded") == bool(back)
    payment = order.payments.get()
    assert payment.refunded == sum(payment.refunds.values_list("amount", flat=True)) <= payment.received
    assert Order.objects.get(pk=order.pk).state == ("refunded" if payment.refunded == payment.received else "paid")


def test_sealing_and_giving_back_in_the_same_moment_end_in_one_of_the_two(now: datetime) -> None:
    development.make(folder=settings.AUTHORITY_DIR, at=datetime(2026, 1, 1, tzinfo=now.tzinfo))
    factories.stock(4, at=now)
    order = paid_order(at=now)
    for waiting in agreed(order, 2, now):
        assert placing.bind(document=waiting, at=now)
    serials = sorted(states_of(order))

    def act(number: int) -> str:
        if number < 2:
            return f"sealed {sealing.seal_due(at=timezone.now(), limit=1)}"
        try:
            give_back(order, serials[number - 2], at=timezone.now())
        except returning.InUse:
            return "in use"
        return "given back"

    assert together(4, act) == {"sealed 1": 2, "in use": 2}
    assert set(states_of(order).values()) == {"affixed"} and not Refund.objects.exists()


def test_without_the_trigger_sealing_finds_its_stamp_gone(now: datetime) -> None:
    development.make(folder=settings.AUTHORITY_DIR, at=datetime(2026, 1, 1, tzinfo=now.tzinfo))
    factories.stock(4, at=now)
    order = paid_order(at=now, quantity=1)
    (waiting,) = agreed(order, 1, now)
    assert placing.bind(document=waiting, at=now)
    with switched_off(SPOKEN_FOR):
        give_back(order, *states_of(order), at=now)
        with pytest.raises(taking.NotHeld):
            sealing.seal_due(at=now)
    Document.objects.all().delete()


class Meeting:
    """Takes the lock's place: everybody has read before anybody goes on."""

    def __init__(self, count: int) -> None:
        self.gate = threading.Barrier(count)

    def __call__(self, order: Order) -> Order:
        read = Order.objects.get(pk=order.pk)
        self.gate.wait(20)
        return read


def unguarded(*, serials: Any, at: datetime, reference: str, reason: str) -> None:
    """taking.refund without naming the state that it leaves."""
    Stamp.objects.filter(pk__in=serials).exclude(state="refunded").update(state="refunded", changed_at=at)


def twice(order: Order, serial: str) -> Counter[str]:
    def give(number: int) -> str:
        try:
            give_back(order, serial, at=timezone.now())
        except returning.InUse:
            return "in use"
        return "given back"

    return together(2, give)


@pytest.mark.breaks_conservation
@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        ("none", {"given back": 2}),
        ("lock", {"given back": 1, "in use": 1}),
        ("guarded update", {"given back": 1, "in use": 1}),
        ("unique serial", {"given back": 1, "in use": 1}),
    ],
)
def test_one_stamp_given_back_by_two_at_once(
    guard: str, expected: dict[str, int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    serial = min(states_of(order))
    if guard != "lock":
        monkeypatch.setattr(returning, "locked", Meeting(2))
    if guard != "guarded update":
        monkeypatch.setattr(returning.taking, "refund", unguarded)
    if guard == "unique serial":
        assert twice(order, serial) == expected
    else:
        with dropped("orders_refundedstamp", "orders_refundedstamp_serial_id_key"):
            assert twice(order, serial) == expected
            assert RefundedStamp.objects.count() == Refund.objects.count() == expected["given back"]
            assert order.payments.get().refunded == 10_000 * expected["given back"]


def test_ten_send_the_same_form_at_once_and_it_is_one_refund(now: datetime) -> None:
    factories.stock(5, at=now)
    order = paid_order(at=now)
    serials = sorted(states_of(order))
    outcomes = together(10, lambda number: str(give_back(order, *serials, at=timezone.now(), key="form:one").pk))
    assert outcomes == {str(Refund.objects.get().pk): 10}
    check(order)


def test_the_last_two_stamps_given_back_at_once_end_the_order_and_bring_the_fee_once(now: datetime) -> None:
    factories.stock(20, at=now)
    for _round in range(5):
        order = factories.order(at=now)
        Order.objects.filter(pk=order.pk).update(payment_fee=4_000, total=24_000)
        order.payments.update(amount=24_000)
        payment = factories.asked_for(order, at=now)
        paying.settle(payment=payment, standing=factories.standing(payment, at=now), at=now)
        serials = sorted(states_of(order))
        together(2, lambda number, o=order, s=serials: str(give_back(o, s[number], at=timezone.now()).amount))
        check(order)
        assert sorted(Refund.objects.filter(payment=payment).values_list("amount", flat=True)) == [10_000, 14_000]


@pytest.mark.parametrize(("guard", "back"), [(False, 40_000), (True, 20_000)])
def test_two_refunds_that_together_exceed_the_payment(guard: bool, back: int, now: datetime) -> None:
    """The steps count under locks; were one of them to forget, the payment's own sum would refuse."""
    factories.stock(5, at=now)
    order = paid_order(at=now)
    payment = order.payments.get()
    gate = threading.Barrier(2)

    def give(number: int) -> str:
        mine = Payment.objects.get(pk=payment.pk)  # read without its lock
        gate.wait(20)
        try:
            refunding.begin(
                payment=mine, reason=Refund.Reason.OVERPAID, amount=20_000, at=timezone.now(), actor=str(uuid.uuid4())
            )
        except refunding.TooMuch:
            return "too much"
        return "begun"

    if guard:
        assert together(2, give) == {"begun": 1, "too much": 1}
        assert Payment.objects.get().refunded == back
    else:
        with dropped("orders_payment", "payment_gives_back_what_came"):
            assert together(2, give) == {"begun": 2}
            assert Payment.objects.get().refunded == back


def test_a_reversal_and_a_refund_at_once_leave_no_stamp_with_both(now: datetime) -> None:
    factories.stock(20, at=now)
    for _round in range(5):
        order = paid_order(at=now)
        payment = order.payments.get()
        serials = sorted(states_of(order))

        def act(number: int, order: Order = order, payment: Payment = payment, s: list[str] = serials) -> str:
            if not number:
                told = factories.standing(payment, Status.REVERSED, at=now)
                paying.settle(payment=Payment.objects.get(pk=payment.pk), standing=told, at=timezone.now())
                return "reversed"
            try:
                give_back(order, s[0], at=timezone.now())
            except (returning.NotReturnable, returning.InUse):
                return "refused"
            return "given back"

        outcomes = together(2, act)
        assert outcomes["reversed"] == 1
        states = states_of(order)
        assert states[serials[1]] == "void"
        assert states[serials[0]] == ("refunded" if outcomes["given back"] else "void")
        assert Order.objects.get(pk=order.pk).state == "reversed"


def number_all(number: int) -> str:
    while numbering.number_due(at=timezone.now(), limit=3):
        pass
    return "numbered"


def test_without_the_series_lock_a_number_would_be_given_twice(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.stock(10, at=now)
    for _ in range(4):
        paid_order(at=now, quantity=1)
    held = numbering.locked

    def too_early(name: str) -> Series:
        """Reads the last number, and another worker gives the next one before this one goes on."""
        read = Series.objects.get(pk=name)
        monkeypatch.setattr(numbering, "locked", held)
        other = Other(lambda: numbering.number_due(at=now, limit=1))
        other.start()
        other.join()
        assert other.outcome == "done"
        return read

    monkeypatch.setattr(numbering, "locked", too_early)
    with pytest.raises(IntegrityError, match="receipt_number_once"):
        numbering.number_due(at=now, limit=2)
    assert [one.number for one in Receipt.objects.order_by("pk")] == [1, None, None, None]


def test_many_workers_number_without_a_gap_or_a_double(now: datetime) -> None:
    factories.stock(60, at=now)
    for _ in range(40):
        paid_order(at=now, quantity=1)
    assert together(6, number_all) == {"numbered": 6}
    assert sorted(Receipt.objects.values_list("number", flat=True)) == list(range(1, 41))
    assert numbering.broken_series() == []


def test_a_worker_that_waits_for_the_lock_goes_on_where_the_other_ended(now: datetime) -> None:
    factories.stock(10, at=now)
    for _ in range(4):
        paid_order(at=now, quantity=1)
    other = Other(lambda: numbering.number_due(at=now))
    with transaction.atomic():
        assert numbering.number_due(at=now, limit=2) == 2
        other.start()
        wait_until_somebody_waits_for_a_lock()
    other.join()
    assert [one.number for one in Receipt.objects.order_by("pk")] == [1, 2, 3, 4] and other.outcome == "done"


WORKER = """
import django
django.setup()
from django.utils import timezone
from orders import numbering
while True:
    numbering.number_due(at=timezone.now(), limit=1)
"""


def test_workers_killed_at_any_moment_leave_neither_gap_nor_double(now: datetime, tmp_path: Path) -> None:
    factories.stock(130, at=now)
    for _ in range(120):
        paid_order(at=now, quantity=1)
    site, dice = Site.on(tmp_path), random.Random(7)
    try:
        for _ in range(4):
            workers = [Process([sys.executable, "-c", WORKER], site.environment, tmp_path / "w.log") for _ in "ab"]
            site.processes += workers
            before = Receipt.objects.exclude(number=None).count()
            for worker in workers:
                worker.start()
            wait_until(lambda before=before: Receipt.objects.exclude(number=None).count() > before)
            for worker in workers:
                time.sleep(dice.uniform(0, 0.01))
                worker.kill()
            wait_until(nobody_is_at_work)
            assert numbering.broken_series() == []
    finally:
        site.stop()
    numbering.number_due(at=now)
    assert sorted(Receipt.objects.values_list("number", flat=True)) == list(range(1, 121))
    assert "Traceback" not in site.logs()
