# By hand: PostgreSQL's own settings of the table. docs/adr/0013 says why.

from django.db import migrations

# A task leaves three dead versions of its row, and an entry of each in the partial indexes that the coordinator reads
# from the top each second. By default, 2 % of ten million rows of history are not enough for a vacuum, 20 % are.
STORAGE = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.02",
}


def set_storage(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        values = ", ".join(f"{name} = {value}" for name, value in STORAGE.items())
        schema_editor.execute(f"ALTER TABLE tasks_task SET ({values})")


def reset_storage(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE tasks_task RESET ({', '.join(STORAGE)})")


class Migration(migrations.Migration):

    dependencies = [
        ("tasks", "0003_parked_at"),
    ]

    operations = [
        migrations.RunPython(set_storage, reset_storage),
    ]
