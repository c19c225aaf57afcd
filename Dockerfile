# Watchword in a container: no root, nothing written outside /srv/watchword/data, nothing installed that is not pinned.
#   docker build -t watchword .        How to run it: compose.yaml, docs/deployment.md

# Debian's SQLite has a known fault; this stage has npm, which brings a newer one, and a C compiler.
FROM node:24-bookworm AS sqlite
WORKDIR /src
COPY container/sqlite.sh ./
RUN sh sqlite.sh /opt/sqlite

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/watchword
ENV PATH=/opt/watchword/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bot ./bot
COPY container ./container
# What built it is not needed to run it.
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall -y hatchling editables trove-classifiers setuptools \
    && pip uninstall -y pip \
    && python container/licences.py /opt/watchword/LICENCES.txt

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Watchword" \
      org.opencontainers.image.description="A Telegram bot that watches the world's news feeds for the words you care about" \
      org.opencontainers.image.licenses="MIT"
# The packages' licences are in /opt/watchword/LICENCES.txt, Debian's in /usr/share/doc.
COPY --from=build /opt/watchword /opt/watchword
COPY --from=sqlite /opt/sqlite /opt/sqlite
# By this variable and not by ld.so.conf.d: there, arm64's folder of Debian's SQLite comes before /usr/local/lib.
ENV LD_LIBRARY_PATH=/opt/sqlite
RUN python -c "import sqlite3; assert sqlite3.sqlite_version_info >= (3, 51, 3), sqlite3.sqlite_version"
ENV PATH=/opt/watchword/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 WATCHWORD_WEB__LISTEN=127.0.0.1:8080
# The database's default place is data/ below here; a config.toml may be mounted beside it.
WORKDIR /srv/watchword
RUN install -d -o 10001 -g 10001 -m 700 data
VOLUME /srv/watchword/data
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://' + os.environ['WATCHWORD_WEB__LISTEN'] + '/healthz', timeout=5)"]
ENTRYPOINT ["watchword"]
CMD ["run"]
