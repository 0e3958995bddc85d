"""Whether the chain over the book of stock holds, line by line: for an auditor, and for whoever doubts the database.

What the chain cannot show is a chain that was rewritten whole. Against that, a digest printed earlier is looked up
(`has_head`), and the sums of the book are compared with what is there (`conserving.book_differences`).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from . import chaining
from .models import Block

# So many movements are named with a fault.
NAMED = 20

EDITED = "edited"
REMOVED = "removed"
BLOCK_MISSING = "block missing"
UNCLOSED = "unclosed"
CLOSED_TWICE = "closed twice"

# Each block by itself, against the digest that the one before is said to have: so a fault is where it was made.
_FAULTY = f"""
SELECT block.batch_id, number, follows_none, coalesce(cardinality(absent), 0), absent[:{NAMED}]
FROM (
    SELECT block.*, block.number > 1 AND last.id IS NULL AS follows_none, coalesce(last.digest, batch.sha256) AS before,
           coalesce(last.length, 0) + cardinality(block.movements) AS counted
    FROM meterai_block block
    JOIN meterai_batch batch ON batch.id = block.batch_id
    LEFT JOIN meterai_block last ON last.batch_id = block.batch_id AND last.number = block.number - 1
) block CROSS JOIN LATERAL (
    SELECT array_agg(named.id) FILTER (WHERE movement.id IS NULL) AS absent,
           {chaining.DIGEST.format(chaining.LINES.format("place"))} AS digest
    FROM unnest(movements) WITH ORDINALITY AS named (id, place) LEFT JOIN meterai_movement movement USING (id)
) found
WHERE follows_none OR absent IS NOT NULL OR counted <> length OR found.digest <> block.digest
ORDER BY block.batch_id, number
"""  # noqa: S608  # put together from our own words

# Which movements the newest block says are closed. What came after it says nothing yet (see `chaining`).
_SAID_TO_BE_CLOSED = "(id <= %(floor)s OR transaction < %(horizon)s AND id <= %(newest)s)"

_COUNTED = f"""
SELECT batch.id, reference, coalesce(blocks, 0), coalesce(closed, 0), coalesce(head, ''), coalesce(written, 0),
       coalesce(said, 0)
FROM meterai_batch batch
LEFT JOIN (
    SELECT batch_id, count(*) AS blocks, sum(cardinality(movements)) AS closed,
           (array_agg(digest ORDER BY number DESC))[1] AS head
    FROM meterai_block GROUP BY batch_id) chain ON chain.batch_id = batch.id
LEFT JOIN (
    SELECT batch_id, count(*) AS written, count(*) FILTER (WHERE {_SAID_TO_BE_CLOSED}) AS said
    FROM meterai_movement GROUP BY batch_id) book ON book.batch_id = batch.id
ORDER BY reference
"""  # noqa: S608  # put together from our own words

_IN_NO_BLOCK = f"""
SELECT id FROM meterai_movement movement
WHERE batch_id = %(batch)s AND {_SAID_TO_BE_CLOSED} AND NOT EXISTS (
    SELECT FROM (SELECT unnest(movements) AS id FROM meterai_block WHERE batch_id = %(batch)s) closed
    WHERE closed.id = movement.id)
ORDER BY id
"""  # noqa: S608  # put together from our own words

_TAILS = """
SELECT reference, last.number, length, digest, last.at, coalesce(unclosed, 0)
FROM meterai_batch batch
LEFT JOIN LATERAL (
    SELECT number, length, digest, at FROM meterai_block
    WHERE batch_id = batch.id ORDER BY number DESC LIMIT 1) last ON true
LEFT JOIN (
    SELECT batch_id, count(*) AS unclosed FROM meterai_movement
    WHERE transaction >= %(horizon)s AND id > %(floor)s GROUP BY batch_id) book ON book.batch_id = batch.id
"""


@dataclass(frozen=True)
class Fault:
    """What is wrong, in which block (None: in none), with how many movements, and the first of them by id."""

    kind: str
    block: int | None
    count: int = 0
    movements: tuple[int, ...] = ()


@dataclass(frozen=True)
class Chain:
    """The chain of one batch: its head is the digest of the last block, empty while there is none."""

    batch: str
    blocks: int
    closed: int
    unclosed: int
    head: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Tail:
    """The last block of a batch as it was written (nothing is checked), and how many movements wait for the next."""

    blocks: int = 0
    closed: int = 0
    head: str = ""
    at: datetime | None = None
    unclosed: int = 0


def check() -> list[Chain]:
    """The chain of every batch, every digest computed anew: about a minute for ten million movements.

    Within `conserving.one_moment`, or a block that is closed meanwhile looks like a fault.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FAULTY)
        faulty = cursor.fetchall()
        reach = _reach()
        cursor.execute(_COUNTED, reach)
        counted = cursor.fetchall()
    faults: dict[int, list[Fault]] = defaultdict(list)
    absent: dict[int, int] = defaultdict(int)
    for batch_id, number, follows_none, missing, named in faulty:
        faults[batch_id] += _faults(number, follows_none, missing, named or [])
        absent[batch_id] += missing
    chains = []
    for batch_id, reference, blocks, closed, head, written, said in counted:
        there = int(closed) - absent[batch_id]
        found = faults[batch_id]
        if said != there:
            found += _strays(batch_id, reach, is_sound=not found)
        chains.append(Chain(reference, blocks, int(closed), written - there, head, tuple(found)))
    return chains


def has_head(*, batch: str, digest: str) -> bool:
    """Whether a block of the batch with this reference has this digest: then nothing before it was rewritten."""
    return Block.objects.filter(batch__reference=batch, digest=digest.lower()).exists()


def tails() -> dict[str, Tail]:
    """The end of each batch's chain, by the batch's reference: quick, and nothing is computed anew."""
    with connection.cursor() as cursor:
        cursor.execute(_TAILS, _reach())
        return {
            reference: Tail(number or 0, length or 0, digest or "", at, unclosed)
            for reference, number, length, digest, at, unclosed in cursor.fetchall()
        }


def _reach() -> dict[str, int]:
    """How far the book is closed, as the newest block says it."""
    last = chaining.newest_block()
    return {"horizon": last.horizon, "floor": last.floor, "newest": last.newest}


def _faults(number: int, follows_none: bool, missing: int, named: list[int]) -> list[Fault]:
    """Of one block. Without the block before, its digest cannot be judged."""
    found = [Fault(BLOCK_MISSING, number - 1)] if follows_none else []
    if missing:
        found.append(Fault(REMOVED, number, missing, tuple(named)))
    return found or [Fault(EDITED, number)]


def _strays(batch_id: int, reach: dict[str, int], *, is_sound: bool) -> list[Fault]:
    """Movements that should be in a block and are in none; or, all blocks being sound, in two."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_NO_BLOCK, reach | {"batch": batch_id})
        ids = [row[0] for row in cursor.fetchall()]
    if ids:
        return [Fault(UNCLOSED, None, len(ids), tuple(ids[:NAMED]))]
    return [Fault(CLOSED_TWICE, None)] if is_sound else []
