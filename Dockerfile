# The image of all Airflow services and of the watchdog; docker-compose.yml says how it runs and checks its health.
# Tags, not digests, name the base images: a digest can only be told by a registry (docs/deploy.md says how to pin it).
FROM python:3.12-slim-bookworm AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r /tmp/requirements.txt \
    && /opt/venv/bin/pip check \
    # Without bytecode every process compiles all that it imports: twice the start-up time.
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib

FROM python:3.12-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    MIGSTATS_HOME=/opt/airflow \
    MIGSTATS_STATE=/var/lib/migstats
RUN groupadd --gid 50000 airflow \
    && useradd --uid 50000 --gid airflow --no-create-home --home-dir /tmp --shell /usr/sbin/nologin airflow
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/airflow
COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
COPY include include
COPY expectations expectations
COPY dags dags
# Installed in place, so that Airflow's plugin folder and the `migstats` command are the same files.
# airflow.cfg is there, since Airflow would write one where there is none; every setting is in the environment.
# The two folders that volumes cover belong to the user, so that a new volume does too.
RUN pip install --no-cache-dir --no-index --no-deps --no-build-isolation --editable . \
    && python -m compileall -q plugins dags \
    && echo '# All settings are environment variables; see docker-compose.yml.' > airflow.cfg \
    && install -d -o airflow -g airflow logs /var/lib/migstats /var/lib/migstats/lake /var/lib/migstats/data_docs
USER 50000:50000
CMD ["airflow", "version"]
