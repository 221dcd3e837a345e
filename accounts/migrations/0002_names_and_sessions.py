from collections import defaultdict

from django.db import migrations, models

import accounts.models
import accounts.names


def fill_name_keys(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    named = defaultdict(list)
    for user in User.objects.using(schema_editor.connection.alias).order_by("pk").iterator():
        named[accounts.names.fold(user.username)].append(user)
    clashes = [
        ", ".join(f"{user.username!r} (id {user.pk})" for user in users)
        for users in named.values()
        if len(users) > 1
    ]
    if clashes:
        raise ValueError(
            "Usernames that differ only in case are one account from now on. Give all but one of "
            "each of these another username (in the admin, before this update), then migrate "
            "again. Nothing was changed. " + "; ".join(clashes)
        )
    for key, (user,) in named.items():
        user.name_key = key
        user.save(update_fields=["name_key"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AlterModelManagers("user", [("objects", accounts.models.People())]),
        migrations.AddField(
            "user",
            "sessions_ended",
            models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="How often this person logged out everywhere",
            ),
        ),
        migrations.AlterField(
            "user",
            "username",
            models.CharField(
                error_messages={"unique": "A user with that username already exists."},
                help_text="150 characters or fewer: letters, digits and @ . + - _ only.",
                max_length=150,
                unique=True,
                validators=[accounts.names.validate_username],
            ),
        ),
        migrations.AddField("user", "name_key", models.TextField(null=True, editable=False)),
        migrations.RunPython(fill_name_keys, migrations.RunPython.noop),
        migrations.AlterField(
            "user", "name_key", models.TextField(editable=False, unique=True)
        ),
    ]
