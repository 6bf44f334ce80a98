"""The runbook: it covers every alert, names only commands that there are, and stays short enough to read in trouble."""

from __future__ import annotations

import re

import pytest
import typer.main

from migstats import alerts, errors, settings
from migstats.cli import app

TEXT = (settings.home() / "docs" / "operations.md").read_text(encoding="utf-8")


def test_it_is_under_200_lines() -> None:
    assert len(TEXT.splitlines()) < 200


@pytest.mark.parametrize("kind", alerts.KINDS)
def test_every_alert_has_a_row_that_says_what_to_do(kind: str) -> None:
    [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{kind}` |")]
    assert all(cell.strip() for cell in row.strip("|").split("|"))


def test_every_command_and_option_that_it_names_is_there() -> None:
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]
    named = re.findall(r"(?:`|^)migstats ([a-z]+)([^`\n]*)", TEXT, re.MULTILINE)
    assert len(named) > 20
    for command, rest in named:
        assert command in commands, command
        options = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, (command, rest)
    targets = (settings.home() / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)", TEXT):
        assert f"\n{target}:" in targets, target


def test_every_error_that_it_explains_is_there() -> None:
    for name in re.findall(r"`([A-Z][A-Za-z]+Error)`", TEXT):
        assert hasattr(errors, name), name
