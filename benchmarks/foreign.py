"""The default dimension where nobody tuned it: networks that others trained, manifolds of
other kinds.

    python benchmarks/foreign.py                    # an hour, most of it making the clouds
    python benchmarks/foreign.py --only face        # from the cache: a minute
    python benchmarks/foreign.py --stage clouds     # makes them, and estimates nothing

Inputs of known dimension d go through a network (`foreign_networks.py`, with what to
install; what is not installed is left out). A smooth map cannot raise a dimension: d is the
truth at every site that loses nothing, and a ceiling at the others. This is a held-out
check: nothing is tuned on it, and which sites lose something was written down before the
first estimate.

The clouds are made once and kept, with the singular values of the Jacobians that show that
d is the truth (`foreign_clouds.py`; 5 GB). Where these have a rank below d at one input in
ten, d counts as a ceiling: `rank`. Where the smallest is below 1 / 100 of the largest the
site is `stretched`: it counts, and is counted apart too.

It prints a line per site; and by network, and over all, for the sites of a network together
(`dimension.chain`) and for each alone:

    error, twonn     : mean |value / d - 1|, where d is the truth
    covered          : share of intervals that hold d, of the same
    plain            : the same share without the stretched sites
    above            : share of intervals that exclude d from above, of all sites
    width            : median high / low

and written, with every estimate, to foreign.json.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from foreign_clouds import STRETCHED, load, make, read
from foreign_manifolds import KINDS
from foreign_networks import CHAINS, missing
from output import keep, show

import manifoldscale as ms
from manifoldscale.dimension import Dimension

CACHE = Path(tempfile.gettempdir()) / "manifoldscale-foreign"
MANIFOLDS = "other manifolds"
SEEDS, POINTS = 2, 2500
TOGETHER = ("value", "low", "high")
ALONE = ("alone", "alone_low", "alone_high")
LOST = 0.9  # share of inputs with a Jacobian of full rank, below which d is a ceiling

Row = dict[str, Any]


def estimate_sites(
    clouds: Mapping[str, np.ndarray], bounded_by: Mapping[str, Sequence[str]]
) -> dict[str, Dimension]:
    """Dimensions of the sites of one network, given in its order, together; a site that
    refuses an estimate is left out.
    """
    found = {}
    for site, cloud in clouds.items():
        try:
            found[site] = ms.estimate(cloud, ms.dimension.Auto())
        except ms.ManifoldScaleError as error:
            print(f"{site}: {error}")
    return dict(ms.dimension.Auto().along(found, bounded_by))


def measure_chain(folder: Path) -> list[Row]:
    """A row per site of a chain in the cache."""
    about = read(folder)
    # Each site is a function of the one before; what loses something bounds nothing.
    whole = [site["site"] for site in about["sites"] if not site["loss"]]
    names = [site["site"] for site in about["sites"]]
    order = {n: [w for w in whole if names.index(w) < names.index(n)] for n in names}
    found = estimate_sites(load(folder), order)
    head = {key: about[key] for key in ("network", "family", "d", "n")}
    return [
        {**head, "site": site["site"], "kind": _kind(site)}
        | _numbers(found.get(site["site"]))
        | {key: site[key] for key in ("loss", "features", "full_rank", "ratio", "tightest")}
        for site in about["sites"]
    ]


def _kind(site: Row) -> str:
    """What d is at a site: the truth, or a ceiling."""
    if site["loss"]:
        return "ceiling"
    if site["full_rank"] < LOST:
        return "rank"
    return "stretched" if site["ratio"] < STRETCHED else "lossless"


def measure_manifolds() -> list[Row]:
    rows = []
    for i, (name, (d, draw)) in enumerate(KINDS.items()):
        for seed in range(SEEDS):
            points = draw(POINTS, np.random.default_rng([seed, i]))
            head = {"network": MANIFOLDS, "family": name, "d": d, "n": POINTS}
            dim = estimate_sites({name: points}, {}).get(name)
            rows.append(head | {"site": f"seed {seed}", "kind": "lossless"} | _numbers(dim))
    return rows


def _numbers(dim: Dimension | None) -> Row:
    if dim is None:
        return dict.fromkeys(["value", "low", "high", *ALONE, "twonn"], np.nan)
    alone = dim.alone or dim
    numbers = (dim.value, *dim.interval, alone.value, *alone.interval, dim.raw)
    return dict(zip(["value", "low", "high", *ALONE, "twonn"], numbers, strict=True))


def line(row: Row) -> str:
    """A row in words."""
    d, low, high = row["d"], row["low"], row["high"]
    side = "TOO HIGH" if low > d else "too low" if high < d else ""
    if side == "too low" and row["kind"] in ("ceiling", "rank"):
        side = ""  # as it may be
    return (
        f"{row['network']:15s} {row['family']:16s} d={d:<2d} {row['site']:27s} "
        f"{row['kind']:9s} {row['value']:6.2f} [{low:.2f}, {high:.2f}] "
        f"TwoNN {row['twonn']:6.2f} {side}"
    )


def summary(rows: list[Row]) -> list[Row]:
    """Networks, then all of them, then the manifolds; sites that refuse an estimate are
    counted and otherwise left out.
    """
    names = list(dict.fromkeys(row["network"] for row in rows))
    groups = {name: [row for row in rows if row["network"] == name] for name in names}
    networks = [row for row in rows if row["network"] != MANIFOLDS]
    manifolds = groups.pop(MANIFOLDS, [])
    groups |= {"all networks": networks, MANIFOLDS: manifolds}
    lines = []
    for name, own in groups.items():
        if own:
            lines.append({"network": name, "sites are": "together"} | totals(own))
            alone = [
                r | dict(zip(TOGETHER, (r[k] for k in ALONE), strict=True)) for r in own
            ]
            lines.append({"network": name, "sites are": "alone"} | totals(alone))
    return lines


def totals(rows: list[Row]) -> Row:
    d, value, low, high, twonn = (
        np.array([row[key] for row in rows], dtype=float)
        for key in ("d", *TOGETHER, "twonn")
    )
    kinds = np.array([row["kind"] for row in rows])
    given = np.isfinite(value)
    plain = given & (kinds == "lossless")
    exact = given & np.isin(kinds, ["lossless", "stretched"])
    held = (low <= d) & (d <= high)
    return {
        "sites": len(rows),
        "refused": int((~given).sum()),
        "d is the truth": int(exact.sum()),
        "stretched": int((exact & ~plain).sum()),
        "error": _mean(abs(value / d - 1), exact),
        "twonn": _mean(abs(twonn / d - 1), exact),
        "covered": _mean(held, exact),
        "plain": _mean(held, plain),
        "above": _mean(low > d, given),
        "width": float(np.median((high / low)[given])) if given.any() else np.nan,
    }


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean()) if where.any() else np.nan


@click.command()
@click.option("--stage", type=click.Choice(["both", "clouds"]), default="both")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@click.option("--only", multiple=True, help="A network by name; it may be repeated.")
@click.option("--output", type=click.Path(path_type=Path), help="Of all: foreign.json.")
def main(stage: str, cache: Path, only: tuple[str, ...], output: Path | None) -> None:
    """Dimensions of inputs of known dimension through the networks of others."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # of the packages
    known = [*dict.fromkeys(chain.network for chain in CHAINS), MANIFOLDS]
    if unknown := set(only) - set(known):
        raise click.UsageError(f"No {', '.join(unknown)}; there are {', '.join(known)}.")
    rows = []
    for chain in CHAINS:
        if only and chain.network not in only:
            continue
        if missing(chain):
            print(f"{chain.network}: not installed")
            continue
        for folder in (make(chain, d, cache) for d in chain.dims):
            if stage == "clouds":
                print(f"{folder} holds its clouds", flush=True)
            else:
                rows += _shown(measure_chain(folder))
    if stage != "clouds" and (not only or MANIFOLDS in only):
        rows += _shown(measure_manifolds())
    if not rows:
        return
    lines = summary(rows)
    show(lines, width=150)
    if output or not only:
        results = {"summary": lines, "estimates": rows}
        keep(results, output or Path(__file__).with_suffix(".json"))


def _shown(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(line(row), flush=True)
    return rows


if __name__ == "__main__":
    main()
