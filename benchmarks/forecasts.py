"""Forecasts of published curves from their smaller sizes, and of simulated ones.

    python benchmarks/forecasts.py        # 3 minutes; forecasts.json

The curves are those of the shipped tables few-shot-vision and few-shot-language
(Alabdulmohsin, Neyshabur and Zhai 2022): Training = 1 is fitted, 0 is predicted. The error
of a curve is the root mean square of log(predicted) - log(observed). Published means over
all 72 curves of vision, of which half are shipped: M4 .0415, BNSL .0406, NSL-PFN .0280.
What the forecasts consist of was chosen by the second table, in which the fitted part alone
is split: nothing was chosen on what is held back.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from output import keep, show

import manifoldscale as ms
from manifoldscale.core.learning_curve import Axis
from manifoldscale.scaling.departure import departing
from manifoldscale.scaling.extrapolation import WINDOWS, observed_of, recent_law
from manifoldscale.scaling.losses import losses_of

CUTS = (1.2, 1.4, 1.7, 2.1)  # factors by which the fitted part is split again
AHEAD = 2.15  # up to this factor, as in what is held back
NOISE = (0.003, 0.01, 0.03)
SIZES = (8, 12, 20, 40, 60)
DRAWS = 60
TIMES = (2.0, 4.0, 10.0)

Array = np.ndarray
Curve = Callable[[Array], Array]


def tables() -> Iterator[tuple[str, Array, Array, Array]]:
    """(group, sizes, losses, whether it is fitted) of every curve, each row once."""
    for name in ("few-shot-vision", "few-shot-language"):
        table = ms.data.table(name)
        groups: dict[tuple[str, ...], set[tuple[float, float, float]]] = {}
        for row in table.cells:
            key = tuple(str(row[column]) for column in table.curves)
            point = (row["Seen Examples"], row["Loss"], row["Training"])
            groups.setdefault(key, set()).add(tuple(map(float, point)))
        for (domain, task, _), points in groups.items():
            x, y, fitted = np.array(sorted(points)).T
            group = f"{domain} {task.split('_')[0]}" if domain == "IC" else domain
            yield group, x, y, fitted == 1


def rms(predicted: Array, observed: Array) -> float:
    return float(np.sqrt(np.mean(np.log(predicted / observed) ** 2)))


def held_back() -> list[dict[str, Any]]:
    """Errors of forecasts, and of the law with a floor to all sizes; and what intervals
    and bands hold.
    """
    found: dict[str, list[tuple[float, ...]]] = {}
    for domain, x, y, fitted in tables():
        fit = ms.fit_power_law(x[fitted], y[fitted])
        new, loss = x[~fitted], y[~fitted]
        forecast, (low, high) = fit.forecast(new), fit.band(new)
        row = (
            rms(forecast.median, loss),
            float(((forecast.low <= loss) & (loss <= forecast.high)).mean()),
            rms(fit.predict(new), loss),
            float(((low <= loss) & (loss <= high)).mean()),
            float(fit.is_local),
        )
        for group in {domain, "vision" if domain.startswith("IC") else "other"}:
            found.setdefault(group, []).append(row)
    rows = []
    for group, values in sorted(found.items()):
        error, inside, law, band, local = np.array(values).T
        rows.append(
            {
                "curves": f"{group} ({len(values)})",
                "error": float(error.mean()),
                "median": float(np.median(error)),
                "in 95 %": float(inside.mean()),
                "law to all": float(law.mean()),
                "in its band": float(band.mean()),
                "called local slope": float(local.mean()),
            }
        )
    return rows


def rolled_out() -> list[dict[str, Any]]:
    """The parts of a forecast, and the whole, inside the fitted part alone."""
    found: dict[tuple[str, str], list[float]] = {}
    for domain, x, y, fitted in tables():
        x, y = x[fitted], y[fitted]
        for cut in CUTS:
            last = x[-1] / cut * (1 + 1e-9)
            used, rest = x <= last, (x > last) & (x <= last * AHEAD)
            if used.sum() < 6 or not rest.any():
                continue
            for name, predicted in parts(x[used], y[used], x[rest]).items():
                found.setdefault((domain, name), []).append(rms(predicted, y[rest]))
    names = list(dict.fromkeys(name for _, name in found))
    domains = sorted({domain for domain, _ in found})
    return [
        {"forecast": name} | {d: float(np.mean(found[d, name])) for d in domains}
        for name in names
    ]


def parts(x: Array, y: Array, new: Array) -> dict[str, Array]:
    losses, _ = losses_of(x, y, Axis.data)
    observed, s = observed_of(losses), np.log(new / x[-1])
    alone = {
        f"law of the last factor {window:g}": recent_law(observed, window, None).predict(s)
        for window in WINDOWS
    }
    alone["all sizes, departing"] = departing(observed).predict(s)[0]
    found = {name: np.exp(logs) for name, logs in alone.items()}
    fit = ms.fit_power_law(x, y)
    return {"law to all": fit.predict(new), **found, "forecast": fit.forecast(new).median}


def kinds(rng: np.random.Generator) -> dict[str, Curve]:
    """Curves with the last fitted size at one."""
    a, floor = float(np.exp(rng.uniform(np.log(0.1), np.log(1.2)))), rng.uniform(0.1, 0.8)
    place, sharp = rng.uniform(0.05, 0.5), rng.uniform(0.2, 0.6)
    late, onset, steep = (
        a * rng.uniform(0.3, 1),
        rng.uniform(0.02, 0.3),
        rng.uniform(0.6, 1.5),
    )
    scale, slope = rng.uniform(0.3, 1.5), rng.uniform(0.05, 0.15)
    return {
        "power": lambda u: u**-a,
        "power with floor": lambda u: floor + (1 - floor) * u**-a,
        "broken": lambda u: (
            u**-a * (1 + (u / place) ** (1 / sharp)) ** ((a - late) * sharp)
        ),
        "two-sided": lambda u: floor / 2 + (1 - floor / 2) / (1 + (u / onset) ** steep),
        "exponential": lambda u: floor + (1 - floor) * np.exp(-u / scale),
        "logarithm": lambda u: 1 - slope * np.log(u),
    }


def simulated() -> list[dict[str, Any]]:
    """What intervals hold of new runs at larger sizes, and which curves are called laws."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        n, noise = int(rng.choice(SIZES)), float(rng.choice(NOISE))
        u = np.geomspace(10 ** -rng.uniform(1, 2.5), 1, n)
        for name, curve in kinds(rng).items():
            y = curve(u) * np.exp(noise * rng.standard_normal(n))
            new = np.array(TIMES)
            loss = curve(new) * np.exp(noise * rng.standard_normal(len(new)))
            fit = ms.fit_power_law(u * 1e6, y)
            forecast = fit.forecast(new * 1e6)
            inside = (forecast.low <= loss) & (loss <= forecast.high)
            verdict = ms.compare_models(u * 1e6, y).verdict
            called = float(not fit.is_local), float(verdict == "power law")
            rows.setdefault(name, []).append((*inside.astype(float), *called))
    columns = [f"in 95 % at {t:g}x" for t in TIMES]
    columns += ["no bend found", "compared: power law"]
    return [
        {"kind": name} | dict(zip(columns, np.mean(values, axis=0).tolist(), strict=True))
        for name, values in rows.items()
    ]


def seconds() -> dict[str, float]:
    """Of a fit of 70 sizes and its forecast."""
    x = np.geomspace(1e6, 1e9, 70)
    y = (0.3 + (x / 1e6) ** -0.4) * (
        1 + 0.01 * np.random.default_rng(0).standard_normal(70)
    )
    best = np.inf, np.inf
    for _ in range(3):
        start = time.process_time()
        fit = ms.fit_power_law(x, y)
        fitted = time.process_time()
        fit.forecast(2 * x[-1:])
        done = time.process_time()
        best = min(best[0], fitted - start), min(best[1], done - fitted)
    return {"fit of 70 sizes, s": best[0], "forecast, s": best[1]}


@click.command()
@click.option("--output", default=str(Path(__file__).with_suffix(".json")))
def main(output: str) -> None:
    """Forecasts of published and of simulated curves."""
    results = {
        "held back": held_back(),
        "roll-out inside the fitted part": rolled_out(),
        "simulated": simulated(),
        "time": [seconds()],
    }
    for title, rows in results.items():
        show(rows, title)
    keep(results, Path(output))


if __name__ == "__main__":
    main()
