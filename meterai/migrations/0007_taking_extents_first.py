"""Taking again: from the extents first, by the shortest statement that does it; what came back is drawn after them."""

from importlib import import_module

from django.db import migrations, models

# All `wanted`, or an empty array and nothing is held.
#
# Nearly always the first statement is all there is: an extent of the connection's own lane has more than is wanted.
# Lanes let connections begin at different extents, or all would step over the same locked ones. It is one statement
# because a second one costs more than all that it does; a row found and locked is named by its ctid, which holds as
# long as the lock does and spares looking it up again. One serial alone has a statement of its own: it needs no range.
# The constant LIMIT on many serials (never below what is taken) tells the planner how few they are; a parameter there
# has the statement planned anew each time. (`enable_seqscan` is off for the pool: a plan made while it was empty reads
# the whole table, and is kept while a wave of lapsed orders fills it.)
#
# Else: what came back, then what is free, in as many pieces as it takes. Under SKIP LOCKED "none left" only means that
# somebody holds the rest just now: it is said after waiting for them, in the order of keys, so that two that wait never
# wait for each other. What a try has drawn is given back before waiting (MT001 ends its block): nobody waits and holds.
_TAKE = """
CREATE OR REPLACE FUNCTION meterai_take(
    wanted integer, seller bigint, until_at timestamptz, taken_at timestamptz, for_reference text
) RETURNS varchar[] LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    lane integer := pg_backend_pid() % 64;
    one varchar;
    taken varchar[];
    moved_by integer;
BEGIN
    FOR turn IN 1..2 LOOP
        IF wanted = 1 THEN
            WITH moved AS (
                UPDATE meterai_extent SET next = next + 1 WHERE ctid = (
                    SELECT ctid FROM meterai_extent
                    WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND id % 64 = lane AND "end" - next > 1
                    LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING batch_id, next - 1 AS ordinal
            ), picked AS (
                SELECT code, batch_id FROM moved LEFT JOIN meterai_serial USING (batch_id, ordinal)
            ), held AS (
                INSERT INTO meterai_stamp
                    (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
                SELECT code, batch_id, seller, 'reserved', until_at, taken_at, '' FROM picked WHERE code IS NOT NULL
            ), noted AS (
                INSERT INTO meterai_movement
                    (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
                SELECT taken_at, batch_id, seller, 'extents', 'reserved', 1, for_reference, 'shop', '' FROM picked
            )
            SELECT code INTO one FROM picked;
            IF one IS NOT NULL THEN
                RETURN ARRAY[one];
            END IF;
            moved_by := CASE WHEN FOUND THEN 1 END;
        ELSIF wanted <= 1000 THEN
            WITH moved AS (
                UPDATE meterai_extent SET next = next + wanted WHERE ctid = (
                    SELECT ctid FROM meterai_extent
                    WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND id % 64 = lane AND "end" - next > wanted
                    LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING batch_id, next - wanted AS first, next AS past
            ), picked AS (
                SELECT serial.code, moved.batch_id FROM moved CROSS JOIN LATERAL (
                    SELECT code FROM meterai_serial
                    WHERE batch_id = moved.batch_id AND ordinal >= moved.first AND ordinal < moved.past
                    ORDER BY ordinal LIMIT 1000) serial
            ), held AS (
                INSERT INTO meterai_stamp
                    (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
                SELECT code, batch_id, seller, 'reserved', until_at, taken_at, '' FROM picked
            ), noted AS (
                INSERT INTO meterai_movement
                    (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
                SELECT taken_at, batch_id, seller, 'extents', 'reserved', past - first, for_reference, 'shop', ''
                FROM moved
            )
            SELECT (SELECT past - first FROM moved), array_agg(code) INTO moved_by, taken FROM picked;
            IF cardinality(taken) = wanted THEN
                RETURN taken;
            END IF;
        END IF;
        IF moved_by IS NOT NULL THEN
            RAISE EXCEPTION 'an extent names serials that are not there'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'extent_within_batch';
        END IF;
        -- The lane is empty or held: that of any extent nobody holds.
        SELECT id % 64 INTO lane FROM meterai_extent
            WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND "end" - next > wanted
            LIMIT 1 FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
    END LOOP;
    BEGIN
        taken := meterai_take_what_is_free(wanted, seller, until_at, taken_at, for_reference);
        IF cardinality(taken) = wanted THEN
            RETURN taken;
        END IF;
        RAISE SQLSTATE 'MT001';
    EXCEPTION WHEN SQLSTATE 'MT001' THEN NULL;
    END;
    BEGIN
        PERFORM FROM meterai_pooled WHERE coalesce(reseller_id, 0) = coalesce(seller, 0)
            ORDER BY serial_id LIMIT wanted FOR UPDATE;
        PERFORM FROM meterai_extent WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) ORDER BY id FOR UPDATE;
        PERFORM meterai_split_extents(seller);
        taken := meterai_take_what_is_free(wanted, seller, until_at, taken_at, for_reference);
        IF cardinality(taken) = wanted THEN
            RETURN taken;
        END IF;
        RAISE SQLSTATE 'MT001';
    EXCEPTION WHEN SQLSTATE 'MT001' THEN NULL;
    END;
    RETURN '{}';
END $$;
"""
_BEFORE = import_module("meterai.migrations.0004_taking")._TAKE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("meterai", "0006_chaining")]

    operations = [
        migrations.RunSQL(_TAKE, _BEFORE),
        # `extent_in_order` says all of it; the checks of a positive number were read again for every reservation.
        migrations.AlterField(model_name="extent", name="next", field=models.IntegerField()),
        migrations.AlterField(model_name="extent", name="end", field=models.IntegerField()),
    ]
