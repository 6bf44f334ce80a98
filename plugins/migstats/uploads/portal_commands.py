"""`migstats portal ...`: serve the portal, and keep the accounts of officials."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated

import typer

from migstats import settings
from migstats.errors import ConfigurationError, PermanentError
from migstats.roles import role_url
from migstats.terminal import plainly, print_json, print_table

app = typer.Typer(help="The portal where officials send workbooks, and their accounts.", no_args_is_help=True)
user = typer.Typer(help="Accounts of officials, each for one country.", no_args_is_help=True)
app.add_typer(user, name="user")

Name = Annotated[str, typer.Argument(help="what the official signs in with")]
Ask = Annotated[bool, typer.Option("--ask", help="ask for the password instead of making one")]


@app.command()
@plainly
def serve(
    host: Annotated[str, typer.Option(help="address to listen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 1,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="plain HTTP, on this machine only")] = False,
    trust_proxy: Annotated[
        str, typer.Option(help="addresses of the proxy that ends TLS, whose X-Forwarded-For is believed")
    ] = "127.0.0.1",
) -> None:
    """Serve the portal; behind a proxy that ends TLS, since its cookies go over HTTPS only."""
    import uvicorn

    from migstats.uploads.inflow import PatientProtocol

    if plain_http and not _is_this_machine(host):
        raise ConfigurationError(
            f"--plain-http: {host} can be reached from elsewhere; listen at 127.0.0.1, or use HTTPS"
        )
    os.environ["MIGSTATS_PORTAL_URL"] = portal_url()
    os.environ["MIGSTATS_PORTAL_PLAIN_HTTP"] = "yes" if plain_http else ""
    uvicorn.run(
        "migstats.uploads.portal:from_settings",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        server_header=False,
        forwarded_allow_ips=trust_proxy,
        timeout_graceful_shutdown=30,
    )


def portal_url() -> str:
    """MIGSTATS_PORTAL_URL, else the warehouse as the role migstats_portal. ConfigurationError without its password."""
    return os.environ.get("MIGSTATS_PORTAL_URL") or role_url(settings.warehouse_url(), "migstats_portal")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@user.command("add")
@plainly
def add(
    name: Name,
    country: Annotated[str, typer.Option(help="three letters of ISO 3166-1; they see and send nothing else")],
    email: Annotated[str, typer.Option(help="receipts go there")],
    language: Annotated[str, typer.Option(help="en, fr, es, ar or ru")] = "en",
    ask: Ask = False,
) -> None:
    """Make an account. Its password is made, and shown this once, unless it is asked for."""
    from migstats.uploads import accounts

    password = _password(ask)
    made = accounts.add(
        settings.warehouse_url(), name, country=country.upper(), language=language, email=email, password=password
    )
    print(f"{made.name} can sign in for {made.country}")
    _show(password, ask)


@user.command("list")
@plainly
def list_(as_json: Annotated[bool, typer.Option("--json", help="print JSON, for a program to read")] = False) -> None:
    """List the accounts."""
    from migstats.uploads import accounts

    found = [asdict(account) for account in accounts.listed(settings.warehouse_url())]
    if as_json:
        print_json(found)
    else:
        print_table(
            ("name", "country", "language", "email", "active", "created_at"), (list(row.values()) for row in found)
        )


@user.command("disable")
@plainly
def disable(name: Name, again: Annotated[bool, typer.Option("--undo", help="give the account back")] = False) -> None:
    """Take an account away: nobody signs in with it, and who is signed in is signed out at once."""
    from migstats.uploads import accounts

    accounts.set_active(settings.warehouse_url(), name, active=again)
    print(f"{name} {'can sign in again' if again else 'can sign in no more'}")


@user.command("password")
@plainly
def password(name: Name, ask: Ask = False) -> None:
    """Give an account another password; who is signed in with it is signed out."""
    from migstats.uploads import accounts

    made = _password(ask)
    accounts.set_password(settings.warehouse_url(), name, made)
    print(f"{name} has another password")
    _show(made, ask)


def _password(ask: bool) -> str:
    from migstats.uploads import accounts

    if not ask:
        return accounts.generated()
    if not sys.stdin.isatty():
        given = sys.stdin.readline().rstrip("\n")
        if not given:
            raise PermanentError("--ask: no password came by standard input; write it there, or leave --ask out")
        return given
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _show(password: str, asked: bool) -> None:
    if not asked:
        print(f"password, shown this once: {password}")
