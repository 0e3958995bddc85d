"""From placed to committed: documents that wait in the queue, sealed by real workers, everything on this machine.

The site as script/server runs it, but for web server, sandbox gateway and ticker: PostgreSQL with fsync on, Valkey, a
worker of two processes, files in a folder. The documents are made by the real steps and agreed to; their orders are
paid only then, and the workers start after that: each document is bound to its stamp, sealed, stored and committed.
"""

import secrets
import time
from datetime import UTC, datetime

from bench import shape
from bench.orders_site import Bench, site
from bench.stock_database import Broken, in_django, migrate
from bench.stock_service import conserve, import_and_sell

AN_ORDER = 50  # stamps; the most that one order may have
SEALED = "SELECT count(*) FROM stamping_document WHERE state = 'sealed'"
WARM_UP = 20  # documents sealed before the clock starts
STARTED_WITHIN = 60.0  # seconds


def end_to_end(report: shape.Report, *, source: bytes, documents: int, seconds: float) -> None:
    """Documents a second, from the moment that the workers run hot to the last commit."""
    with site() as bench:
        with in_django(bench.database) as django:
            django(migrate)
            django(make_authority)
            django(import_and_sell, documents + AN_ORDER)
            django(queue_up, source, documents)
        bench.start("worker", "beat")
        rate, left = _rate(bench, documents, seconds)
        with in_django(bench.database) as django:
            _seconds, differences = django(conserve)
        if any(differences.values()):
            raise Broken(f"not accounted for: {differences}")
    report.figures["end_to_end_docs_per_s"] = rate
    note = f"{documents - left:,} documents of {len(source):,} bytes, paid to committed, by a worker of two processes"
    report.notes["end_to_end_docs_per_s"] = note + (f"; {left:,} not reached in the time of this run" if left else "")


def _rate(bench: Bench, documents: int, seconds: float) -> tuple[float, int]:
    """Documents a second after the first few, and how many were not reached in so many seconds. Raises Broken."""
    first = _until(bench, WARM_UP, STARTED_WITHIN)
    began = time.monotonic()
    last = _until(bench, documents, seconds)
    if last == first:
        raise Broken((bench.folder / "worker.log").read_text()[-2000:])
    return (last - first) / (time.monotonic() - began), documents - last


def _until(bench: Bench, wanted: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while (done := int(bench.database.run(SEALED))) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


def make_authority() -> None:
    """The development authority, as script/server makes it. Runs in a process with Django."""
    from django.core.management import call_command

    call_command("make_authority", verbosity=0)


def queue_up(source: bytes, documents: int) -> None:
    """Documents placed and agreed to; then their orders are paid. Runs in a process with Django."""
    from orders import ordering, paying
    from orders.payments.gateway import Standing, Status
    from stamping import placing, preparing

    waiting, at = [], datetime.now(UTC)
    for number in range(0, documents, AN_ORDER):
        of_it = min(AN_ORDER, documents - number)
        wish = ordering.Wish(
            quantity=of_it, email=f"siti-{number}@contoh.example", phone="", gateway="sandbox", method="qris"
        )
        order = ordering.place_order(wish=wish, idempotency_key=secrets.token_hex(16), at=at)
        waiting.append(order)
        for _document in range(of_it):
            document = preparing.take_up(name="surat.pdf", source=source, at=at)
            placing.attach(document=document, order=order)
            placing.place(document=document, page=1, x=330, y=180, size=86, at=at)
            placing.confirm(document=document, at=at)
    for order in waiting:
        payment = order.payments.get()
        paid = Standing(
            gateway_reference=f"SBX{order.pk}",
            reference=str(payment.pk),
            status=Status.PAID,
            amount=payment.amount,
            currency="IDR",
            paid_at=at,
        )
        paying.settle(payment=payment, standing=paid, at=at)
