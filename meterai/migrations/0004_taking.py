"""Taking from stock, as functions of the database: their plans are kept, so that a reservation is not planned anew."""

from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations

from meterai.arrows import enforce_arrows, forbid_changes

# Everything `wanted` from one extent that nobody holds, or NULL. An extent that is used up is removed.
_FROM_ONE_EXTENT = """
CREATE FUNCTION meterai_take_from_one_extent(
    wanted integer, seller bigint, until_at timestamptz, taken_at timestamptz, for_reference text
) RETURNS varchar[] LANGUAGE plpgsql AS $$
DECLARE
    chosen record;
    taken varchar[];
BEGIN
    SELECT id, batch_id, next, "end" INTO chosen FROM meterai_extent
        WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND "end" - next >= wanted
        LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF chosen.next + wanted = chosen."end" THEN
        DELETE FROM meterai_extent WHERE id = chosen.id;
    ELSE
        UPDATE meterai_extent SET next = next + wanted WHERE id = chosen.id;
    END IF;
    WITH held AS (
        INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
        SELECT code, batch_id, seller, 'reserved', until_at, taken_at, '' FROM meterai_serial
        WHERE batch_id = chosen.batch_id AND ordinal >= chosen.next AND ordinal < chosen.next + wanted
        RETURNING serial_id
    )
    SELECT array_agg(serial_id) INTO taken FROM held;
    IF cardinality(taken) IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'extent % names serials that are not there', chosen.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'extent_within_batch';
    END IF;
    INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
    VALUES (taken_at, chosen.batch_id, seller, 'extents', 'reserved', wanted, for_reference, 'shop', '');
    RETURN taken;
END $$;
"""

# What came back, up to `wanted`, from the lanes `low` to `high` of the pool. A row of the pool is never updated, so its
# ctid is as good as its key, and faster.
_FROM_POOL = """
CREATE FUNCTION meterai_take_from_pool(
    wanted integer, low integer, high integer, seller bigint, until_at timestamptz, taken_at timestamptz,
    for_reference text
) RETURNS varchar[] LANGUAGE plpgsql AS $$
DECLARE
    taken varchar[];
BEGIN
    WITH pooled AS (
        DELETE FROM meterai_pooled WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM meterai_pooled
            WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND lane >= low AND lane <= high
            LIMIT wanted FOR UPDATE SKIP LOCKED))
        RETURNING serial_id, batch_id
    ), held AS (
        INSERT INTO meterai_stamp (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
        SELECT serial_id, batch_id, seller, 'reserved', until_at, taken_at, '' FROM pooled
    ), noted AS (
        INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
        SELECT taken_at, batch_id, seller, 'pool', 'reserved', count(*), for_reference, 'shop', ''
        FROM pooled GROUP BY batch_id
    )
    SELECT coalesce(array_agg(serial_id), '{}') INTO taken FROM pooled;
    RETURN taken;
END $$;
"""

# As many as are not held by anybody, up to `wanted`: what came back first, then from one extent after the other.
_WHAT_IS_FREE = """
CREATE FUNCTION meterai_take_what_is_free(
    wanted integer, seller bigint, until_at timestamptz, taken_at timestamptz, for_reference text
) RETURNS varchar[] LANGUAGE plpgsql AS $$
DECLARE
    lane integer := pg_backend_pid() % 16;
    taken varchar[] := meterai_take_from_pool(wanted, lane, lane, seller, until_at, taken_at, for_reference);
    more varchar[];
    part integer;
BEGIN
    IF cardinality(taken) < wanted THEN
        taken := taken || meterai_take_from_pool(
            wanted - cardinality(taken), 0, 15, seller, until_at, taken_at, for_reference);
    END IF;
    WHILE cardinality(taken) < wanted LOOP
        part := least(wanted - cardinality(taken), 1000);
        more := meterai_take_from_one_extent(part, seller, until_at, taken_at, for_reference);
        IF more IS NULL THEN
            -- No extent has so many: what is left of the largest that nobody holds.
            SELECT least("end" - next, part) INTO part FROM meterai_extent
                WHERE coalesce(reseller_id, 0) = coalesce(seller, 0)
                ORDER BY "end" - next DESC LIMIT 1 FOR UPDATE SKIP LOCKED;
            EXIT WHEN NOT FOUND;
            more := meterai_take_from_one_extent(part, seller, until_at, taken_at, for_reference);
            EXIT WHEN more IS NULL;
        END IF;
        taken := taken || more;
    END LOOP;
    RETURN taken;
END $$;
"""

# Few extents that many draw on are halved by whoever had to wait for them, who holds them all at that moment; but not
# those that another one has added meanwhile by halving: hence the lock here, before `next` is read.
_SPLIT = """
CREATE FUNCTION meterai_split_extents(seller bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM meterai_extent WHERE coalesce(reseller_id, 0) = coalesce(seller, 0)) >= 64 THEN
        RETURN;
    END IF;
    WITH large AS MATERIALIZED (
        SELECT id, batch_id, reseller_id, next, next + ("end" - next) / 2 AS middle FROM meterai_extent
        WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND "end" - next >= 2
        ORDER BY "end" - next DESC LIMIT 16 FOR UPDATE SKIP LOCKED
    ), halved AS (
        UPDATE meterai_extent SET next = large.middle FROM large WHERE meterai_extent.id = large.id
    )
    INSERT INTO meterai_extent (batch_id, reseller_id, next, "end")
    SELECT batch_id, reseller_id, next, middle FROM large;
END $$;
"""

# All `wanted`, or an empty array and nothing is held.
#
# Nearly always the first large statement is all there is: nothing has come back, and an extent of the connection's own
# lane has more than is wanted. Lanes let connections begin at different extents, or all would step over the same locked
# ones. It is one statement because a second one costs more than all that it does. The constant LIMIT on the serials
# (never below what is taken) tells the planner how few they are; a parameter there has the statement planned anew each
# time. One serial alone has a statement of its own, a fifth faster: it needs no range.
#
# Else: what is free, in as many pieces as it takes. Under SKIP LOCKED "none left" only means that somebody holds the
# rest just now: it is said after waiting for them, in the order of keys, so that two that wait never wait for each
# other. What a try has drawn is given back before waiting (MT001 ends its block): who waits holds nothing.
_TAKE = """
CREATE FUNCTION meterai_take(
    wanted integer, seller bigint, until_at timestamptz, taken_at timestamptz, for_reference text
) RETURNS varchar[] LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    taken varchar[];
    moved_by integer;
    lane integer := pg_backend_pid() % 64;
BEGIN
    IF wanted <= 1000
       AND NOT EXISTS (SELECT FROM meterai_pooled WHERE coalesce(reseller_id, 0) = coalesce(seller, 0)) THEN
        FOR turn IN 1..2 LOOP
            IF wanted = 1 THEN
                WITH moved AS (
                    UPDATE meterai_extent SET next = next + 1 WHERE id = (
                        SELECT id FROM meterai_extent
                        WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND id % 64 = lane AND "end" - next > 1
                        LIMIT 1 FOR UPDATE SKIP LOCKED)
                    RETURNING batch_id, next - 1 AS ordinal
                ), picked AS (
                    SELECT code, batch_id FROM moved JOIN meterai_serial USING (batch_id, ordinal)
                ), held AS (
                    INSERT INTO meterai_stamp
                        (serial_id, batch_id, reseller_id, state, reserved_until, changed_at, void_reason)
                    SELECT code, batch_id, seller, 'reserved', until_at, taken_at, '' FROM picked
                ), noted AS (
                    INSERT INTO meterai_movement
                        (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
                    SELECT taken_at, batch_id, seller, 'extents', 'reserved', 1, for_reference, 'shop', '' FROM moved
                )
                SELECT (SELECT 1 FROM moved), array_agg(code) INTO moved_by, taken FROM picked;
            ELSE
                WITH moved AS (
                    UPDATE meterai_extent SET next = next + wanted WHERE id = (
                        SELECT id FROM meterai_extent
                        WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND id % 64 = lane
                          AND "end" - next > wanted
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
            END IF;
            IF moved_by IS NOT NULL THEN
                IF cardinality(taken) IS DISTINCT FROM wanted THEN
                    RAISE EXCEPTION 'an extent names serials that are not there'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'extent_within_batch';
                END IF;
                RETURN taken;
            END IF;
            -- The lane is empty or held: that of any extent nobody holds.
            SELECT id % 64 INTO lane FROM meterai_extent
                WHERE coalesce(reseller_id, 0) = coalesce(seller, 0) AND "end" - next > wanted
                LIMIT 1 FOR UPDATE SKIP LOCKED;
            EXIT WHEN NOT FOUND;
        END LOOP;
    END IF;
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

_UNDO = """
DROP FUNCTION meterai_take_from_pool(integer, integer, integer, bigint, timestamptz, timestamptz, text);
DROP FUNCTION meterai_take(integer, bigint, timestamptz, timestamptz, text);
DROP FUNCTION meterai_split_extents(bigint);
DROP FUNCTION meterai_take_what_is_free(integer, bigint, timestamptz, timestamptz, text);
DROP FUNCTION meterai_take_from_one_extent(integer, bigint, timestamptz, timestamptz, text);
"""

# An extent names ordinals that exist, of a batch that is on sale.
_WITHIN_BATCH = """
CREATE FUNCTION meterai_extent_within_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM meterai_batch WHERE id = NEW.batch_id AND state = 'active' AND NEW."end" <= count + 1
    ) THEN
        RAISE EXCEPTION 'meterai_extent: ordinals up to % are not all on sale in batch %', NEW."end" - 1, NEW.batch_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'extent_within_batch';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER extent_within_batch BEFORE INSERT OR UPDATE OF "end" ON meterai_extent
    FOR EACH ROW EXECUTE FUNCTION meterai_extent_within_batch();
"""

# A serial is held by somebody or in the pool, never both.
_NOT_HELD = """
CREATE FUNCTION meterai_pooled_not_held() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM meterai_stamp WHERE serial_id = NEW.serial_id) THEN
        RAISE EXCEPTION 'meterai_pooled: % is held' , NEW.serial_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pooled_not_held';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER pooled_not_held AFTER INSERT ON meterai_pooled
    FOR EACH ROW EXECUTE FUNCTION meterai_pooled_not_held();
CREATE FUNCTION meterai_stamp_not_pooled() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM meterai_pooled WHERE serial_id = NEW.serial_id) THEN
        RAISE EXCEPTION 'meterai_stamp: % is in the pool' , NEW.serial_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'stamp_not_pooled';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stamp_not_pooled AFTER INSERT ON meterai_stamp
    FOR EACH ROW EXECUTE FUNCTION meterai_stamp_not_pooled();
"""

# A lease used to be written as one row that left a place for the same place; now it has a row for each side.
_LEASES = """
INSERT INTO meterai_movement (at, batch_id, reseller_id, source, target, quantity, reference, actor, reason)
SELECT at, batch_id, side.seller, side.source, side.target, quantity, reference, actor, reason
FROM meterai_movement, LATERAL (VALUES (NULL, 'extents', 'leased'), (reseller_id, 'leased', 'extents'))
    AS side (seller, source, target)
WHERE meterai_movement.source = 'extents' AND meterai_movement.target = 'extents' AND reseller_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("meterai", "0003_stock")]

    operations = [
        BtreeGistExtension(),
        *(
            migrations.RunSQL(function, migrations.RunSQL.noop)
            for function in (_FROM_ONE_EXTENT, _FROM_POOL, _WHAT_IS_FREE, _SPLIT)
        ),
        migrations.RunSQL(_TAKE, _UNDO),
        migrations.RunSQL(
            _WITHIN_BATCH,
            "DROP TRIGGER extent_within_batch ON meterai_extent; DROP FUNCTION meterai_extent_within_batch();",
        ),
        migrations.RunSQL(
            _NOT_HELD,
            """
            DROP TRIGGER pooled_not_held ON meterai_pooled; DROP FUNCTION meterai_pooled_not_held();
            DROP TRIGGER stamp_not_pooled ON meterai_stamp; DROP FUNCTION meterai_stamp_not_pooled();
            """,
        ),
        migrations.RunSQL(
            """
            ALTER TABLE meterai_withdrawn ADD CONSTRAINT withdrawn_once
                EXCLUDE USING gist (batch_id WITH =, int8range(first, past) WITH &&);
            """,
            "ALTER TABLE meterai_withdrawn DROP CONSTRAINT withdrawn_once;",
        ),
        enforce_arrows(table="meterai_delivery", arrows=[("waiting", "imported"), ("waiting", "refused")]),
        enforce_arrows(table="meterai_deposit", arrows=[("recorded", "confirmed"), ("recorded", "rejected")]),
        forbid_changes(table="meterai_block"),
        forbid_changes(table="meterai_recall"),
        forbid_changes(table="meterai_withdrawn"),
        migrations.RunSQL(_LEASES, migrations.RunSQL.noop),
    ]
