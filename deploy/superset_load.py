"""Bring a Superset to what a bundle says: tables, roles, the user `admin`, dashboards. Runs in its own environment.

    .superset/venv/bin/python deploy/superset_load.py BUNDLE.zip

`superset import-dashboards` keeps what it finds of databases, datasets and charts, whatever the bundle says. Here
each of them is overwritten, and what the bundle no longer has is removed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import yaml


def main(bundle: Path) -> None:
    """All steps; each leaves as it is what is right already."""
    from superset.app import create_app

    with create_app().app_context():
        from flask import g
        from flask_migrate import upgrade
        from superset.extensions import appbuilder, security_manager

        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        g.user = admin(security_manager, os.environ["SUPERSET_ADMIN_PASSWORD"])
        with ZipFile(bundle) as packed:
            contents = {
                name.partition("/")[2]: packed.read(name).decode()
                for name in packed.namelist()
                if name.endswith(".yaml")
            }
        load(contents)
        let_everybody_read(security_manager)


def admin(security_manager: Any, password: str) -> Any:
    """The user `admin` with this password."""
    user = security_manager.find_user(username="admin")
    if user is None:
        role = security_manager.find_role("Admin")
        return security_manager.add_user("admin", "Admin", "migstats", "admin@localhost", role, password)
    security_manager.reset_password(user.id, password)
    return user


def load(contents: dict[str, str]) -> None:
    """Import the files of a bundle, each kind of them so that it overwrites what is there."""
    from superset import db
    from superset.commands.chart.importers.dispatcher import ImportChartsCommand
    from superset.commands.dashboard.importers.dispatcher import ImportDashboardsCommand
    from superset.commands.database.importers.dispatcher import ImportDatabasesCommand
    from superset.commands.dataset.importers.dispatcher import ImportDatasetsCommand
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    kinds = (
        ("Database", "databases/", Database, ImportDatabasesCommand),
        ("SqlaTable", "datasets/", SqlaTable, ImportDatasetsCommand),
        ("Slice", "charts/", Slice, ImportChartsCommand),
        ("Dashboard", "dashboards/", Dashboard, ImportDashboardsCommand),
    )
    needed: dict[str, str] = {}
    for kind, prefix, _, command in kinds:
        needed |= {path: text for path, text in contents.items() if path.startswith(prefix)}
        metadata = yaml.safe_dump({"version": "1.0.0", "type": kind})
        command({"metadata.yaml": metadata, **needed}, overwrite=True).run()
    for _, prefix, model, _ in reversed(kinds):
        named = {yaml.safe_load(text)["uuid"] for path, text in contents.items() if path.startswith(prefix)}
        remove(db, (one for one in db.session.query(model).all() if str(one.uuid) not in named))
    db.session.commit()


def remove(db: Any, left: Iterable[Any]) -> None:
    """Take away what an earlier bundle brought. This Superset is of the dashboards alone: other things are not kept."""
    for one in left:
        print(f"removed: {one}")
        db.session.delete(one)


def let_everybody_read(security_manager: Any) -> None:
    """Who is not signed in may read the datasets: they are what bi_reader may read, that is, what is published."""
    from superset import db
    from superset.models.core import Database

    role = security_manager.find_role("Public")
    for database in db.session.query(Database).all():
        permission = security_manager.add_permission_view_menu("database_access", database.perm)
        security_manager.add_permission_role(role, permission)
    db.session.commit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
