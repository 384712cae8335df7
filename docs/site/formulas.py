"""Formulas as MathML: every current browser draws it, and no script is fetched."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)


def on_page_content(content: str, **_: Any) -> str:
    """What arithmatex has marked, as MathML with its source as text alternative."""
    return FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    latex = html.unescape(found["latex"]).strip()
    display = "block" if found["tag"] == "div" else "inline"
    drawn = convert(latex, display=display)
    return drawn.replace("<math ", f'<math aria-label="{html.escape(latex)}" ', 1)
