"""The sandbox's memory: one SQLite file that survives a killed process.

Its own file and not our database, because this server stands in for an outside company.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Times are seconds since 1970 (UTC). Money is whole rupiah.
SCHEMA = """
create table if not exists payment (
    id text primary key,
    reference text not null unique,
    asked text not null,                -- SHA-256 of the request, to tell a repeat from a conflict
    amount integer not null check (amount > 0),
    method text not null check (method in ('qris', 'va')),
    description text not null,
    notify_url text not null,
    return_url text not null,
    qr_string text check ((qr_string is not null) = (method = 'qris')),
    va_number text unique check ((va_number is not null) = (method = 'va')),
    status text not null check (status in ('pending', 'paid', 'expired', 'failed', 'reversed', 'refunded')),
    received integer not null default 0 check (received >= 0),
    refunded integer not null default 0 check (refunded between 0 and received),
    expires_at real not null,
    created_at real not null,
    paid_at real,
    check ((received > 0) = (paid_at is not null)),
    check ((received > 0) = (status in ('paid', 'reversed', 'refunded')))
);
create index if not exists payment_open on payment (expires_at) where status = 'pending';
create table if not exists refund (
    payment text not null references payment,
    refund_key text not null,
    amount integer not null check (amount > 0),
    reason text not null,
    created_at real not null,
    primary key (payment, refund_key)
);
create table if not exists notification (
    id integer primary key,
    event text not null,                -- webhook-id; a duplicate repeats it
    payment text not null references payment,
    body text not null,
    forged integer not null default 0,  -- signed with a wrong secret, on demand
    state text not null check (state in ('waiting', 'delivered', 'dropped', 'given up')),
    due_at real not null,
    attempts integer not null default 0,
    outcome text not null default ''
);
create index if not exists notification_due on notification (due_at) where state = 'waiting';
create index if not exists notification_of on notification (payment);
create table if not exists mischief (
    id integer primary key check (id = 1),
    delay_seconds real not null default 0 check (delay_seconds between 0 and 3600),
    drop_share real not null default 0 check (drop_share between 0 and 1),
    duplicate integer not null default 0 check (duplicate in (0, 1)),
    reorder integer not null default 0 check (reorder in (0, 1)),
    answer_seconds real not null default 0 check (answer_seconds between 0 and 60),
    silent integer not null default 0 check (silent in (0, 1))
);
insert or ignore into mischief (id) values (1);
"""

# Columns that a file made by an older sandbox lacks.
ADDED = {
    "answer_seconds": "real not null default 0 check (answer_seconds between 0 and 60)",
    "silent": "integer not null default 0 check (silent in (0, 1))",
}


class Store:
    """Threads take turns at one connection; processes take turns by SQLite's own lock."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turn = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        # What is committed outlives a killed process, though not a power cut: that would cost a write to the disk at
        # every step, ten for each payment, and no money is at stake here.
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute("pragma foreign_keys = on")
        with self._turn:
            self._make()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything or nothing. Takes the write lock at once, so that no reader fails to become a writer."""
        with self._turn:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    def _make(self) -> None:
        """The tables, and the columns that later came to be. Several processes may open the same new file at once."""
        self._connection.executescript(SCHEMA)
        self._connection.execute("begin immediate")
        known = {row["name"] for row in self._connection.execute("pragma table_info (mischief)")}
        for name in ADDED.keys() - known:
            self._connection.execute(f"alter table mischief add column {name} {ADDED[name]}")
        self._connection.execute("commit")
