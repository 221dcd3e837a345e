"""What the web server loads: `booking_project.asgi:application` (docs/decisions/0006)."""

import os
import resource
import signal

from django.conf import settings

from booking_project.wsgi import application as django
from common.bridge import Bridge
from stack.program import die_with_parent

application = Bridge(
    django, threads=settings.WEB_THREADS, body_limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE
)

# Each client holds one open file; many systems begin at 1024.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

# This is a process of the server's: where the server was killed, it would keep the port.
die_with_parent(signal.SIGTERM, os.getppid())
