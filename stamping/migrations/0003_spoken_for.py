"""A stamp that a live document speaks for is neither refunded nor revoked, and no document is bound to one that was."""

from django.db import migrations

# Each side looks at what the other wrote while it holds the stamp's row: whoever comes second waits, then sees it.
_STAMP = """
CREATE OR REPLACE FUNCTION stamping_stamp_spoken_for() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM stamping_document WHERE stamp_id = OLD.serial_id
        AND (state IN ('queued', 'sealed') OR state = 'erased' AND sealed_at IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'stamp_spoken_for_stays: a document is bound to this stamp' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'stamp_spoken_for_stays', DETAIL = OLD.serial_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stamping_stamp_spoken_for BEFORE UPDATE OF state ON meterai_stamp
    FOR EACH ROW WHEN (OLD.state = 'sold' AND NEW.state IN ('refunded', 'void'))
    EXECUTE FUNCTION stamping_stamp_spoken_for();
"""
_DOCUMENT = """
CREATE OR REPLACE FUNCTION stamping_document_bound_to_sold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM meterai_stamp WHERE serial_id = NEW.stamp_id AND state = 'sold' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'document_bound_to_sold: this stamp is not sold, or not any more' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'document_bound_to_sold';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stamping_document_bound_to_sold BEFORE INSERT OR UPDATE OF state, stamp_id ON stamping_document
    FOR EACH ROW WHEN (NEW.state = 'queued' AND NEW.stamp_id IS NOT NULL)
    EXECUTE FUNCTION stamping_document_bound_to_sold();
"""


class Migration(migrations.Migration):
    dependencies = [("stamping", "0002_refusals"), ("meterai", "0002_refusals")]

    operations = [
        migrations.RunSQL(
            _STAMP,
            "DROP TRIGGER stamping_stamp_spoken_for ON meterai_stamp; DROP FUNCTION stamping_stamp_spoken_for();",
        ),
        migrations.RunSQL(
            _DOCUMENT,
            "DROP TRIGGER stamping_document_bound_to_sold ON stamping_document;"
            " DROP FUNCTION stamping_document_bound_to_sold();",
        ),
    ]
