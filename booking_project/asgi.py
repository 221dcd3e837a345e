"""What the web server loads: `booking_project.asgi:application` (docs/decisions/0006)."""

import gc
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

# All that is loaded by now stays, and requests leave few circles behind: looking for garbage after
# every 700 new objects, as Python does by itself, takes a tenth of a booking's time.
gc.collect()
gc.freeze()
gc.set_threshold(10_000)

# Each client holds one open file; many systems begin at 1024.
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

# This is a process of the server's: where the server was killed, it would keep the port.
die_with_parent(signal.SIGTERM, os.getppid())
