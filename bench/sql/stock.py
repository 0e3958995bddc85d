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
INSERT INTO orders_notice
    (event, template, channel, address, language, context, created_at, next_try_at, attempts, failure)
VALUES (:code || '/ordered', 'ordered', 'email', 'siti@contoh.example', 'id', '{"quantity": 1}', now(), now(), 0, '');
"""

# --- the yardsticks, each in two forms: a prepared statement, and a function whose plans are kept, as ours is --------

_SERIAL = "SELECT code AS serial_id, batch_id FROM meterai_serial WHERE batch_id = {spare} AND ordinal = "
_HELD = """INSERT INTO meterai_stamp
    (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT serial_id, batch_id, NULL, 'reserved', %(until)s, %(at)s, '' FROM taken"""
_NOTED = """INSERT INTO meterai_movement
    (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    SELECT %(at)s, batch_id, NULL, 'extents', 'reserved', 1, %(reference)s, 'shop', '' FROM taken"""
# Of the row way the state is on the serial's own row, as such a schema has it: there is no stamp row to insert.
_SOLD_ROW = """UPDATE bench_row SET state = 'reserved', reserved_until = %(until)s, changed_at = %(at)s
    WHERE serial_id = (SELECT serial_id FROM bench_row WHERE state = 'free' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING serial_id, batch_id"""

BARE = f"{_SERIAL} (SELECT nextval('bench_ordinal'))"
HANDED = f"WITH taken AS MATERIALIZED ({BARE}), held AS ({_HELD}), noted AS ({_NOTED}) SELECT serial_id FROM taken"
COUNTER = f"""WITH drawn AS (UPDATE bench_counter SET next = next + 1 RETURNING next),
taken AS MATERIALIZED ({_SERIAL} (SELECT next FROM drawn)), held AS ({_HELD}), noted AS ({_NOTED})
SELECT serial_id FROM taken"""
ROW = f"WITH taken AS ({_SOLD_ROW}), noted AS ({_NOTED}) SELECT serial_id FROM taken"
STATEMENTS = {"handed": HANDED, "row": ROW, "counter": COUNTER}

# Named and called as meterai_take is, so that a yardstick can stand in for it within the same service.
FUNCTION = """
CREATE FUNCTION bench_{name}(
    wanted integer, seller bigint, until_at timestamptz, taken_at timestamptz, for_reference text
) RETURNS varchar[] LANGUAGE plpgsql AS $$
DECLARE
    found record;
    drawn integer;
BEGIN
    {body}
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    VALUES (taken_at, found.batch_id, NULL, 'extents', 'reserved', 1, for_reference, 'shop', '');
    RETURN ARRAY[found.serial_id];
END $$;
"""
_HOLD = f"""
    {_SERIAL} drawn INTO found;
    INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    VALUES (found.serial_id, found.batch_id, NULL, 'reserved', until_at, taken_at, '');"""
BODIES = {
    "handed": "drawn := nextval('bench_ordinal');" + _HOLD,
    "counter": "UPDATE bench_counter SET next = next + 1 RETURNING next INTO drawn;" + _HOLD,
    "row": (_SOLD_ROW + " INTO found;") % {"until": "until_at", "at": "taken_at"},
}
# The spare batch in three parts: most is handed out by the sequence, some drawn by the counter, some sold as rows. Each
# connection keeps a few numbers of a sequence for itself: nobody shall wait for one. A row has the guards of a stamp: a
# trigger for the arrows, indexes for key, batch, seller and deadlines, and one for what is free, in order.
YARDSTICKS = """
CREATE SEQUENCE bench_ordinal CACHE 10;
CREATE TABLE bench_counter AS SELECT {counted} AS next;
CREATE TABLE bench_row AS SELECT ordinal::bigint AS id, code AS serial_id, batch_id, 'free'::varchar(10) AS state,
    NULL::bigint AS reseller_id, NULL::timestamptz AS reserved_until, now() AS changed_at
    FROM meterai_serial WHERE batch_id = {spare} AND ordinal > {rows} ORDER BY ordinal;
ALTER TABLE bench_row ADD PRIMARY KEY (serial_id), ADD CHECK ((state = 'reserved') = (reserved_until IS NOT NULL));
CREATE INDEX ON bench_row (id) WHERE state = 'free';
CREATE INDEX ON bench_row (reserved_until) WHERE state = 'reserved';
CREATE INDEX ON bench_row (serial_id varchar_pattern_ops);
CREATE INDEX ON bench_row (batch_id);
CREATE INDEX ON bench_row (reseller_id);
"""

# --- stock by SQL, with triggers off: the import and its checks are measured elsewhere -------------------------------

# Indexes are set aside until all rows are there: that takes a fifth of the time.
_QUICKLY = """
SET session_replication_role = replica; SET maintenance_work_mem = '512MB';
UPDATE pg_index SET indisready = false WHERE indrelid = '{table}'::regclass;
"""
FILL = f"""{_QUICKLY.format(table="meterai_serial")}
ALTER TABLE meterai_serial DROP CONSTRAINT IF EXISTS serial_is_22_of_a_z_0_9;
INSERT INTO meterai_batch
    (id, reference, state, count, sha256, imported_at, imported_by_id, activated_at, activated_by_id)
    SELECT batch, '{{reference}} ' || batch, 'active', {{count}}, '', now(), 1, now(), 2
    FROM generate_series({{first}}, {{last}}) batch;
INSERT INTO meterai_serial (code, batch_id, ordinal) SELECT upper(substr(md5(batch || '/' || n), 1, 22)), batch, n
    FROM generate_series({{first}}, {{last}}) batch, generate_series(1, {{count}}) n;
REINDEX TABLE meterai_serial;
"""
ORDERS = "CREATE SEQUENCE bench_order START 100000 CACHE 10; ALTER SEQUENCE bench_order OWNER TO {owner}"
RESET = """
SET session_replication_role = replica;
TRUNCATE orders_order, orders_line, orders_notice, meterai_stamp, meterai_movement, meterai_extent CASCADE;
INSERT INTO meterai_extent (batch_id, next, "end") SELECT {batch}, first, least(first + step, {count} + 1)
    FROM (SELECT {count} / 128 + 1 AS step) s, generate_series(1, {count}, step) first;
"""
WEAR_ROWS = """
UPDATE bench_row SET state = 'reserved', reserved_until = now(), changed_at = now()
    WHERE serial_id IN (SELECT serial_id FROM bench_row WHERE state = 'free' ORDER BY id LIMIT {count})
"""
ON_SALE = """
INSERT INTO meterai_extent (batch_id, next, "end")
    SELECT {batch}, 1 + {count} * (n - 1) / {extents}, 1 + {count} * n / {extents} FROM generate_series(1, {extents}) n;
"""
LEFT = """
SELECT ((SELECT coalesce(sum("end" - next), 0) FROM meterai_extent) + (SELECT count(*) FROM meterai_pooled))::int
"""
# Long in use: of every hundred stamps 70 affixed, 20 sold, 8 reserved and 2 refunded, some serials in the pool, and the
# rest of the batch in extents. The book says the same, in a few rows.
USED = f"""{_QUICKLY.format(table="meterai_stamp")}
TRUNCATE orders_order, meterai_stamp, meterai_movement, meterai_extent CASCADE;
INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
    SELECT code, batch_id, NULL,
        CASE WHEN ordinal % 100 < 70 THEN 'affixed' WHEN ordinal % 100 < 90 THEN 'sold'
             WHEN ordinal % 100 < 98 THEN 'reserved' ELSE 'refunded' END,
        CASE WHEN ordinal % 100 BETWEEN 90 AND 97 THEN now() END, now(), ''
    FROM meterai_serial WHERE batch_id = {{batch}} AND ordinal <= {{stamps}};
REINDEX TABLE meterai_stamp;
INSERT INTO meterai_pooled (serial_id, batch_id, reseller_id, released_at)
    SELECT code, batch_id, NULL, now() FROM meterai_serial
    WHERE batch_id = {{batch}} AND ordinal > {{stamps}} AND ordinal <= {{pooled}};
INSERT INTO meterai_extent (batch_id, next, "end") SELECT {{batch}}, first, least(first + step, {{count}} + 1)
    FROM (SELECT ({{count}} - {{pooled}}) / 128 + 1 AS step) s, generate_series({{pooled}} + 1, {{count}}, step) first;
INSERT INTO meterai_movement (at, batch_id, source, target, quantity, reference, actor, reason)
    SELECT now(), {{batch}}, source, target, quantity, '', '', '' FROM (VALUES
        ('outside', 'draft', {{count}}), ('draft', 'extents', {{count}}), ('extents', 'reserved', {{pooled}}),
        ('reserved', 'pool', {{pooled}} - {{stamps}}),
        ('reserved', 'sold', (SELECT count(*) FROM meterai_stamp WHERE state <> 'reserved')),
        ('sold', 'affixed', (SELECT count(*) FROM meterai_stamp WHERE state = 'affixed')),
        ('sold', 'refunded', (SELECT count(*) FROM meterai_stamp WHERE state = 'refunded'))
    ) AS book (source, target, quantity);
"""


def call(take: str, function: str = "meterai_take") -> str:
    """The call in the statement of `meterai.taking`, made to `function`, a row a serial. Raises ValueError."""
    found = re.search(r"\bmeterai_take(\((?:\s*%\(\w+\)s\s*,?)+\))", take)
    if not found:
        raise ValueError(f"no call of meterai_take is in: {take}")
    return f"SELECT unnest({function}{found[1]}) AS serial_id"


def as_pgbench(statement: str) -> str:
    """The statement with pgbench's variables and the server's clock in place of the driver's parameters."""
    values = {"reseller": "NULL::bigint", "wanted": ":wanted", "at": "now()", "reference": ":code"}
    values["until"] = "now() + interval '32 minutes'"
    return (
        "\\set wanted 1\n"
        + re.sub(r"%\((\w+)\)s", lambda name: values[name[1]], statement).replace("%%", "%").strip()
        + " \\gset\n"
    )


def transaction(statement: str) -> str:
    return f"BEGIN;{ORDER}{as_pgbench(statement)}{REST}COMMIT;\n"
