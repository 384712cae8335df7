"""A number of a benchmark that the documents quote is the one in its JSON file.

After a benchmark was run again this says which sentences to change, and to what.
"""

import json
import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def measured(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / f"{name}.json").read_text("utf-8"))


def line(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    """The one row with these values."""
    (found,) = (row for row in rows if all(row[k] == v for k, v in wanted.items()))
    return found


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def quoted() -> list[tuple[str, str]]:
    """(page, words that stand there)."""
    page, limits = "docs/what-you-get.md", "docs/limits.md"
    theory = "docs/theory/scaling-laws.md"
    found = []

    search = measured("speed")["search"]
    large = [
        row["ours / best"]
        for row in search
        if row["points"] >= 5_000 and row["anchors"] == row["points"]
    ]
    small = [row["ours / best"] for row in search if row["points"] == 1_000]
    found += [
        (page, f"it takes {median(large):.2f} of the time of the fastest"),
        (page, f"(median of {len(large)} cases"),
        (page, f"{max(large):.2f} at worst"),
        (page, f"For 1,000 points the median is {median(small):.2f}"),
    ]

    networks = line(
        measured("foreign")["summary"],
        **{"network": "all networks", "sites are": "together"},
    )
    found += [
        (page, f"{networks['sites']} sites): {percent(networks['covered'], 0)} of the"),
        (page, f"at an error of {percent(networks['error'])}, where TwoNN errs by "
               f"{percent(networks['twonn'])}"),
    ]  # fmt: skip
    pitch = {"network": "pitch tiny"}
    alone, together = (
        line(measured("foreign")["summary"], **pitch, **{"sites are": kind})["error"]
        for kind in ("alone", "together")
    )
    found.append((page, f"falls from {100 * alone:.1f} to {100 * together:.1f} %"))

    families = measured("families")["summary"]
    every = line(families, family="mean over families")
    named = families[: families.index(every)]
    found += [
        (page, f"{percent(every['covered'])} of the intervals hold"),
        (
            page,
            f"at an error of {percent(every['error'])} (TwoNN: {percent(every['TwoNN'])})",
        ),
        (page, f"({percent(min(row['covered'] for row in named), 0)} in the worst family)"),
    ]

    accuracy = measured("accuracy")["summary"]
    auto, twonn = (line(accuracy, method=name) for name in ("Auto", "TwoNN"))
    parts = ("all", "d <= 6", "d > 6")
    whole, low, high = (f"{auto[part]:.1f} %" for part in parts)
    rival = ", ".join(f"{twonn[part]:.1f} %" for part in parts)
    found.append(
        (page, f"error of {whole}: {low} up to d = 6 and {high} above (TwoNN: {rival})")
    )

    packs = [row["ratio"] for row in measured("packs") if row["members"] >= 16]
    found.append((page, f"{min(packs):.0f} to {max(packs):.0f} times as fast"))

    vision = line(measured("forecasts")["held back"], curves="vision (36)")
    found += [
        (page, f"an error of {vision['error']:.3f} (published"),
        (limits, f"its error is {vision['error']:.3f} in"),
        (theory, f"is {vision['error']:.3f}, the median {vision['median']:.3f} (the law to "
                 f"all sizes: {vision['law to all']:.3f})"),
        (theory, f"{percent(vision['in 95 %'], 0)} of the held-back losses"),
    ]  # fmt: skip

    recorded = measured("above_noise")["summary"]
    every = recorded[0]
    by_trials = {
        row["trials"]: percent(row["identifiable"], 0)
        for row in recorded
        if row["kind"] == "all"
    }
    dimension = "docs/theory/dimension.md"
    found += [
        (dimension, f"for {by_trials['all']} of {every['recordings']} recordings: "
                    f"{by_trials[4]} at 4 trials, {by_trials[8]} at 8, {by_trials[16]} at "
                    f"16 and {by_trials[32]} at 32"),
        (dimension, f"{percent(every['held'])} hold the truth, at an error of "
                    f"{percent(every['error'])}; nearest neighbours err by a factor of "
                    f"{1 + every['TwoNN']:.0f}"),
        (page, f"{percent(every['held'])} of the intervals hold the dimension, where TwoNN "
               f"on the means errs by a factor of {1 + every['TwoNN']:.0f}"),
    ]  # fmt: skip

    curves = measured("learning_curves")["cases"]
    worst = {
        (theory, is_digits): percent(
            max(
                abs(row[theory]) for row in curves if is_digits == (row["data"] == "digits")
            )
        )
        for theory in ("one kappa", "each its own")
        for is_digits in (False, True)
    }
    own = worst["each its own", False]
    found += [
        (page, f"right to {own} on MNIST and Fashion-MNIST up to 0.8 of the points, where "
               f"one kappa for all points is up to {worst['one kappa', False]} too low"),
        ("docs/theory/solvable-models.md",
         f"within {own} on MNIST and Fashion-MNIST and "
         f"{worst['each its own', True]} on digits"),
    ]  # fmt: skip

    how = "docs/how-to/measure-a-scaling-law.md"
    for row in measured("interval_cost"):
        design = f"| {row['decades']:g} | {row['sizes']} x {row['seeds']} |"
        if design in (ROOT / how).read_text("utf-8"):
            shares = (percent(row[name], 0) for name in ("zero", "known", "free"))
            found.append((how, f"{design} {' | '.join(shares)} |"))

    cost = measured("extraction")
    wide, narrow, small = (cost[f"overhead{end}"] for end in ("", "_narrow", "_small"))
    adds, by_hand = (
        [percent(case[key], 0) for case in (wide, narrow, small)]
        for key in ("overhead", "overhead_by_hand")
    )
    found += [
        ("docs/decisions.md",
         f"width 1,024 add {adds[0]} to a bare pass of 256 examples; at width 512 "
         f"{adds[1]}, and {adds[2]} to a pass of 32."),
        ("docs/decisions.md",
         f"check nothing, add {by_hand[0]}, {by_hand[1]} and {by_hand[2]}"),
    ]  # fmt: skip
    return found


@pytest.mark.parametrize(("page", "words"), quoted())
def test_a_quoted_number_is_the_measured_one(page: str, words: str) -> None:
    text = re.sub(r"\s+", " ", (ROOT / page).read_text("utf-8"))
    assert words in text
