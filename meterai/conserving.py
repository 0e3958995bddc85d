"""Conservation: imported = draft + in extents + in pool + reserved + sold + affixed + refunded + void. One query."""

from dataclasses import dataclass

from django.db import connection

_BALANCE = """
SELECT b.reference, b.count,
       CASE WHEN b.state = 'draft' THEN b.count ELSE 0 END,
       coalesce(e.n, 0), coalesce(p.n, 0),
       coalesce(s.reserved, 0), coalesce(s.sold, 0), coalesce(s.affixed, 0),
       coalesce(s.refunded, 0), coalesce(s.void, 0)
FROM meterai_batch b
LEFT JOIN (SELECT batch_id, sum("end" - next) AS n FROM meterai_extent GROUP BY 1) e ON e.batch_id = b.id
LEFT JOIN (SELECT batch_id, count(*) AS n FROM meterai_pooled GROUP BY 1) p ON p.batch_id = b.id
LEFT JOIN (
    SELECT batch_id,
           count(*) FILTER (WHERE state = 'reserved') AS reserved,
           count(*) FILTER (WHERE state = 'sold') AS sold,
           count(*) FILTER (WHERE state = 'affixed') AS affixed,
           count(*) FILTER (WHERE state = 'refunded') AS refunded,
           count(*) FILTER (WHERE state = 'void') AS void
    FROM meterai_stamp GROUP BY 1) s ON s.batch_id = b.id
ORDER BY b.reference
"""


@dataclass(frozen=True)
class Balance:
    """Where the serials of one batch are, in pieces."""

    batch: str
    imported: int
    draft: int
    extents: int
    pool: int
    reserved: int
    sold: int
    affixed: int
    refunded: int
    void: int

    @property
    def difference(self) -> int:
        """Zero, or so many serials were lost (positive) or made from nothing (negative)."""
        places = (self.draft, self.extents, self.pool, self.reserved, self.sold, self.affixed, self.refunded, self.void)
        return self.imported - sum(places)


def balances() -> list[Balance]:
    """The balance of every batch, at one moment."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE)
        return [Balance(str(row[0]), *(int(value) for value in row[1:])) for row in cursor.fetchall()]


def available(*, reseller_id: int | None = None) -> int:
    """How many serials the official shop, or a reseller's lease, can still sell."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT coalesce(sum("end" - next), 0) FROM meterai_extent
                    WHERE reseller_id IS NOT DISTINCT FROM %(r)s)
                 + (SELECT count(*) FROM meterai_pooled WHERE reseller_id IS NOT DISTINCT FROM %(r)s)
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
                SELECT reseller_id, "end" - next AS n FROM meterai_extent WHERE next < "end"
                UNION ALL
                SELECT reseller_id, 1 FROM meterai_pooled) held
            GROUP BY reseller_id
            """
        )
        return {row[0]: int(row[1]) for row in cursor.fetchall()}
