"""The chain over the book of stock: what is closed, when, and that whatever is changed behind our back is found."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterai import chaining, proving, taking
from meterai.models import Batch, Block, Movement
from meterai.proving import BLOCK_MISSING, CLOSED_TWICE, EDITED, REMOVED, UNCLOSED, Chain
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
LINE = {"source": "extents", "target": "reserved", "quantity": 1, "reference": "MT-1", "actor": "shop"}
INSERT = """INSERT INTO meterai_movement (at, batch_id, source, target, quantity, reference, actor, reason)
    VALUES (now(), %s, 'extents', 'reserved', 1, 'MT-1', 'shop', '') RETURNING id"""


def write(batch: Batch, count: int = 1, **changes: Any) -> list[int]:
    """So many lines of the book, each of a transaction of its own."""
    at = datetime(2026, 11, 24, 3, tzinfo=UTC)
    return [Movement.objects.create(**({"batch": batch, "at": at} | LINE | changes)).pk for _ in range(count)]


def closed() -> list[int]:
    """The movements of all blocks, in the order of closing."""
    return [movement for block in Block.objects.order_by("pk") for movement in block.movements]


def the_chain() -> Chain:
    (chain,) = proving.check()
    return chain


def faults() -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.block) for chain in proving.check() for fault in chain.faults]


@contextmanager
def another_connection() -> Iterator[Any]:
    """A second connection to the same database, in a transaction until it commits."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        yield other
    finally:
        other.rollback()
        other.close()


@contextmanager
def behind_our_back() -> Iterator[Any]:
    """As the owner of the tables, who can switch their triggers off; everything is taken back in the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("meterai_movement", "meterai_block", "meterai_batch"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        transaction.set_rollback(True)


@pytest.fixture
def book(stock: Batch, now: datetime) -> Batch:
    """Three blocks: the delivery; four lines; five lines."""
    chaining.close(at=now)
    for count in (4, 5):
        write(stock, count)
        chaining.close(at=now)
    assert [len(block.movements) for block in Block.objects.order_by("pk")] == [2, 4, 5]
    return stock


# --- closing ----------------------------------------------------------------------------------------------------------


def test_what_the_shop_does_is_closed_once(stock: Batch, now: datetime) -> None:
    taken = taking.take(quantity=3, reseller=None, until=now, at=now, reference="MT-1")
    taking.sell(serials=taken, at=now, reference="MT-1")
    written = Movement.objects.count()
    assert chaining.close(at=now) == written > 2
    assert chaining.close(at=now) == 0
    assert closed() == list(Movement.objects.order_by("pk").values_list("pk", flat=True))
    chain = the_chain()
    assert (chain.batch, chain.blocks, chain.closed, chain.unclosed, chain.faults) == (
        stock.reference,
        1,
        written,
        0,
        (),
    )
    assert chain.head == Block.objects.get().digest


def test_each_batch_has_a_chain_of_its_own(now: datetime) -> None:
    first, second = factories.stock(2, at=now), factories.stock(2, at=now)
    chaining.close(at=now)
    write(second)
    chaining.close(at=now)
    assert [(chain.batch, chain.blocks) for chain in proving.check()] == [(first.reference, 1), (second.reference, 2)]
    assert [block.number for block in Block.objects.filter(batch=second).order_by("pk")] == [1, 2]


def test_a_line_of_a_running_transaction_is_closed_when_that_has_ended(book: Batch, now: datetime) -> None:
    with another_connection() as slow:
        with slow.cursor() as cursor:
            cursor.execute(INSERT, [book.pk])
            lower = cursor.fetchone()[0]
        higher = write(book)
        assert chaining.close(at=now) == 0
        assert (the_chain().unclosed, the_chain().faults) == (1, ())
        slow.commit()
        assert higher[0] > lower
    assert chaining.close(at=now) == 2
    assert closed()[-2:] == [lower, *higher]
    assert faults() == []


def test_a_lower_id_that_comes_after_a_higher_one_was_closed_is_closed_too(book: Batch, now: datetime) -> None:
    with another_connection() as slow, slow.cursor() as cursor:
        cursor.execute("SELECT nextval('meterai_movement_id_seq')")
        lower = cursor.fetchone()[0]
        (higher,) = write(book)
        assert chaining.close(at=now) == 1
        write(book)
        cursor.execute(INSERT.replace("(at", "(id, at").replace("(now()", f"({lower}, now()"), [book.pk])
        slow.commit()
    assert chaining.close(at=now) == 2
    assert lower < higher
    assert closed().index(lower) > closed().index(higher)
    assert (the_chain().unclosed, the_chain().faults) == (0, ())


def test_what_is_taken_back_leaves_no_gap(book: Batch, now: datetime) -> None:
    with another_connection() as slow, slow.cursor() as cursor:
        cursor.execute(INSERT, [book.pk])
        slow.rollback()
    write(book)
    assert chaining.close(at=now) == 1
    assert (the_chain().unclosed, the_chain().faults) == (0, ())


def test_a_run_in_a_transaction_of_the_callers_leaves_its_lines_alone(book: Batch, now: datetime) -> None:
    with transaction.atomic():
        write(book)
        assert chaining.close(at=now) == 0
    assert chaining.close(at=now) == 1


def test_who_finds_another_closing_does_nothing(book: Batch, now: datetime) -> None:
    write(book)
    with another_connection() as first:
        with first.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('meterai.chain', 0))")
        assert chaining.close(at=now) == 0
    assert chaining.close(at=now) == 1


def test_many_closers_at_once_close_once(stock: Batch, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaining, "STEP", 5)
    write(stock, 40)
    gate, counts = threading.Barrier(8), []

    def run() -> None:
        gate.wait()
        counts.append(chaining.close(at=now))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts.append(chaining.close(at=now))
    assert sum(counts) == len(closed()) == len(set(closed())) == 42
    assert faults() == []


def test_a_step_takes_whole_transactions(stock: Batch, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaining, "STEP", 3)
    chaining.close(at=now)
    with transaction.atomic():
        write(stock, 7)
    write(stock, 4)
    assert chaining.close(at=now) == 11
    assert [len(block.movements) for block in Block.objects.order_by("pk")][1:] == [7, 3, 1]
    assert faults() == []


def test_a_run_ends_after_so_many_steps_and_the_next_goes_on(
    stock: Batch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaining, "STEP", 2)
    monkeypatch.setattr(chaining, "STEPS", 3)
    write(stock, 9)
    assert (chaining.close(at=now), chaining.close(at=now)) == (6, 5)


# --- the digest -------------------------------------------------------------------------------------------------------


def test_an_auditor_computes_the_same_digest_with_other_tools(book: Batch, posfin: Any, now: datetime) -> None:
    odd = 'ke "gudang" \\ baris\nbaru\t\x01\x7f é 😀 \u2028'
    write(book, reseller=posfin, reason=odd, at=datetime(2026, 12, 31, 17, 0, 0, 7, tzinfo=UTC))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Jayapura'; SET LOCAL DateStyle = 'SQL, DMY'")
        assert chaining.close(at=now) == 1
    before = book.sha256
    for block in Block.objects.order_by("number"):
        numbers = [block.number, block.length, block.horizon, block.floor, block.newest]
        lines = [[before, block.batch_id, *numbers, utc(block.at)]]
        for one in Movement.objects.in_bulk(block.movements).values():
            places = [one.source, one.target, one.quantity, one.reference, one.actor, one.reason, one.transaction]
            lines.append([one.pk, utc(one.at), one.batch_id, one.reseller_id, *places])
        lines[1:] = sorted(lines[1:])
        text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
        before = hashlib.sha256(text.encode()).hexdigest()
        assert block.digest == before
    assert the_chain().head == before


def utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


# --- what is done behind our back -------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Any], Any]] = {
    "at": lambda at: at + timedelta(microseconds=1),
    "reseller_id": lambda reseller: None if reseller else factories.reseller("palsu").pk,
    "source": lambda place: "pool" if place != "pool" else "extents",
    "target": lambda place: "sold" if place != "sold" else "void",
    "quantity": lambda quantity: quantity + 1,
    "reference": lambda text: text + " ",
    "actor": lambda text: text.upper() + "x",
    "reason": lambda text: text + "\u200b",
    "transaction": lambda number: number + 1,
    "batch_id": lambda batch: Batch.objects.exclude(pk=batch).values_list("pk", flat=True)[0],
}


@given(column=st.sampled_from(sorted(CHANGES)), pick=st.integers(0, 10))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_line_that_is_edited_by_sql_is_found(column: str, pick: int, book: Batch, now: datetime) -> None:
    if Batch.objects.count() == 1:
        factories.draft(1, at=now)
    row = Movement.objects.filter(batch=book).order_by("pk").values("pk", column)[pick]
    block = Block.objects.get(movements__contains=[row["pk"]])
    changed = CHANGES[column](row[column])
    with behind_our_back() as cursor:
        cursor.execute(f"UPDATE meterai_movement SET {column} = %s WHERE id = %s", [changed, row["pk"]])
        assert (EDITED, block.number) in faults()
        assert {chain.batch for chain in proving.check() if (EDITED, block.number) in _of(chain)} == {book.reference}
    assert faults() == []


def _of(chain: Chain) -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.block) for fault in chain.faults]


def test_a_removed_line_is_found_and_named(book: Batch) -> None:
    gone = Block.objects.get(number=2).movements[1]
    with behind_our_back() as cursor:
        cursor.execute("DELETE FROM meterai_movement WHERE id = %s", [gone])
        (fault,) = the_chain().faults
        assert (fault.kind, fault.block, fault.count, fault.movements) == (REMOVED, 2, 1, (gone,))


def test_a_line_under_another_number_is_found(book: Batch) -> None:
    moved = Block.objects.get(number=2).movements[1]
    with behind_our_back() as cursor:
        cursor.execute("UPDATE meterai_movement SET id = 0 WHERE id = %s", [moved])
        assert faults() == [(REMOVED, 2), (UNCLOSED, None)]
        assert the_chain().faults[1].movements == (0,)


def test_a_line_put_into_the_past_is_found(book: Batch, now: datetime) -> None:
    first = Movement.objects.order_by("pk")[0]
    with behind_our_back() as cursor:
        # Also through the front door, with the triggers on, an INSERT can say that it is old.
        (old,) = write(book, pk=first.pk - 1, transaction=first.transaction)
        (fault,) = the_chain().faults
        assert (fault.kind, fault.count, fault.movements) == (UNCLOSED, 1, (old,))
        cursor.execute("DELETE FROM meterai_movement WHERE id = %s", [Movement.objects.latest("pk").pk])
        assert faults() == [(REMOVED, 3), (UNCLOSED, None)]


@pytest.mark.parametrize(
    ("number", "found"), [(1, [(BLOCK_MISSING, 1), (UNCLOSED, None)]), (2, [(BLOCK_MISSING, 2), (UNCLOSED, None)])]
)
def test_a_removed_block_is_found(number: int, found: list[tuple[str, int | None]], book: Batch) -> None:
    with behind_our_back() as cursor:
        cursor.execute("DELETE FROM meterai_block WHERE number = %s", [number])
        assert faults() == found


def test_the_last_block_of_a_batch_is_missed_as_soon_as_another_batch_went_on(book: Batch, now: datetime) -> None:
    factories.draft(1, at=now)
    chaining.close(at=now)
    with behind_our_back() as cursor:
        cursor.execute("DELETE FROM meterai_block WHERE batch_id = %s AND number = 3", [book.pk])
        assert faults() == [(UNCLOSED, None)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("movements = movements[2:] || movements[1]", [(EDITED, 2)]),
        ("movements = movements[2:]", [(EDITED, 2), (UNCLOSED, None)]),
        ("movements = movements || movements[1]", [(EDITED, 2)]),
        ("at = at + interval '1 second'", [(EDITED, 2)]),
        ("horizon = horizon + 1", [(EDITED, 2)]),
        ("length = length + 1", [(EDITED, 2), (EDITED, 3)]),
        ("digest = repeat('0', 64)", [(EDITED, 2), (EDITED, 3)]),
        ("number = 9", [(BLOCK_MISSING, 2), (BLOCK_MISSING, 8)]),
    ],
)
def test_a_block_that_is_edited_is_found(change: str, found: list[tuple[str, int]], book: Batch) -> None:
    with behind_our_back() as cursor:
        cursor.execute(f"UPDATE meterai_block SET {change} WHERE number = 2")
        assert faults() == found


def test_blocks_in_another_order_are_found(book: Batch) -> None:
    with behind_our_back() as cursor:
        cursor.execute("UPDATE meterai_block SET number = 9 WHERE number = 2")
        cursor.execute("UPDATE meterai_block SET number = 2 WHERE number = 3")
        cursor.execute("UPDATE meterai_block SET number = 3 WHERE number = 9")
        assert faults() == [(EDITED, 2), (EDITED, 3)]


def test_the_chain_begins_with_the_delivery(book: Batch) -> None:
    with behind_our_back() as cursor:
        cursor.execute("UPDATE meterai_batch SET sha256 = repeat('0', 64)")
        assert faults() == [(EDITED, 1)]


def test_a_line_that_two_blocks_claim_is_found_though_both_have_the_right_digest(book: Batch, now: datetime) -> None:
    span = {"old_floor": 0, "old_horizon": 0, "floor": 0, "since": 0, "horizon": 1 + Block.objects.latest("pk").horizon}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(chaining._CLOSE, span | {"at": now})
        assert faults() == [(CLOSED_TWICE, None)]
        transaction.set_rollback(True)


@pytest.mark.breaks_conservation
def test_a_chain_that_was_forged_whole_is_known_by_a_head_printed_earlier(book: Batch, now: datetime) -> None:
    printed = the_chain().head
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meterai_movement DISABLE TRIGGER USER")
        cursor.execute("UPDATE meterai_movement SET actor = 'somebody else' WHERE id = %s", [closed()[-1]])
        cursor.execute("ALTER TABLE meterai_movement ENABLE TRIGGER USER")
        cursor.execute("TRUNCATE meterai_block")
    chaining.close(at=now)
    assert faults() == []
    assert not proving.has_head(batch=book.reference, digest=printed)
    assert proving.has_head(batch=book.reference, digest=the_chain().head.upper())


# --- after a restore, when transactions are numbered anew -------------------------------------------------------------


def restored(now: datetime, horizon: int) -> None:
    """Everything written so far is closed as by another cluster, whose transactions had got to `horizon`."""
    span = {"old_floor": 0, "old_horizon": 0, "floor": 0, "since": 0, "horizon": horizon}
    with connection.cursor() as cursor:
        cursor.execute(chaining._CLOSE, span | {"at": now})


def next_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint + 1")
        return int(cursor.fetchone()[0])


def test_after_a_restore_old_and_new_lines_are_closed_once(stock: Batch, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('meterai_movement_id_seq')")
        late = cursor.fetchone()[0]
    write(stock)
    restored(now, 10**12)
    # Open when the dump was made: one whose id is below those closed, and two above.
    write(stock, pk=late, transaction=10**12)
    write(stock, 2, transaction=10**12 + 7)
    assert faults() == []
    new = write(stock, 3)
    assert (the_chain().unclosed, the_chain().faults) == (6, ())
    assert chaining.close(at=now) == 6
    with another_connection() as slow, slow.cursor() as cursor:
        cursor.execute(INSERT, [stock.pk])
        newer = write(stock, 2)
        assert chaining.close(at=now) == 0
        slow.commit()
    assert chaining.close(at=now) == 3
    assert sorted(closed()) == list(Movement.objects.order_by("pk").values_list("pk", flat=True))
    assert set(new + newer) <= set(closed())
    assert (the_chain().unclosed, the_chain().faults) == (0, ())


def test_a_restore_is_noticed_when_the_new_numbers_have_passed_the_old_horizon(stock: Batch, now: datetime) -> None:
    restored(now, next_transaction() + 6)
    write(stock, 20)
    numbers = Movement.objects.order_by("-pk").values_list("transaction", flat=True)[:20]
    horizon = Block.objects.get().horizon
    assert min(numbers) < horizon < max(numbers)
    assert chaining.close(at=now) == 20
    assert (the_chain().unclosed, the_chain().faults) == (0, ())


def test_old_lines_whose_numbers_come_round_again_keep_nothing_open(
    stock: Batch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(stock, 30, transaction=next_transaction() + 45)
    restored(now, 10**12)
    write(stock)
    assert chaining.close(at=now) == 1
    monkeypatch.setattr(chaining, "STEP", 2)
    write(stock, 30)
    assert next_transaction() > Movement.objects.earliest("-transaction").transaction
    assert chaining.close(at=now) == 30
    assert faults() == []


def test_lines_of_an_old_cluster_in_which_nothing_was_closed_are_closed(stock: Batch, now: datetime) -> None:
    write(stock, 3, transaction=10**12)
    assert chaining.close(at=now) == 5
    write(stock)
    assert chaining.close(at=now) == 1
    assert (the_chain().unclosed, the_chain().faults) == (0, ())


STEPS = st.lists(st.tuples(st.sampled_from(["write", "commit", "undo", "close", "restore"]), st.integers(0, 2)))


@given(steps=STEPS, step=st.integers(1, 4))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_in_whatever_order_each_line_is_closed_once(
    steps: list[tuple[str, int]], step: int, stock: Batch, now: datetime
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE meterai_block, meterai_movement")
    writers = [connection.copy() for _ in range(3)]
    for writer in writers:
        writer.set_autocommit(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chaining, "STEP", step)
        for verb, who in steps:
            _do(verb, writers[who], writers, stock, now)
        for writer in writers:
            writer.commit()
            writer.close()
        while chaining.close(at=now):
            pass
    assert sorted(closed()) == list(Movement.objects.order_by("pk").values_list("pk", flat=True))
    assert [kind for kind, _block in faults() if kind != EDITED] == []


def _do(verb: str, writer: Any, writers: list[Any], stock: Batch, now: datetime) -> None:
    if verb == "write":
        with writer.cursor() as cursor:
            cursor.execute(INSERT, [stock.pk])
    elif verb == "commit":
        writer.commit()
    elif verb == "undo":
        writer.rollback()
    elif verb == "close":
        chaining.close(at=now)
    else:
        _restore(writers)


def _restore(writers: list[Any]) -> None:
    """As if all that is there came from a cluster that was a thousand transactions further: what ran is not in it."""
    for writer in writers:
        writer.rollback()
    with connection.cursor() as cursor:
        for table, column in (("meterai_movement", "transaction"), ("meterai_block", "horizon")):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"UPDATE {table} SET {column} = {column} + 1000")
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


# --- the command ------------------------------------------------------------------------------------------------------


def told(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of check_ledger."""
    out = StringIO()
    try:
        call_command("check_ledger", *arguments, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_the_command_prints_the_chains_for_machines(stock: Batch, now: datetime) -> None:
    chaining.close(at=now)
    code, answer = told("--head", f"{stock.reference}={Block.objects.get().digest}")
    assert (code, answer["intact"], answer["differences"]) == (0, True, [])
    assert answer["batches"][0] | {"head": ""} == {
        "batch": stock.reference,
        "blocks": 1,
        "closed": 2,
        "unclosed": 0,
        "head": "",
        "faults": [],
    }


def test_the_command_fails_on_a_fault(book: Batch) -> None:
    with behind_our_back() as cursor:
        cursor.execute("UPDATE meterai_movement SET actor = 'x' WHERE id = %s", [closed()[0]])
        code, answer = told()
    assert (code, answer["intact"]) == (1, False)
    assert answer["batches"][0]["faults"] == [{"kind": "edited", "block": 1, "count": 0, "movements": []}]


def test_the_command_fails_on_a_head_that_no_block_has(stock: Batch, now: datetime) -> None:
    chaining.close(at=now)
    code, answer = told("--head", f"{stock.reference}={'0' * 64}")
    assert (code, answer["heads"][0]["found"]) == (1, False)
    with pytest.raises(CommandError, match="BATCH=DIGEST"):
        told("--head", "nonsense")


def test_the_command_finds_a_line_that_was_added_though_the_chain_took_it_in(stock: Batch, now: datetime) -> None:
    write(stock, quantity=2)
    chaining.close(at=now)
    code, answer = told()
    assert (code, answer["batches"][0]["faults"]) == (1, [])
    seen = {(one["place"], one["book"], one["there"]) for one in answer["differences"]}
    assert seen == {("extents", 28, 30), ("reserved", 2, 0)}
