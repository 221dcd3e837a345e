# One image for all of Seathold; the command says which part a container plays.
# There are no secrets in it: every setting comes from outside when a container starts.
FROM python:3.11-slim AS build

# Only wheels: nothing is compiled, so no compiler is needed.
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --requirement /tmp/requirements.txt

WORKDIR /app
COPY . .
# The root file system is read-only later, so byte code is made now.
RUN /opt/venv/bin/python manage.py collectstatic --noinput \
    && /opt/venv/bin/python -m compileall -q .


FROM python:3.11-slim

# Here a file with settings may be mounted; a volume that is new takes over this owner.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin seathold \
    && install --directory --owner seathold --group seathold --mode 0700 /run/seathold
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app

# DATA_DIR: there manage.py looks for the same file when it is run beside the entry point (`exec`).
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/run/seathold
WORKDIR /app
USER 10001:10001
EXPOSE 8000

# What the environment does not set is taken from NAME=value lines in that file, if there is one.
ENTRYPOINT ["sh", "-euc", "\
    if [ -r $DATA_DIR/stack.env ]; then \
        while IFS='=' read -r name value; do \
            printenv \"$name\" > /dev/null || export \"$name=$value\"; \
        done < $DATA_DIR/stack.env; \
    fi; \
    exec \"$@\"", "sh"]

# The same options as in stack/processes.py, which says why. WEB_THREADS is a setting of ours.
CMD ["sh", "-c", "exec granian booking_project.asgi:application --host 0.0.0.0 --port 8000 \
    --workers ${WEB_CONCURRENCY:-2} --interface asginl --loop uvloop --http 1 --no-ws \
    --log-level error --backlog 4096 --backpressure 4096 --http1-buffer-size 65536 \
    --http1-header-read-timeout 15000 --respawn-failed-workers \
    --workers-kill-timeout ${WEB_TIMEOUT_SECONDS:-60}"]
