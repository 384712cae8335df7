"""Which tokens of a line are those of a stated word."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ManifoldScaleError, require
from ..core.tables import lines_of

Span = tuple[int, int]  # characters from 0; the second is left out
CHARACTERS = re.compile(r"(\d+)\.\.(\d+)")
NUMBERED = re.compile(r"(.+)#([1-9]\d*)")


def spans_of(path: str, lines: Sequence[str], kept: Sequence[int]) -> list[Span]:
    """The characters of each kept line of a text that a file names.

    The file has a line for each line of the text, or for each that is not empty: a word;
    `word#2` for its second place in the line; or characters, `4..9`, from 0, the last left
    out.

    Raises
    ------
    ManifoldScaleError : no such file; another number of lines; a word that is not in its
        line, or several times, with the number of the line.
    """
    try:
        asked = lines_of(Path(path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifoldScaleError(
            f"points='word:{path}' needs a file with one word for each line of the text, "
            f"which cannot be read: {error}."
        ) from error
    if len(asked) == len(lines):
        asked = [asked[place] for place in kept]
    require(
        len(asked) == len(kept),
        f"{path} has {len(asked):,} lines, the text {len(lines):,}"
        f"{'' if len(kept) == len(lines) else f', {len(kept):,} of them not empty'}: give "
        "one word or span of characters for each.",
    )
    return [
        _span(word.strip(), lines[place], f"{path}: of line {place + 1} of the text")
        for word, place in zip(asked, kept, strict=True)
    ]


def _span(asked: str, line: str, where: str) -> Span:
    shown = repr(line if len(line) <= 60 else f"{line[:57]}...")
    require(bool(asked), f"{where}, {shown}, no word is named.")
    by_number = CHARACTERS.fullmatch(asked)
    if by_number:
        start, stop = int(by_number[1]), int(by_number[2])
        require(
            start < stop <= len(line),
            f"{where}, {shown}, there are no characters {asked}: it has {len(line)}.",
        )
        return start, stop
    places, number = _places(asked, line), 1
    numbered = NUMBERED.fullmatch(asked)
    if not places and numbered:
        asked, number = numbered[1], int(numbered[2])
        places = _places(asked, line)
    elif len(places) > 1:
        start, stop = places[0]
        raise ManifoldScaleError(
            f"{where}, {shown}, {asked!r} is there {len(places)} times: write {asked}#1 "
            f"for the first, or its characters, {start}..{stop}."
        )
    require(
        number <= len(places),
        f"{where}, {shown}, {asked!r} is no word"
        f"{f' {number} times' if number > 1 else ''}: upper and lower case count, and a "
        "word ends where its letters do.",
    )
    return places[number - 1]


def _places(word: str, line: str) -> list[Span]:
    found = re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", line)
    return [one.span() for one in found]


def marks_of(
    spans: Sequence[Span], offsets: Sequence[Sequence[Span]], name: str
) -> list[list[int]]:
    """1 at each token that has a character of the span.

    Parameters
    ----------
    offsets : of each line, the characters of its tokens; special tokens have none.
    name : of the file, for an error.
    """
    marks = [
        [int(a < b and a < stop and b > start) for a, b in line]
        for (start, stop), line in zip(spans, offsets, strict=True)
    ]
    lost = [place for place, mark in enumerate(marks) if not any(mark)]
    require(
        not lost,
        f"{name}: {len(lost)} words have no token, the first in line "
        f"{(lost or [0])[0] + 1} of those that are not empty: the line was cut before it.",
    )
    return marks
