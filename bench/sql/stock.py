"""The SQL of bench/stock.py: the transaction around a reservation, the ceiling, the textbook ways, the fillers."""

import re

ORDER = """
INSERT INTO orders_order (code, state, email, phone, language, quantity, duty, service_fee, payment_fee, total,
    created_at, expires_at, link_version, idempotency_digest)
VALUES ('MT-' || nextval('bench_order'), 'pending', 'siti@contoh.example', '', 'id', 1, 10000, 0, 0, 10000,
    now(), now() + interval '30 minutes', 1, '') RETURNING id AS order_id, code \\gset
"""
REST = """
INSERT INTO orders_line (order_id, serial_id) VALUES (:order_id, :serial_id);
INSERT INTO orders_notice (event, template, email, language, context, created_at, next_try_at, attempts)
VALUES (:code || '/ordered', 'ordered', 'siti@contoh.example', 'id', '{"quantity": 1}', now(), now(), 0);
"""
# What our statement writes about the serials in `taken`, however they were found.
HELD = """, held AS (
    INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT serial_id, batch_id, NULL, 'reserved', %(until)s, %(at)s, '' FROM taken
)"""
NOTED = """, noted AS (
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, NULL, 'extents', 'reserved', count(*), %(reference)s, 'shop', ''
    FROM taken GROUP BY batch_id
) SELECT serial_id FROM taken"""
SERIAL = "SELECT code AS serial_id, batch_id FROM meterai_serial WHERE batch_id = {spare} AND ordinal = "
BARE = SERIAL + "(SELECT nextval('bench_ordinal'))"
HANDED = f"WITH taken AS MATERIALIZED ({BARE}) {HELD} {NOTED}"
COUNTER = f"""
WITH drawn AS (UPDATE bench_counter SET next = next + 1 RETURNING next),
taken AS MATERIALIZED ({SERIAL} (SELECT next FROM drawn)) {HELD} {NOTED}"""
# The state is on the serial's own row, as such a schema has it: there is no stamp row to insert.
ROW = f"""
WITH taken AS (
    UPDATE bench_row SET state = 'reserved', reserved_until = %(until)s, changed_at = %(at)s
    WHERE id = (SELECT id FROM bench_row WHERE state = 'free' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING serial_id, batch_id
) {NOTED}"""
# The spare batch in three parts: handed out by the sequence, drawn by the counter, sold as rows. The rows have the
# same guards as a stamp: a trigger for the arrows, an index for the deadlines, one for what is free.
YARDSTICKS = """
CREATE SEQUENCE bench_order START 100000;
CREATE SEQUENCE bench_ordinal;
CREATE TABLE bench_counter AS SELECT {half} AS next;
CREATE TABLE bench_row AS SELECT ordinal::bigint AS id, code AS serial_id, batch_id, 'free'::varchar(10) AS state,
    NULL::timestamptz AS reserved_until, now() AS changed_at
    FROM meterai_serial WHERE batch_id = {spare} AND ordinal > {half} + {half} / 2 ORDER BY ordinal;
ALTER TABLE bench_row ADD PRIMARY KEY (id), ADD CHECK ((state = 'reserved') = (reserved_until IS NOT NULL));
CREATE INDEX ON bench_row (id) WHERE state = 'free';
CREATE INDEX ON bench_row (reserved_until) WHERE state = 'reserved';
"""
# A batch of random serials by SQL and with triggers off: the import and its checks are measured elsewhere.
FILL = """
SET session_replication_role = replica; SET maintenance_work_mem = '512MB';
CREATE SEQUENCE bench_order START 100000; ALTER SEQUENCE bench_order OWNER TO {owner};
ALTER TABLE meterai_serial DROP CONSTRAINT serial_ordinal_once, DROP CONSTRAINT serial_is_22_of_a_z_0_9;
INSERT INTO meterai_batch (id, reference, state, count, sha256, imported_at, imported_by_id)
    VALUES (1, 'fill', 'draft', {count}, '', now(), 1);
INSERT INTO meterai_serial (code, batch_id, ordinal)
    SELECT upper(substr(md5(n::text), 1, 22)), 1, n FROM generate_series(1, {count}) n;
ALTER TABLE meterai_serial ADD CONSTRAINT serial_ordinal_once UNIQUE (batch_id, ordinal);
"""
RESET = """
SET session_replication_role = replica;
TRUNCATE orders_order, orders_line, orders_notice, meterai_stamp, meterai_movement, meterai_extent CASCADE;
INSERT INTO meterai_extent (batch_id, next, "end") SELECT 1, first, least(first + step, {count} + 1)
    FROM (SELECT {count} / 128 + 1 AS step) s, generate_series(1, {count}, step) first;
"""


WAYS = {"handed": HANDED, "bare": BARE, "row": ROW, "counter": COUNTER}


def as_pgbench(statement: str) -> str:
    """The statement with pgbench's variables and the server's clock in place of the driver's parameters."""
    values = {"reseller": "NULL::bigint", "wanted": ":wanted", "at": "now()", "reference": ":code"}
    values["own_lane"] = "true"
    values["until"] = "now() + interval '32 minutes'"
    return (
        "\\set wanted 1\n"
        + re.sub(r"%\((\w+)\)s", lambda name: values[name[1]], statement).replace("%%", "%").strip()
        + " \\gset\n"
    )


def transaction(statement: str) -> str:
    return f"BEGIN;{ORDER}{as_pgbench(statement)}{REST}COMMIT;\n"
