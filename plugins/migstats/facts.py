"""Files of facts: YAML read strictly, and errors that name the file, the field, what was found and what to do.

Imported by the DAG files at parse time, so nothing heavy is imported here.
"""

from __future__ import annotations

import datetime as dt
import reprlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from migstats.errors import DeclarationError

#: Collections within collections that a file may hold; the reader of YAML in C runs out of stack far beyond.
_DEEPEST: Final = 50


class _Loader(yaml.CSafeLoader):
    """Safe YAML in which a repeated key is an error, not a silent overwrite, and whose errors name the line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _no(node, f"a key has to be one word, found {_short(key)}", key_node)
            if key in seen:
                raise _no(node, f"the key {key!r} stands twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> dt.date:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise _no(node, f"{node.value!r} is no date: {error}", node) from None


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _no(context: yaml.Node, problem: str, node: yaml.Node) -> yaml.YAMLError:
    within = "while reading a mapping" if isinstance(context, yaml.MappingNode) else "while reading a value"
    return yaml.constructor.ConstructorError(within, context.start_mark, problem, node.start_mark)


def read_yaml(path: Path) -> Any:
    """What a YAML file says, as plain objects. DeclarationError is one line: the file, the line, and what to do."""
    return parse_yaml(path, read_text(path))


def read_text(path: Path) -> str:
    """A file's text. DeclarationError where it is not there or no UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def parse_yaml(path: Path, text: str) -> Any:
    """What the text of a YAML file says; `path` is for the errors, which are those of `read_yaml`."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise ValueError(f"more than {_DEEPEST} collections stand in one another{event.start_mark}")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DeclarationError:
    said = " ".join(str(error).replace("<unicode string>", "the file").split())
    return DeclarationError(f"{path}: cannot be read as YAML: {said}; mend the line named")


#: Errors that a whole value is of another kind than expected; pydantic reports them for what stands in it, too.
_OF_ANOTHER_KIND = frozenset({"too_short", "string_type", "tuple_type", "dict_type", "model_type"})


def wrong_fields(error: ValidationError, facts: object) -> list[str]:
    """One line per wrong field, named as the file names it."""
    found = [(_path(e["loc"], facts, missing=e["type"] == "missing"), e) for e in error.errors()]

    def is_echo(path: Sequence[str], kind: str) -> bool:
        """Is it said better by another error, about a part of the same value or about what the value says?"""
        return kind in _OF_ANOTHER_KIND and any(
            other[: len(path)] == path and (len(other) > len(path) or e["type"] not in _OF_ANOTHER_KIND)
            for other, e in found
        )

    lines: dict[tuple[str, str], list[str]] = {}
    for path, e in found:
        if not is_echo(path, e["type"]):
            lines.setdefault((".".join(path) or "(the whole file)", _short(e["input"])), []).append(e["msg"])
    return [f"{path}: {', or: '.join(dict.fromkeys(m))} (found {value})" for (path, value), m in lines.items()]


def _path(location: Iterable[str | int], facts: object, *, missing: bool) -> tuple[str, ...]:
    """The keys of a location that stand in the file; those of the model (which kind of value was tried) do not."""
    path: list[str] = []
    steps = list(location)
    for number, step in enumerate(steps, start=1):
        known: Mapping[object, object] = {}
        if isinstance(facts, Mapping | list):
            known = facts if isinstance(facts, Mapping) else dict(enumerate(facts))
        if step in known or (missing and number == len(steps)):
            facts = known.get(step)
            path.append(str(step))
    return tuple(path)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def _short(value: object) -> str:
    text = _SHORT.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
