"""Reads the part of YAML that a gleaner.yaml needs: mappings in blocks and braces, plain and quoted
texts, numbers, true, false and null. What it cannot read in other sections, it skips."""

from __future__ import annotations

import json
import re
from typing import Dict, List, Tuple, Union

Value = Union[str, int, bool, None, Dict[str, "Value"]]

_LINE = re.compile(r"( *)([A-Za-z_][\w-]*)\s*:(?:\s+(.*))?$")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_PLAIN_NUMBER = re.compile(r"-?\d{1,15}$")


class UnreadableError(ValueError):
    """A value in a notation that this reader does not know."""


def read_section(text: str, name: str) -> Dict[str, Value]:
    """The mapping under a key of the top; empty if it is not there."""
    if text.lstrip().startswith("{"):
        return _mapping_at(json.loads(text).get(name), name)
    lines = _lines_of(text)
    for at, (indent, key, rest) in enumerate(lines):
        if indent != 0 or key != name:
            continue
        if rest:
            value = _value_of(rest)
        else:
            value, _ = _block(lines, at + 1, 0)
        return _mapping_at(value, name)
    return {}


def _mapping_at(value: Value, name: str) -> Dict[str, Value]:
    if value is not None and not isinstance(value, dict):
        raise UnreadableError(f"{name} is no mapping")
    return value or {}


Line = Tuple[int, str, str]


def _lines_of(text: str) -> List[Line]:
    lines = []
    for line in _joined(text):
        found = _LINE.match(line)
        if found is not None:
            lines.append((len(found[1]), found[2], (found[3] or "").strip()))
        elif line.strip():
            # A list, or a text of several lines: nobody asks for the section that has it.
            lines.append((len(line) - len(line.lstrip()), "", line.strip()))
    return lines


def _joined(text: str) -> List[str]:
    """Lines without comments; those that braces span are one."""
    joined: List[str] = []
    depth = 0
    for line in map(_without_comment, text.splitlines()):
        if depth > 0:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line.rstrip())
        bare = _QUOTED.sub("", line)
        depth = max(0, depth + bare.count("{") - bare.count("}"))
    return joined


def _without_comment(line: str) -> str:
    hidden = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    at = re.search(r"(^|\s)#", hidden)
    return line if at is None else line[: at.start()]


def _block(lines: List[Line], at: int, above: int) -> Tuple[Dict[str, Value], int]:
    """The lines from `at` that are further in than `above`, and where they end."""
    values: Dict[str, Value] = {}
    inner = lines[at][0] if at < len(lines) else 0
    if inner <= above:
        return values, at
    while at < len(lines) and lines[at][0] > above:
        indent, key, rest = lines[at]
        if indent != inner or not key:
            raise UnreadableError(f"{key or rest} is in a notation that this reader does not know")
        at += 1
        if rest:
            values[key] = _value_of(rest)
        elif at < len(lines) and lines[at][0] > indent:
            values[key], at = _block(lines, at, indent)
        else:
            values[key] = None
    return values, at


def _value_of(text: str) -> Value:
    return _Flow(text).read() if text.startswith("{") else _scalar(text)


def _scalar(text: str) -> Value:
    if _QUOTED.fullmatch(text):
        if text[0] == "'":
            return text[1:-1].replace("''", "'")
        read: str = json.loads(text)
        return read
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _PLAIN_NUMBER.match(text):
        return int(text)
    if text[0] in "[]&*!|>%@`\"'":
        raise UnreadableError(f"{text[:40]} is in a notation that this reader does not know")
    return text


class _Flow:
    """A mapping in braces."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Dict[str, Value]:
        value = self._mapping()
        if self._text[self._at :].strip():
            raise UnreadableError("something follows a closing brace")
        return value

    def _mapping(self) -> Dict[str, Value]:
        values: Dict[str, Value] = {}
        self._skip("{")
        while not self._starts("}"):
            key = _scalar(self._word(":"))
            self._skip(":")
            values[str(key)] = self._mapping() if self._starts("{") else _scalar(self._word(",}"))
            if not self._starts("}"):
                self._skip(",")
        self._skip("}")
        return values

    def _word(self, ends: str) -> str:
        self._blank()
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            return quoted[0]
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        return self._text[start : self._at].strip()

    def _starts(self, mark: str) -> bool:
        self._blank()
        return self._text.startswith(mark, self._at)

    def _skip(self, mark: str) -> None:
        if not self._starts(mark):
            raise UnreadableError(f"expected {mark} at {self._text[self._at : self._at + 40]}")
        self._at += 1

    def _blank(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
