"""Settings of the Superset that `make superset` runs; read in its own environment, as SUPERSET_CONFIG_PATH.

What is secret or differs between machines comes as environment variables: see plugins/migstats/superset.py.
"""

import logging
import os

from superset.config import TALISMAN_CONFIG

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_METADATA"]

# Whoever reaches the server may look at the dashboards and change nothing; `admin` signs in.
PUBLIC_ROLE_LIKE = "Public"
AUTH_ROLE_PUBLIC = "Public"

APP_NAME = "migstats"
WTF_CSRF_ENABLED = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
# The browser loads nothing from other hosts and tells them nothing, such as that somebody looks.
for directive, allowed in TALISMAN_CONFIG["content_security_policy"].items():
    if isinstance(allowed, list):
        TALISMAN_CONFIG["content_security_policy"][directive] = [a for a in allowed if not a.startswith("https:")]
# A query of bi_reader may run for two minutes, see `migstats watchdog`.
SUPERSET_WEBSERVER_TIMEOUT = 120
ROW_LIMIT = 10_000
SQL_MAX_ROW = 10_000
FEATURE_FLAGS = {"DASHBOARD_RBAC": False, "ALERT_REPORTS": False, "ENABLE_TEMPLATE_PROCESSING": False}
RATELIMIT_STORAGE_URI = "memory://"
# Of one process on one machine: what was asked is kept for a minute, so that a publication is seen then.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 60, "CACHE_THRESHOLD": 500}
LOG_LEVEL = logging.WARNING
SILENCE_FAB = True
