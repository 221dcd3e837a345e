import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import flights.models
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Airline",
            fields=[
                (
                    "code",
                    models.CharField(
                        max_length=2,
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^(?:[A-Z][A-Z0-9]|[0-9][A-Z])\\Z",
                                "An IATA designator is two characters, as in UK.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Airplane",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model_number", models.CharField(max_length=50, unique=True)),
                (
                    "capacity",
                    models.PositiveIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ]
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("capacity__gte", 1), ("capacity__lte", 1000)),
                        name="flights_airplane_capacity",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="City",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("country", models.CharField(max_length=100)),
                (
                    "folded_name",
                    models.GeneratedField(
                        db_persist=True,
                        expression=flights.models.Folded("name"),
                        output_field=models.TextField(),
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "cities",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "country"),
                        name="flights_city_once",
                        violation_error_message="This country has a city of this name already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Airport",
            fields=[
                (
                    "code",
                    models.CharField(
                        max_length=3,
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{3}\\Z", "An IATA code is three letters, as in DEL."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "time_zone",
                    models.CharField(
                        help_text="IANA name, as in Asia/Kolkata",
                        max_length=64,
                        validators=[flights.models.validate_time_zone],
                    ),
                ),
                (
                    "latitude",
                    models.FloatField(
                        blank=True,
                        help_text="Degrees north, WGS 84",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(-90),
                            django.core.validators.MaxValueValidator(90),
                        ],
                    ),
                ),
                (
                    "longitude",
                    models.FloatField(
                        blank=True,
                        help_text="Degrees east, WGS 84",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(-180),
                            django.core.validators.MaxValueValidator(180),
                        ],
                    ),
                ),
                (
                    "folded_name",
                    models.GeneratedField(
                        db_persist=True,
                        expression=flights.models.Folded("name"),
                        output_field=models.TextField(),
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "city",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="airports",
                        to="flights.city",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Flight",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "flight_number",
                    models.CharField(
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^(?:[A-Z][A-Z0-9]|[0-9][A-Z])[1-9][0-9]{0,3}[A-Z]?\\Z",
                                "A flight number is an airline's two characters and a number, as in UK808.",
                            )
                        ],
                    ),
                ),
                (
                    "airline",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.text.Substr("flight_number", 1, 2),
                        output_field=models.CharField(max_length=2),
                    ),
                ),
                (
                    "departure_time",
                    models.DateTimeField(
                        validators=[
                            django.core.validators.MinValueValidator(
                                datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                                "Flights leave in this century.",
                            ),
                            django.core.validators.MaxValueValidator(
                                datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                                "Flights leave in this century.",
                            ),
                        ]
                    ),
                ),
                (
                    "arrival_time",
                    models.DateTimeField(
                        validators=[
                            django.core.validators.MinValueValidator(
                                datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                                "Flights leave in this century.",
                            ),
                            django.core.validators.MaxValueValidator(
                                datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc),
                                "Flights leave in this century.",
                            ),
                        ]
                    ),
                ),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=3,
                        help_text="Of one seat",
                        max_digits=12,
                        validators=[
                            django.core.validators.MinValueValidator(
                                Decimal("0.001"), "A seat costs something."
                            )
                        ],
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        default="INR",
                        help_text="ISO 4217",
                        max_length=3,
                        validators=[flights.models.validate_currency],
                    ),
                ),
                ("boarding_gate", models.CharField(blank=True, max_length=10)),
                ("total_seats", models.PositiveIntegerField()),
                ("remaining_seats", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[("SCHEDULED", "Scheduled"), ("CANCELLED", "Cancelled")],
                        default="SCHEDULED",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "airplane",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="flights",
                        to="flights.airplane",
                    ),
                ),
                (
                    "arrival_airport",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="arrivals",
                        to="flights.airport",
                    ),
                ),
                (
                    "departure_airport",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="departures",
                        to="flights.airport",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SeatHold",
            fields=[
                ("reference", models.UUIDField(primary_key=True, serialize=False)),
                ("no_of_seats", models.PositiveIntegerField()),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=3, help_text="Of one seat, as held", max_digits=12
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("HELD", "Held"),
                            ("CONFIRMED", "Confirmed"),
                            ("RELEASED", "Released"),
                        ],
                        default="HELD",
                        max_length=10,
                    ),
                ),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "flight",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="flights.flight",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="airport",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z]{3}$")), name="flights_airport_iata_code"
            ),
        ),
        migrations.AddIndex(
            model_name="flight",
            index=models.Index(fields=["departure_time", "id"], name="flights_flight_by_time"),
        ),
        migrations.AddIndex(
            model_name="flight",
            index=models.Index(
                fields=["departure_airport", "arrival_airport", "departure_time", "id"],
                name="flights_flight_by_trip",
            ),
        ),
        migrations.AddIndex(
            model_name="flight",
            index=models.Index(
                fields=["airline", "departure_time", "id"], name="flights_flight_by_airline"
            ),
        ),
        migrations.AddIndex(
            model_name="flight",
            index=models.Index(fields=["price"], name="flights_flight_by_price"),
        ),
        migrations.AddIndex(
            model_name="flight",
            index=models.Index(fields=["arrival_airport"], name="flights_flight_by_arrival"),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("remaining_seats__gte", 0), ("remaining_seats__lte", models.F("total_seats"))
                ),
                name="flights_flight_seats_add_up",
                violation_error_message="More seats are held than the flight would have.",
            ),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("departure_airport", models.F("arrival_airport")), _negated=True
                ),
                name="flights_flight_goes_elsewhere",
                violation_error_message="Departure and arrival must be different airports.",
            ),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.CheckConstraint(
                condition=models.Q(("arrival_time__gt", models.F("departure_time"))),
                name="flights_flight_arrives_later",
                violation_error_message="A flight arrives after it departs.",
            ),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0)), name="flights_flight_price"
            ),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["SCHEDULED", "CANCELLED"])),
                name="flights_flight_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="flight",
            constraint=models.UniqueConstraint(
                fields=("flight_number", "departure_time"),
                name="flights_flight_once",
                violation_error_message="This flight number already departs at this time.",
            ),
        ),
        migrations.AddIndex(
            model_name="seathold",
            index=models.Index(
                models.F("expires_at"),
                condition=models.Q(("status", "HELD")),
                name="flights_seathold_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="seathold",
            constraint=models.CheckConstraint(
                condition=models.Q(("no_of_seats__gt", 0)), name="flights_seathold_holds_seats"
            ),
        ),
        migrations.AddConstraint(
            model_name="seathold",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["HELD", "CONFIRMED", "RELEASED"])),
                name="flights_seathold_status",
            ),
        ),
    ]
