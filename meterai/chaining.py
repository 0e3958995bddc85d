"""The book of stock under a chain of digests, batch by batch: a line that is changed or removed afterwards is found.

**What is closed.** Movements are inserted freely, in any order of ids. Each carries the number of its transaction, and
no transaction below `pg_snapshot_xmin` is still running: whatever it wrote is there. So a run closes every movement
from the last horizon up to that number, and its horizon is where the next run begins. Whoever comes later, with
whatever id, has a higher number. A run takes whole transactions only, in steps of some thousand movements.

Numbers of transactions begin anew when a dump is restored into another cluster; ids go on, as their sequence is in the
dump. It shows: movements beyond the newest one then known are from before the horizon, or of a transaction yet to come.
Then the old lines that were still open are closed whatever their number, and the last of them becomes the floor: from
there on only ids above it count, by the new numbers.

**The digest** of a block is SHA-256, in hexadecimal, over UTF-8 text: lines joined by a line feed, without one at the
end. Each line is a JSON array, with ", " between its elements and nothing escaped that JSON does not demand. First

    [digest before, batch id, number, length, horizon, floor, newest, at]

where "digest before" is that of the block before or, for number 1, the batch's SHA-256 (of the delivery file). Then, in
the order in which the block names them, a line for each movement:

    [id, at, batch id, reseller id or null, source, target, quantity, reference, actor, reason, transaction]

`at` is in UTC and has six decimals: "2026-11-24T03:00:00.000000Z".
"""

from datetime import datetime

from django.db import connection, transaction

from .models import Block

# Movements by one statement. Whole transactions are taken, so it may be a few more.
STEP = 10_000
# So many steps in a run: it ends well within the time that a task has, and the next run goes on.
STEPS = 30

_TIME = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_HEADING = f"""jsonb_build_array(
    before, block.batch_id, number, length, horizon, floor, newest, {_TIME.format("block.at")})::text"""
_LINE = f"""jsonb_build_array(movement.id, {_TIME.format("movement.at")}, movement.batch_id, reseller_id, source,
    target, quantity, reference, actor, reason, transaction)::text"""
# The lines of the rows called `movement`, in order of {0}; and the digest of the row called `block` with the lines {0}.
LINES = f"string_agg({_LINE}, E'\\n' ORDER BY {{0}})"
DIGEST = f"encode(sha256(convert_to({_HEADING} || E'\\n' || {{0}}, 'UTF8')), 'hex')"

# Of all that came after the movement that was then the newest: the last of a transaction yet to come, and whether one
# is from before the horizon. By one statement: what is there, and which transactions run, must be of one moment.
_NUMBERS = """
SELECT oldest, max(id) FILTER (WHERE transaction >= next), coalesce(bool_or(transaction < %(horizon)s), false)
FROM (
    SELECT pg_snapshot_xmin(snapshot)::text::bigint AS oldest,
           -- Our own transaction sees its own lines before it has ended.
           greatest(pg_snapshot_xmax(snapshot)::text::bigint,
                    pg_current_xact_id_if_assigned()::text::bigint + 1) AS next
    FROM pg_current_snapshot() AS snapshot) running
LEFT JOIN meterai_movement ON id > %(newest)s
GROUP BY oldest, next
"""

# Where a step ends that has enough: behind the transaction that fills it.
_FULL = """
SELECT transaction + 1 FROM meterai_movement
WHERE transaction >= %(since)s AND transaction < %(oldest)s AND id > %(floor)s
ORDER BY transaction OFFSET %(step)s - 1 LIMIT 1
"""

_CLOSE = f"""
WITH closing AS MATERIALIZED (
    SELECT * FROM meterai_movement
    WHERE id > %(old_floor)s AND id <= %(floor)s AND transaction >= %(old_horizon)s
    UNION ALL
    SELECT * FROM meterai_movement
    WHERE id > %(floor)s AND transaction >= %(since)s AND transaction < %(horizon)s
), grouped AS (
    SELECT batch_id, array_agg(id ORDER BY id) AS movements, {LINES.format("id")} AS lines
    FROM closing AS movement GROUP BY batch_id
), block AS (
    SELECT grouped.batch_id, movements, lines, coalesce(last.number, 0) + 1 AS number,
           coalesce(last.length, 0) + cardinality(movements) AS length, coalesce(last.digest, batch.sha256) AS before,
           %(horizon)s::bigint AS horizon, %(floor)s::bigint AS floor, %(at)s::timestamptz AS at,
           (SELECT max(id) FROM meterai_movement) AS newest
    FROM grouped JOIN meterai_batch batch ON batch.id = grouped.batch_id
    LEFT JOIN LATERAL (
        SELECT number, length, digest FROM meterai_block
        WHERE batch_id = grouped.batch_id ORDER BY number DESC LIMIT 1) last ON true
)
INSERT INTO meterai_block (batch_id, number, movements, length, horizon, floor, newest, at, digest)
SELECT batch_id, number, movements, length, horizon, floor, newest, at,
       {DIGEST.format("lines")}
FROM block
RETURNING cardinality(movements)
"""  # noqa: S608  # put together from our own words


def close(*, at: datetime) -> int:
    """Close what was written since the last run, a block for each batch; returns how many movements.

    Of several workers one closes; the others do nothing. What one run does not reach, the next one does.
    """
    closed = 0
    for _step in range(STEPS):
        count = _close_some(at)
        closed += count
        if count < STEP:
            break
    return closed


def newest_block() -> Block:
    """The block that says how far the book is closed; one that says "not at all" while there is none."""
    found = Block.objects.order_by("-pk").only("horizon", "floor", "newest").first()
    return found or Block(horizon=0, floor=0, newest=0)


def _close_some(at: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('meterai.chain', 0))")
        if not cursor.fetchone()[0]:
            return 0
        # Only now: what is read after the lock sees every block of whoever had it before.
        last = newest_block()
        span = {"old_floor": last.floor, "old_horizon": last.horizon} | _span(last)
        cursor.execute(_CLOSE, {**span, "at": at})
        return sum(row[0] for row in cursor.fetchall())


def _span(last: Block) -> dict[str, int]:
    """What to close: of the ids above `floor` the transactions from `since` up to `horizon`."""
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, {"horizon": last.horizon, "newest": last.newest})
        oldest, yet_to_come, is_any_before = cursor.fetchone()
        if yet_to_come or is_any_before:
            span = {"floor": max(last.newest, yet_to_come or 0), "since": 0}
        else:
            span = {"floor": last.floor, "since": last.horizon}
        cursor.execute(_FULL, span | {"oldest": oldest, "step": STEP})
        full = cursor.fetchone()
    return span | {"horizon": full[0] if full else oldest}
