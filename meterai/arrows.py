"""A migration operation: the database itself refuses a change of state that has no arrow.

The code's guard is a guarded UPDATE; this trigger is for everything else: a slip in the admin, a shell, a second tool.
"""

from collections.abc import Iterable

from django.db.migrations.operations import RunSQL

_FUNCTION = """
CREATE OR REPLACE FUNCTION {table}_arrows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state || '>' || NEW.state) NOT IN ({pairs}) THEN
        RAISE EXCEPTION '{table}: no arrow from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_arrows';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS {table}_arrows ON {table};
CREATE TRIGGER {table}_arrows BEFORE UPDATE OF state ON {table}
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION {table}_arrows();
"""
_UNDO = "DROP TRIGGER IF EXISTS {table}_arrows ON {table}; DROP FUNCTION IF EXISTS {table}_arrows();"


def enforce_arrows(*, table: str, arrows: Iterable[tuple[str, str]]) -> RunSQL:
    """Hold `arrows` (pairs of old and new state) on `table` by a trigger; a later migration may name a new list."""
    pairs = ", ".join(f"'{old}>{new}'" for old, new in sorted(arrows))
    return RunSQL(_FUNCTION.format(table=table, pairs=pairs), _UNDO.format(table=table))


def forbid_changes(*, table: str) -> RunSQL:
    """Refuse UPDATE and DELETE on `table`: its rows are written once."""
    return RunSQL(
        f"""
        CREATE OR REPLACE FUNCTION {table}_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{table}: rows are written once'
                USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_written_once';
        END $$;
        CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {table}_written_once();
        """,
        f"DROP TRIGGER IF EXISTS {table}_written_once ON {table}; DROP FUNCTION IF EXISTS {table}_written_once();",
    )
