"""Conservation: imported = draft + in extents + in pool + reserved + sold + affixed + refunded + void.

It holds for each batch, and in it for each holder: what a reseller is due is what was leased to it and did not come
back; what the official shop is due is the rest.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

# Batch, reseller, place.
_Key = tuple[str, str | None, str]

PLACES = ("draft", "extents", "pool", "reserved", "sold", "affixed", "refunded", "void")

# One query, so that it is of one moment. Ten million stamps are counted in two seconds, by two processes.
_HELD = """
SELECT batch.reference, batch.count, reseller.code, place, sum(n)
FROM meterai_batch batch
LEFT JOIN (
    SELECT id AS batch_id, NULL::bigint AS reseller_id, 'draft' AS place, count AS n
    FROM meterai_batch WHERE state = 'draft'
    UNION ALL
    SELECT batch_id, reseller_id, 'extents', "end" - next FROM meterai_extent
    UNION ALL
    SELECT batch_id, reseller_id, 'pool', count(*) FROM meterai_pooled GROUP BY batch_id, reseller_id
    UNION ALL
    SELECT batch_id, reseller_id, state, count(*) FROM meterai_stamp GROUP BY batch_id, reseller_id, state
    UNION ALL
    SELECT batch_id, reseller_id, 'void', past - first FROM meterai_withdrawn
    UNION ALL
    SELECT batch_id, reseller_id, 'leased', CASE source WHEN 'leased' THEN quantity ELSE -quantity END
    FROM meterai_movement WHERE (source = 'leased' OR target = 'leased') AND reseller_id IS NOT NULL
) held ON held.batch_id = batch.id
LEFT JOIN meterai_reseller reseller ON reseller.id = held.reseller_id
GROUP BY batch.id, reseller.id, place
ORDER BY batch.reference, reseller.code NULLS FIRST
"""

_BOOK = """
SELECT reference, code, source, target, sum
FROM (
    SELECT batch_id, reseller_id, source, target, sum(quantity) FROM meterai_movement
    GROUP BY batch_id, reseller_id, source, target
) book
JOIN meterai_batch batch ON batch.id = batch_id
LEFT JOIN meterai_reseller reseller ON reseller.id = reseller_id
"""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where serials are, in pieces."""

    draft: int = 0
    extents: int = 0
    pool: int = 0
    reserved: int = 0
    sold: int = 0
    affixed: int = 0
    refunded: int = 0
    void: int = 0

    @property
    def found(self) -> int:
        """In all places together."""
        return sum(getattr(self, place) for place in PLACES)


@dataclass(frozen=True, kw_only=True)
class Holder(Places):
    """What of one batch belongs to the official shop (`reseller` None) or to a reseller (its code)."""

    reseller: str | None
    due: int

    @property
    def difference(self) -> int:
        """Zero, or so many serials were lost (positive) or made from nothing (negative)."""
        return self.due - self.found


@dataclass(frozen=True, kw_only=True)
class Balance(Places):
    """Where the serials of one batch are, and whose: the official shop first."""

    batch: str
    imported: int
    holders: tuple[Holder, ...] = ()

    @property
    def difference(self) -> int:
        """Zero, or so many serials were lost (positive) or made from nothing (negative)."""
        return self.imported - self.found

    @property
    def lost(self) -> int:
        """Serials that a holder lacks or has too many: one too few here and one too many there are two."""
        return sum(abs(holder.difference) for holder in self.holders)

    @property
    def is_balanced(self) -> bool:
        """Nothing is lost or made, and nobody has what is another's."""
        return not self.lost


@dataclass(frozen=True)
class Difference:
    """The book says that a holder has so many serials of a batch in a place, and so many are there."""

    batch: str
    reseller: str | None
    place: str
    book: int
    there: int


@contextmanager
def one_moment() -> Iterator[None]:
    """Whatever is read within is of one moment, and may take its time. Nothing is written.

    Within a transaction of the caller's, its own rules go on. Vacuum waits meanwhile: not for the middle of a rush.
    """
    is_ours = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_ours:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield


def balances() -> list[Balance]:
    """The balance of every batch, at one moment, by reference."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        rows = cursor.fetchall()
    imported: dict[str, int] = {}
    held: dict[str, dict[str | None, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for batch, count, reseller, place, n in rows:
        imported[batch] = count
        holder = held[batch][reseller]
        if place:
            holder[place] = int(n)
    return [_balance(batch, count, held[batch]) for batch, count in imported.items()]


def _balance(batch: str, imported: int, held: dict[str | None, dict[str, int]]) -> Balance:
    due = {reseller: places.pop("leased", 0) for reseller, places in held.items() if reseller}
    official = Holder(reseller=None, due=imported - sum(due.values()), **held[None])
    holders = (official, *(Holder(reseller=one, due=due[one], **held[one]) for one in due))
    sums = {place: sum(getattr(holder, place) for holder in holders) for place in PLACES}
    return Balance(batch=batch, imported=imported, holders=holders, **sums)


def book_differences(there: Sequence[Balance]) -> list[Difference]:
    """Where the sums of the book are not what is `there`, both read within `one_moment`: lines added or missing."""
    book: dict[_Key, int] = defaultdict(int)
    with connection.cursor() as cursor:
        cursor.execute(_BOOK)
        for batch, reseller, source, target, quantity in cursor.fetchall():
            book[batch, reseller, source] -= int(quantity)
            book[batch, reseller, target] += int(quantity)
    stock = {key: n for balance in there for key, n in _as_the_book_should_say(balance)}
    return [
        Difference(*key, book=book.get(key, 0), there=stock.get(key, 0))
        for key in sorted(book.keys() | stock.keys(), key=lambda key: (key[0], key[1] or "", key[2]))
        if book.get(key, 0) != stock.get(key, 0)
    ]


def _as_the_book_should_say(balance: Balance) -> Iterator[tuple[_Key, int]]:
    """In all places, and in the two that no serial is in: whence all came, and where leases pass from hand to hand."""
    yield (balance.batch, None, "outside"), -balance.imported
    for holder in balance.holders:
        key = balance.batch, holder.reseller
        # What resellers are due left the official shop by this place, and each has it from there.
        yield (*key, "leased"), balance.imported - holder.due if holder.reseller is None else -holder.due
        for place in PLACES:
            yield (*key, place), getattr(holder, place)


def available(*, reseller_id: int | None = None) -> int:
    """How many serials the official shop, or a reseller's lease, can still sell."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT coalesce(sum("end" - next), 0) FROM meterai_extent
                    WHERE coalesce(reseller_id, 0) = coalesce(%(r)s, 0))
                 + (SELECT count(*) FROM meterai_pooled WHERE coalesce(reseller_id, 0) = coalesce(%(r)s, 0))
            """,
            {"r": reseller_id},
        )
        return int(cursor.fetchone()[0])


def stock_levels() -> dict[int | None, int]:
    """How many serials each seller can still sell: by reseller id, None for the official shop. Zero is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT reseller_id, sum(n) FROM (
                SELECT reseller_id, "end" - next AS n FROM meterai_extent
                UNION ALL
                SELECT reseller_id, count(*) FROM meterai_pooled GROUP BY reseller_id) held
            GROUP BY reseller_id
            """
        )
        return {row[0]: int(row[1]) for row in cursor.fetchall()}
