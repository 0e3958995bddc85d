"""What was recalled stays off the shelves, and recalls find what of a batch is neither unsold nor sold."""

from django.db import migrations, models

# No extent names an ordinal that was withdrawn. (Moving `next` makes an extent smaller; only what begins one or moves
# its end can bring an ordinal back.)
_NOT_WITHDRAWN = """
CREATE FUNCTION meterai_extent_not_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM meterai_withdrawn
        WHERE batch_id = NEW.batch_id AND int8range(first, past) && int8range(NEW.next, NEW."end")
    ) THEN
        RAISE EXCEPTION 'meterai_extent: batch % has recalled ordinals between % and %',
            NEW.batch_id, NEW.next, NEW."end" - 1
            USING ERRCODE = 'check_violation', CONSTRAINT = 'extent_not_withdrawn';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER extent_not_withdrawn BEFORE INSERT OR UPDATE OF "end" ON meterai_extent
    FOR EACH ROW EXECUTE FUNCTION meterai_extent_not_withdrawn();
"""


class Migration(migrations.Migration):
    dependencies = [("meterai", "0004_taking")]

    operations = [
        migrations.AddIndex(
            model_name="stamp",
            index=models.Index(
                condition=models.Q(("state__in", ["refunded", "void"])), fields=["batch"], name="stamp_gone"
            ),
        ),
        migrations.RunSQL(
            _NOT_WITHDRAWN,
            "DROP TRIGGER extent_not_withdrawn ON meterai_extent; DROP FUNCTION meterai_extent_not_withdrawn();",
        ),
    ]
