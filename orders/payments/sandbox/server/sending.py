"""Sends the notifications that are due. The row is the queue, so a killed server resumes where it stopped."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import requests
from standardwebhooks import Webhook

from orders.payments.sandbox.server import payments
from orders.payments.sandbox.server.store import Store

# Seconds to wait after the first, second, … failed attempt; after the last the notification is given up.
BACKOFF = (1, 2, 5, 15, 60, 300, 900, 3600)
TIMEOUT = (2, 5)
# A taken row is due again after this, in case its sender was killed; longer than an attempt can last.
LEASE_SECONDS = 8
POLL_SECONDS = 0.2
SENDERS = 4  # one slow receiver must not hold up all; this also lets notifications overtake each other
log = logging.getLogger(__name__)


class Sender:
    """Threads that send until the process ends."""

    def __init__(self, store: Store, *, notify_secret: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._webhook, self._clock = store, Webhook(notify_secret), clock

    def start(self) -> None:
        for number in range(SENDERS):
            threading.Thread(target=self._run, name=f"sandbox-sender-{number}", daemon=True).start()

    def _run(self) -> None:
        session = requests.Session()
        session.trust_env = False
        while True:
            try:
                busy = self._send_one(session)
            except Exception:  # a full disk or a locked file must not end the thread
                log.exception("The sandbox could not send a notification")
                busy = False
            if not busy:
                time.sleep(POLL_SECONDS)

    def _send_one(self, session: requests.Session) -> bool:
        """False when nothing was due."""
        row = self._take()
        if row is None:
            return False
        delivered, outcome = self._post(session, row)
        self._note(row, delivered=delivered, outcome=outcome)
        return True

    def _take(self) -> sqlite3.Row | None:
        at = self._clock()
        with self._store.transaction() as c:
            payments.expire_due(c, at=at)
            row: sqlite3.Row | None = c.execute(
                """update notification set attempts = attempts + 1, due_at = ?
                   where id = (select id from notification where state = 'waiting' and due_at <= ?
                               order by due_at, id limit 1)
                   returning *, (select notify_url from payment where id = notification.payment) as url""",
                (at + LEASE_SECONDS, at),
            ).fetchone()
        return row

    def _post(self, session: requests.Session, row: sqlite3.Row) -> tuple[bool, str]:
        at = datetime.fromtimestamp(self._clock(), tz=UTC)
        webhook = Webhook(secrets.token_bytes(24)) if row["forged"] else self._webhook
        headers = {
            "content-type": "application/json",
            "webhook-id": row["event"],
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": webhook.sign(row["event"], at, row["body"]),
        }
        try:
            with session.post(
                row["url"],
                data=row["body"].encode(),
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,  # a 3xx counts as a failure, as at Midtrans
                stream=True,
            ) as response:
                return 200 <= response.status_code < 300, str(response.status_code)
        except requests.RequestException as error:
            return False, type(error).__name__

    def _note(self, row: sqlite3.Row, *, delivered: bool, outcome: str) -> None:
        attempts: int = row["attempts"]
        if delivered:
            state, wait = "delivered", 0
        elif row["forged"] or attempts > len(BACKOFF):  # a forger does not come back
            state, wait = "given up", 0
        else:
            state, wait = "waiting", BACKOFF[attempts - 1]
        with self._store.transaction() as c:
            c.execute(
                "update notification set state = ?, outcome = ?, due_at = ? where id = ?",
                (state, outcome, self._clock() + wait, row["id"]),
            )
