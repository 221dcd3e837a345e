from django.db import migrations


class Migration(migrations.Migration):
    """Room on each page of flights, so that a hold's update of remaining_seats stays there (HOT)."""

    dependencies = [("flights", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE flights_flight SET (fillfactor = 85)",
            "ALTER TABLE flights_flight RESET (fillfactor)",
        )
    ]
