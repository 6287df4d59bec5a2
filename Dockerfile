# The image of every process of Taskyard; docker-compose.yml says which command makes it which.
# Python 3.11 and 3.12 do as well.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TASKYARD_HOME=/var/lib/taskyard \
    STATIC_ROOT=/srv/static
# The number is fixed: whoever mounts a folder into the home has to know whose it must be.
RUN groupadd --gid 10001 taskyard \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir "$TASKYARD_HOME" --shell /usr/sbin/nologin taskyard \
 && install --directory --owner=10001 --group=10001 "$TASKYARD_HOME" "$TASKYARD_HOME/data" "$TASKYARD_HOME/pulse"
WORKDIR /srv/taskyard

FROM base AS packages
# The environment gets no pip of its own, and nothing is built: each package comes as a wheel of a known hash.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt ./
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.txt

FROM packages AS dev-packages
COPY requirements-dev.txt ./
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements-dev.txt

# For the profile dev of docker-compose.yml, which mounts the checkout.
FROM base AS dev
COPY --from=dev-packages /opt/venv /opt/venv
USER 10001:10001
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--reload"]

FROM base AS taskyard
ARG RELEASE=unknown
ENV TASKYARD_RELEASE=$RELEASE
LABEL org.opencontainers.image.title="Taskyard" \
      org.opencontainers.image.description="Runs background work that must not get lost, and shows it in the Django admin" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version=$RELEASE
COPY --from=packages /opt/venv /opt/venv
COPY . ./
# Compiled here, because the processes may write nothing. The key is of this step alone.
RUN python -m compileall -q --invalidation-mode unchecked-hash . \
 && TASKYARD_HOME=/tmp SECRET_KEY=of-collectstatic-alone python manage.py collectstatic --noinput
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["python", "-m", "deploy.healthy", "web"]
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "5"]
