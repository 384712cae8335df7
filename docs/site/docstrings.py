"""Our docstrings as Markdown: sections of `name : what it is`, whose types stand in the
signature; doctests and tables as code.
"""

import re
from collections.abc import Iterator
from typing import Any

import griffe

ENTRY = re.compile(r"^(?P<names>[*\w`][\w*`., ]*?) : (?P<text>.+)$")
RULE = re.compile(r"^-{3,}$")
TABLE = re.compile(r"^=+(\s+=+)+$")


class AsMarkdown(griffe.Extension):
    """Rewrites every docstring before it is rendered."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """The docstring for a page.

    >>> print(as_markdown("Sum.\\n\\nParameters\\n----------\\na, b : numbers,\\n    two."))
    Sum.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    - `a, b`: numbers,
      two.
    """
    return "\n".join(_rewritten(iter(docstring.splitlines())))


def _rewritten(lines: Iterator[str]) -> Iterator[str]:
    inside, held = False, ""
    for line in lines:
        entry = ENTRY.match(line) if inside else None
        if RULE.match(line):
            held, inside = f"**{held}**\n", True
            continue
        yield held
        if line.startswith(">>>") or TABLE.match(line):
            yield from _fenced(line, lines, "pycon" if line[0] == ">" else "text")
            held = ""
        elif entry is not None:
            names = entry["names"].replace("`", "")
            held = f"- `{names}`: {entry['text']}"
        elif inside and line.startswith("    "):
            held = line[2:]
        else:
            held = line
    yield held


def _fenced(first: str, lines: Iterator[str], language: str) -> Iterator[str]:
    """A block up to the next empty line."""
    yield f"\n```{language}"
    yield first
    for line in lines:
        if not line.strip():
            break
        yield line
    yield "```\n"
