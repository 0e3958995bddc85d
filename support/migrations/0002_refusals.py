"""What the database itself refuses, beyond constraints."""

from django.db import migrations

from meterai.arrows import enforce_arrows, forbid_changes

# At the end of each transaction every ticket has somebody who holds it; custody_one_holder says that it is only one.
_HAS_A_HOLDER = """
CREATE OR REPLACE FUNCTION support_ticket_has_a_holder() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ticket bigint := (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM support_custody WHERE ticket_id = ticket AND until_at IS NULL) THEN
        RAISE EXCEPTION 'support_ticket: nobody holds ticket %', ticket
            USING ERRCODE = 'check_violation', CONSTRAINT = 'support_ticket_has_a_holder';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER support_ticket_has_a_holder AFTER INSERT ON support_ticket
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION support_ticket_has_a_holder('id');
CREATE CONSTRAINT TRIGGER support_ticket_has_a_holder AFTER UPDATE ON support_custody
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION support_ticket_has_a_holder('ticket_id');
"""
_HAS_A_HOLDER_UNDO = """
DROP TRIGGER IF EXISTS support_ticket_has_a_holder ON support_ticket;
DROP TRIGGER IF EXISTS support_ticket_has_a_holder ON support_custody;
DROP FUNCTION IF EXISTS support_ticket_has_a_holder();
"""

# A custody's end is written once; nothing else about it ever changes, and no row goes.
_APPEND_ONLY = """
CREATE OR REPLACE FUNCTION support_custody_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.until_at IS NULL AND to_jsonb(NEW) - 'until_at' = to_jsonb(OLD) - 'until_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'support_custody: rows are added and ended, nothing else'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'support_custody_append_only';
END $$;
CREATE TRIGGER support_custody_append_only BEFORE UPDATE OR DELETE ON support_custody
    FOR EACH ROW EXECUTE FUNCTION support_custody_append_only();
"""
_APPEND_ONLY_UNDO = """
DROP TRIGGER IF EXISTS support_custody_append_only ON support_custody;
DROP FUNCTION IF EXISTS support_custody_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial")]

    operations = [
        enforce_arrows(
            table="support_ticket",
            arrows=[
                ("open", "answered"),
                ("open", "closed"),
                ("answered", "open"),
                ("answered", "closed"),
                ("closed", "open"),
            ],
        ),
        migrations.RunSQL(_HAS_A_HOLDER, _HAS_A_HOLDER_UNDO),
        migrations.RunSQL(_APPEND_ONLY, _APPEND_ONLY_UNDO),
        forbid_changes(table="support_decision"),
    ]
