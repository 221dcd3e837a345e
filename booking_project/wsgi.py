import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_project.settings")

application = get_wsgi_application()

from common.checks import refuse_broken_settings  # noqa: E402  (needs the apps to be loaded)

refuse_broken_settings()
