"""The stock through the service itself: what runs in processes with Django."""

import multiprocessing
import resource
import secrets
import tempfile
import time
from datetime import UTC, datetime
from typing import Any

from bench.stock_database import leave_no_connection

PATIENCE = 60  # seconds to wait for the others of a turn


def import_and_sell(count: int) -> tuple[float, float]:
    """Import a delivery and put it on sale: seconds of the import alone, and the peak memory in megabytes."""
    from meterai import stocking
    from meterai.models import User

    one, two = (User.objects.create(username=name, is_staff=True) for name in ("gudang", "keuangan"))
    with tempfile.TemporaryFile() as file:
        for _line in range(count):
            file.write(secrets.token_hex(11).upper().encode() + b"\n")
        file.seek(0)
        began = time.perf_counter()
        batch = stocking.take_in(delivery=file, reference="stock", by=one, at=datetime.now(UTC))
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    stocking.activate(batch=batch, by=two, at=datetime.now(UTC))
    return seconds, peak


def conserve() -> tuple[float, dict[str, int]]:
    """Seconds of the conservation query, and the difference it finds in each batch."""
    from meterai import conserving

    began = time.perf_counter()
    balances = conserving.balances()
    seconds = time.perf_counter() - began
    return seconds, {one.batch: one.difference for one in balances}


def buy_together(processes: int, turns: list[str], seconds: float) -> list[float]:
    """Orders a second in each turn, by so many processes. They are forked here, where no connection is open.

    A turn names the function that stands in for meterai_take, or itself. Raises what a buyer met.
    """
    _place_one()  # here, or each of them would have to load all that it takes
    leave_no_connection()
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(processes), fork.SimpleQueue()
    buyers = [fork.Process(target=_buy, args=(barrier, results, turns, seconds)) for _ in range(processes)]
    for buyer in buyers:
        buyer.start()
    answers = [results.get() for _ in buyers]
    for buyer in buyers:
        buyer.join()
    for answer in answers:
        if isinstance(answer, str):
            raise RuntimeError(answer)
    return [sum(rates_of_a_turn) for rates_of_a_turn in zip(*answers, strict=True)]


def _buy(barrier: Any, results: Any, turns: list[str], seconds: float) -> None:
    try:
        results.put([_rate(barrier, function, seconds) for function in turns])
    except Exception as error:  # whatever it is, the parent waits for an answer
        barrier.abort()
        results.put(f"{type(error).__name__}: {error}")


def _rate(barrier: Any, function: str, seconds: float) -> float:
    """Orders a second by this process alone."""
    from meterai import taking

    own = taking._TAKE
    taking._TAKE = own.replace("meterai_take(", f"{function}(")
    try:
        # The first order of a turn opens the connection, or has the function planned.
        _place_one()
        barrier.wait(PATIENCE)
        began, done = time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            _place_one()
            done += 1
        return done / (time.perf_counter() - began)
    finally:
        taking._TAKE = own


def _place_one() -> None:
    from orders import ordering

    wish = ordering.Wish(quantity=1, email="siti@contoh.example", phone="", gateway="sandbox", method="qris")
    ordering.place_order(wish=wish, idempotency_key=secrets.token_hex(16), at=datetime.now(UTC))
