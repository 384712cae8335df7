"""Texts of a results.json are texts on the page, whatever they hold and wherever they
stand: no element, attribute, link or script comes of them.
"""

import contextlib
import itertools as it
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import manifoldscale as ms
from manifoldscale.report import page
from manifoldscale.runs.record import checked, read_record, save_pages

RESULTS = ("study", "probe", "fit", "compare", "estimate", "plan.json")
ATTACK = (
    '"\' onmouseover="alert(1) --> </title></style></script><script>alert(1)</script>'
    "<img src=x onerror=alert(1)><svg onload=alert(1)><b>{{ 'ev' ~ 'il' }}{% raw %}"
    '<a href="javascript:alert(1)">x</a> javascript:alert(1) %{x} ${x} `x` $\\frac$'
)
NOTES = {("ul", ""), ("ul", "class"), ("li", "")}  # which a page may have or not
Place = tuple[Any, ...]


class Elements(HTMLParser):
    """Every element of a page, with its attributes, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.lasttag == "script":
            self.scripts.append(data)

    @property
    def shapes(self) -> set[tuple[str, str]]:
        return {(tag, name) for tag, attrs in self.found for name in ("", *attrs)}


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every leaf of a record, and every key of a mapping; places of lists are one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*at, ("key", key))
            yield from places(item, (*at, key))
    elif isinstance(value, list):
        for item in value:
            yield from places(item, (*at, "*"))
    else:
        yield at


def attacked(value: Any, at: Place, by: Any = ATTACK) -> Any:
    """A copy in which the leaf, or the key, at a place is the attack."""
    if not at:
        return by
    first, rest = at[0], at[1:]
    if isinstance(first, tuple):
        return {(by if key == first[1] else key): item for key, item in value.items()}
    if first == "*":
        return [attacked(one, rest, by) if reaches(one, rest) else one for one in value]
    return {**value, first: attacked(value[first], rest, by)}


def reaches(value: Any, at: Place) -> bool:
    for step in at:
        if step == "*":
            if not isinstance(value, list) or not value:
                return False
            value = value[0]
        else:
            key = step[1] if isinstance(step, tuple) else step
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
    return True


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "library", lambda: "")


def page_of(content: Any, path: Path) -> str:
    problems = save_pages([checked(content, "the attack", "name")], path)
    assert not problems
    return path.read_text()


def assert_dead(page: str, honest: Elements) -> None:
    found = Elements(page)
    assert found.shapes <= honest.shapes | NOTES
    assert sum(tag == "script" for tag, _ in found.found) <= len(honest.found)
    for tag, attrs in found.found:
        for name, value in attrs.items():
            assert not name.startswith("on")
            assert name not in ("href", "src") or str(value).startswith("#")
            if name == "id" or (name == "for" and tag != "output"):
                assert re.fullmatch(r"[a-z0-9_-]+", str(value)), value
    assert "evil" not in page
    for script in found.scripts:
        for escape, sign in (("\\u003c", "<"), ("\\u003e", ">"), ("\\u002f", "/")):
            script = script.replace(escape, sign)
        # Plotly makes elements of some tags, wherever it writes; we give it <b> alone.
        drawn = script.split("Plotly.newPlot")[-1]
        assert not re.search(r"<(img|svg|script|a )|<b>\{", drawn)


def all_texts(value: Any) -> Any:
    """A copy in which all texts are the attack, but for what says which kind it is."""
    if isinstance(value, dict):
        kept = ("kind", "axis")
        return {k: v if k in kept else all_texts(v) for k, v in value.items()}
    if isinstance(value, list):
        return [all_texts(item) for item in value]
    return ATTACK if isinstance(value, str) else value


# What only `load` reads, and no page: the results that a comparison is of, say.
OPENED = {
    "compare": ("from",),
    "fit": ("learning_curve", "asked"),
    "study": ("dimensions", "resolved"),
}


def told(path: Path) -> Any:
    """The content of a results file, as far as a page is made of it."""
    content = dict(read_record(path).content)
    left_out = OPENED.get(content["kind"], ())
    return json.loads(json.dumps({k: v for k, v in content.items() if k not in left_out}))


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.usefixtures("no_library")
def test_all_texts_at_once(runs: Path, tmp_path: Path, name: str) -> None:
    content = json.loads(json.dumps(dict(read_record(runs / name).content)))
    honest = Elements(page_of(content, tmp_path / "page.html"))
    page = page_of(all_texts(content), tmp_path / "page.html")
    assert_dead(page, honest)
    assert page.count("onmouseover") > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.usefixtures("no_library")
def test_every_field_of_every_kind(runs: Path, tmp_path: Path, name: str) -> None:
    content = told(runs / name)
    out = tmp_path / "page.html"
    honest = Elements(page_of(content, out))
    shown, refused = 0, 0
    for at in dict.fromkeys(places(content)):
        if at[:1] in ((("key", "kind"),), ("kind",), ("schema",)):
            continue
        changed = attacked(content, at)
        try:
            page = page_of(changed, out)
        except ms.ManifoldScaleError as error:
            assert "damaged" in str(error) or "schema" in str(error)
            refused += 1
            continue
        assert_dead(page, honest)
        shown += ATTACK[:10] in page or "onmouseover" in page
    assert shown > 5 and refused > 5


def survives(content: Any, path: Path) -> None:
    with contextlib.suppress(ms.ManifoldScaleError):
        page_of(content, path)


DAMAGE: list[tuple[Place, Any]] = [
    (("kind",), ["study"]), (("kind",), {}), (("alpha_D", "floor"), 10**400),
    (("provenance", "python"), None), (("predictions", "*", "source"), -1),
    (("alpha_D", "losses", "x"), []), (("sites",), None), (("timings",), [1]),
]  # fmt: skip


@pytest.mark.usefixtures("no_library")
def test_damage_is_shown_or_refused(runs: Path, tmp_path: Path) -> None:
    content = json.loads(json.dumps(dict(read_record(runs / "study").content)))
    for at, value in DAMAGE:
        survives(attacked(content, at, value), tmp_path / "page.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.usefixtures("no_library")
def test_any_damage_is_shown_or_refused(runs: Path, tmp_path: Path, name: str) -> None:
    content = told(runs / name)
    found = dict.fromkeys(places(content))
    for at, value in zip(found, it.cycle([None, [], None, 10**400]), strict=False):
        damage = None if isinstance(at[-1], tuple) else value
        survives(attacked(content, at, damage), tmp_path / "page.html")


@pytest.mark.usefixtures("no_library")
def test_the_check_sees_an_attack(runs: Path, tmp_path: Path) -> None:
    content = dict(read_record(runs / "fit").content)
    page = page_of(content, tmp_path / "page.html")
    honest = Elements(page)
    assert_dead(page, honest)
    for bad in ("<img src=x>", '<a href="http://x">', '<p id="a b">', "<p onclick=x>"):
        with pytest.raises(AssertionError):
            assert_dead(page + bad, honest)
