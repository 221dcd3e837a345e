import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_project.settings")

app = Celery("seathold")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
@signals.beat_init.connect
def refuse_broken_settings(**kwargs: object) -> None:
    from common.checks import refuse_broken_settings

    refuse_broken_settings()
