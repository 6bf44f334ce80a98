"""Who tells alerts: Airflow's notifiers, those that the setting MIGSTATS_NOTIFIERS names, else a line in the log."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

from airflow.sdk import BaseNotifier

from migstats.alerts import Alert
from migstats.errors import ConfigurationError, TryAgainError

log = logging.getLogger("migstats.alerts")

#: JSON: the dotted path of a notifier's class → its arguments, whose templates know `alert`.
SETTING: Final = "MIGSTATS_NOTIFIERS"

#: What keeps a source from its figures, or us from giving account of them; the others can wait until morning.
GRAVE: Final = ("failing", "snapshot")


class LogNotifier(BaseNotifier):  # type: ignore[misc]  # Airflow is untyped here
    """Writes one line: an error for what is grave, else a warning."""

    def notify(self, context: Any) -> None:
        """Tell the alert of the context."""
        alert: Alert = context["alert"]
        grave = alert.kind in GRAVE and alert.change == "raised"
        message = " ".join(alert.message.split())
        log.log(logging.ERROR if grave else logging.WARNING, "ALERT %s: %s", alert.title, message)


DEFAULT: Final = f"{LogNotifier.__module__}.{LogNotifier.__qualname__}"


def notifiers() -> dict[str, Mapping[str, Any]]:
    """Dotted path of a notifier's class, which is its name in the ledger too → its arguments.

    ConfigurationError where the setting is no JSON object of objects.
    """
    text = os.environ.get(SETTING) or json.dumps({DEFAULT: {}})
    try:
        declared = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{SETTING}: is no JSON ({error}); write {_example()}") from None
    if not isinstance(declared, dict) or not all(isinstance(kwargs, dict) for kwargs in declared.values()):
        raise ConfigurationError(f"{SETTING}: is no object of objects; write {_example()}")
    return declared


def _example() -> str:
    return '{"package.module.Class": {"argument": "{{ alert.title }}"}}'


def teller(path: str, context: Mapping[str, Any]) -> Callable[[Alert], None]:
    """What lets the notifier of this path tell an alert, in a task's `context`.

    It raises ConfigurationError where the notifier cannot be made, TryAgainError where it could not tell.
    """
    declared = notifiers()
    if path not in declared:
        raise ConfigurationError(f"{SETTING}: names no {path!r}; it names {', '.join(declared)}")
    return partial(_tell, path, declared[path], context)


def _tell(path: str, kwargs: Mapping[str, Any], context: Mapping[str, Any], alert: Alert) -> None:
    """Make the notifier anew, since it renders its templates once, and let it tell one alert."""
    from airflow.sdk.exceptions import AirflowException
    from jinja2 import TemplateError

    module, _, name = path.rpartition(".")
    try:
        notifier = getattr(import_module(module), name)(**kwargs)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{SETTING}: {path} cannot be made: {error}; mend its path or arguments") from error
    if not isinstance(notifier, BaseNotifier):
        raise ConfigurationError(f"{SETTING}: {path} is no notifier of Airflow; name a class made from BaseNotifier")
    try:
        notifier({**context, "alert": alert})
    except TemplateError as error:
        raise ConfigurationError(f"{SETTING}: {path}: a template is wrong: {error}; it may use `alert`") from error
    except (OSError, RuntimeError, ValueError, AirflowException) as error:  # smtplib's and requests' are an OSError
        raise TryAgainError(f"{type(error).__name__}: {error}") from error
