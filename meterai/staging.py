"""Serials on their way into stock: a table beside the stock, filled by COPY, from which whole batches are kept.

A table of its own for each delivery. It is not logged: half the work, and if the database crashes it is empty and the
file is read again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from django.db import OperationalError, connection, transaction

# A table for as long as a transaction lasts, which nobody else sees.
TEMPORARY = "pg_temp.meterai_staged"

_REFUSED = """
COPY (
    SELECT line, code, reason, place FROM (
        SELECT numbered.line, numbered.code,
            CASE WHEN numbered.code !~ '^[A-Z0-9]{{22}}$' THEN 'malformed'
                 WHEN numbered.line > numbered.first_line THEN 'twice'
                 WHEN known.code IS NOT NULL THEN 'known'
                 WHEN numbered.ordinal > {most} THEN 'surplus' END AS reason,
            CASE WHEN numbered.line > numbered.first_line THEN numbered.first_line::text
                 ELSE coalesce(batch.reference, '') END AS place
        FROM (SELECT *, min(line) OVER (PARTITION BY code) AS first_line FROM {table}) numbered
        LEFT JOIN meterai_serial known ON known.code = numbered.code
        LEFT JOIN meterai_batch batch ON batch.id = known.batch_id) judged
    WHERE reason IS NOT NULL ORDER BY line {limit}
) TO STDOUT
"""


def table_of(delivery_id: int) -> str:
    """The name of a delivery's own table."""
    return f"meterai_staged_{delivery_id:d}"


def make(table: str) -> None:
    """An empty table, whatever was there before."""
    kind = "TEMPORARY" if table == TEMPORARY else "UNLOGGED"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(
            f"CREATE {kind} TABLE {table} (ordinal integer PRIMARY KEY, line bigint NOT NULL, code text NOT NULL)"
        )


def drop(table: str) -> None:
    """Remove the table, if it is there."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")


def drop_unless_used(table: str) -> None:
    """Remove the table, unless a transaction looks at it just now."""
    with suppress(OperationalError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '100ms'")
        cursor.execute(f"DROP TABLE IF EXISTS {table}")


def tables() -> set[str]:
    """The names of all deliveries' own tables that there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^meterai_staged_[0-9]+$'")
        return {row[0] for row in cursor.fetchall()}


def count(table: str) -> int | None:
    """How many serials are staged; None when there is no such table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [table])
        if cursor.fetchone()[0] is None:
            return None
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  # our own name, see table_of
        return int(cursor.fetchone()[0])


def add(table: str, rows: Sequence[tuple[int, str]], *, after: int) -> None:
    """Stage (line, code) pairs; the first gets the ordinal `after` + 1."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} (ordinal, line, code) FROM STDIN") as copy:
        for ordinal, (line, code) in enumerate(rows, start=after + 1):
            copy.write_row((ordinal, line, code))


def move_to_stock(
    table: str, *, batch_id: int, total: int, chunk: int, on_kept: Callable[[int], None] | None = None
) -> int:
    """Make all that is staged serials of the batch, so many by one statement; tells and returns how many it made.

    Raises what the database's constraints raise: IntegrityError, or DataError for what is longer than a serial.
    """
    insert = (
        f"INSERT INTO meterai_serial (code, batch_id, ordinal) SELECT code, %s, ordinal FROM {table}"  # noqa: S608
        " WHERE ordinal > %s AND ordinal <= %s ORDER BY ordinal"
    )
    with connection.cursor() as cursor:
        # Else the check of the foreign key would be remembered for every row until the transaction ends.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        kept = 0
        for start in range(0, total, chunk):
            cursor.execute(insert, [batch_id, start, start + chunk])
            kept += cursor.rowcount
            if on_kept:
                on_kept(kept)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return kept


def refused(table: str, *, most: int | None, limit: int | None = None) -> Iterator[tuple[int, str, str, str]]:
    """Every staged line that cannot be kept: line, what stands there, reason, and where it is already, if it is.

    Reasons: malformed, twice (place: the earlier line), known (place: the batch's reference), surplus (beyond `most`).
    Slow (it sorts the whole), and in constant memory.
    """
    query = _REFUSED.format(
        table=table, most="NULL" if most is None else f"{most:d}", limit=f"LIMIT {limit:d}" if limit else ""
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for line, code, reason, place in copy.rows():
            yield int(line), code, reason, place
