"""An order as plain SQL, for bench/orders.py: what `orders.ordering.place_order` commits, row for row.

Driven by pgbench with prepared statements: no savepoint is set, nothing is read twice, no Python runs. To pgbench a
colon before a letter is a variable, even within quotes: so there is none in the texts.
"""

# A sequence in place of random codes and keys: unique, and as long.
SEQUENCE = "CREATE SEQUENCE bench_order START 10000000 CACHE 10; ALTER SEQUENCE bench_order OWNER TO {owner}"

TRANSACTION = """
BEGIN;
SELECT 'MT-' || n AS code, 'api-raw-' || n AS key, gen_random_uuid()::text AS payment
    FROM (SELECT nextval('bench_order') AS n) drawn \\gset
SELECT pg_try_advisory_xact_lock(hashtextextended('order:' || :key, 0)) AS free \\gset
INSERT INTO orders_order (code, state, email, phone, language, quantity, duty, service_fee, payment_fee, total,
    created_at, expires_at, link_version, idempotency_key, idempotency_digest)
VALUES (:code, 'pending', 'siti@contoh.example', '', 'id', 1, 10000, 0, 0, 10000,
    now(), now() + interval '30 minutes', 1, :key,
    '86ad1d64744eb9b9e2bf57f04baea57e3206629b436d865025983619e48e4e36') RETURNING id AS order_id \\gset
INSERT INTO meterai_flip (noun, row, old, new, at, reason, actor)
VALUES ('orders.order', :order_id, '', 'pending', now(), '', 'buyer');
SELECT unnest(meterai_take(1, NULL, now() + interval '32 minutes', now(), :code)) AS serial_id \\gset
INSERT INTO orders_line (order_id, serial_id) VALUES (:order_id, :serial_id);
INSERT INTO orders_payment (id, order_id, gateway, method, state, amount, received, refunded, gateway_reference,
    instructions, created_at, expires_at, next_ask_at, attempts)
VALUES (:payment::uuid, :order_id, 'bench', 'qris', 'started', 10000, 0, 0, '',
    '{}', now(), now() + interval '30 minutes', NULL, 0);
INSERT INTO meterai_flip (noun, row, old, new, at, reason, actor)
VALUES ('orders.payment', :payment, '', 'started', now(), '', 'buyer');
INSERT INTO orders_notice (event, template, channel, address, language, context, created_at, next_try_at, attempts,
    sent_at, failure)
VALUES (:code || '-ordered', 'ordered', 'email', 'siti@contoh.example', 'id',
    '{"code": "MT-10000000", "link": "https://contoh.example/pesanan/MT-10000000/FBlYbue6kN_PoTLjAf6sCW/", "total": 1}',
    now(), NULL, 0, now(), '');
COMMIT;
"""
