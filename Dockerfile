# pypistats-server for a ClickHouse server. It does not run as root, and writes to /tmp and the index's folder only.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/pypistats
# What is installed is what deploy/requirements.txt has the hashes of. Some of it only builds the package, and goes again.
COPY deploy/requirements.txt deploy/
RUN /opt/pypistats/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
    --requirement deploy/requirements.txt
COPY pyproject.toml README.md LICENSE openapi.yaml ./
COPY app app
RUN /opt/pypistats/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
    && /opt/pypistats/bin/pip uninstall --yes hatchling pathspec pluggy tomlkit trove-classifiers

FROM python:3.13-slim
ENV PATH=/opt/pypistats/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    LOCAL_INDEX_CACHE_DIR=/var/cache/pypistats \
    MPLCONFIGDIR=/var/cache/pypistats/matplotlib
RUN install --directory --owner=10001 --group=10001 /var/cache/pypistats
COPY --from=build /opt/pypistats /opt/pypistats
WORKDIR /tmp
USER 10001:10001
VOLUME /var/cache/pypistats
EXPOSE 8000
# http.client knows no proxies: HTTP_PROXY is for what the server asks.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=2); c.request('GET', '/health'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["pypistats-server"]
CMD ["serve", "--host", "0.0.0.0"]
