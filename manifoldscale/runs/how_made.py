"""How a study was made: the table of its settings and versions."""

from collections.abc import Mapping
from typing import Any

from ..report.parts import Listing
from . import telling


def how_made(content: Mapping[str, Any]) -> Listing:
    """Settings and versions of a study, from its results.json."""
    plan, provenance = content["study"]["plan"], content["provenance"]
    return telling.provenance(
        [
            ("task", telling.settings(plan["task"])),
            ("dataset sizes", ", ".join(map(str, plan["dataset_sizes"]))),
            (
                "seeds",
                f"{plan['seeds']} networks each, every one with its own initialisation, "
                f"training set and test set of {plan['n_test']}{_halved(plan)}",
            ),
            ("network", provenance.get("network") or _perceptron(plan)),
            ("training", telling.settings(plan["training"])),
            ("seed", str(provenance["seed"])),
            *telling.versions(provenance["versions"]),
            ("Python", provenance["python"]),
            ("seconds", telling.listed(content["timings"])),
        ]
    )


def _perceptron(plan: Mapping[str, Any]) -> str:
    """The network of earlier results, which do not name it."""
    depth, width = plan["depth"], plan["widths"][0]
    return f"{depth} hidden layers of {width} {plan['activation']} units"


def _halved(plan: Mapping[str, Any]) -> str:
    """What becomes of the test set where networks are kept at their best step."""
    best = plan["training"].get("keep") == "best"
    return ", one half of which chooses the step and the other tests" if best else ""
