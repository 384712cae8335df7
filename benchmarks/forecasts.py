"""Forecasts of published curves from their smaller sizes, and of simulated ones.

    python benchmarks/forecasts.py        # 3 minutes; forecasts.json

The curves come from the shipped tables few-shot-vision and few-shot-language
(Alabdulmohsin, Neyshabur and Zhai 2022): Training = 1 is fitted, 0 is predicted. The error
of a curve is the root mean square of log(predicted) - log(observed). Published means over
all 72 curves of vision, half of them shipped: M4 .0415, BNSL .0406, NSL-PFN .0280. The
parts of the forecasts were chosen by the second table, which splits only the fitted part:
nothing was chosen on what is held back. Nothing at all was chosen on the curves of the
third table: six classifiers of scikit-learn on two sets of digits, one run per size, the
largest sizes held back.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from output import keep, show
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

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


MODELS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(max_iter=200),
    "neighbours": lambda: KNeighborsClassifier(5, weights="distance"),
    "forest": lambda: RandomForestClassifier(100, random_state=0),
    "bayes": lambda: GaussianNB(var_smoothing=1e-2),
    "vectors": SVC,
    "perceptron": lambda: MLPClassifier((64,), max_iter=200, random_state=0),
}


def learned_curves() -> Iterator[tuple[str, Array, Array]]:
    """(set, sizes, losses) of classifiers: error rates, and log losses where there are
    probabilities, on 500 or 1,000 examples that none was trained on.
    """
    for name, tested in (("mnist5k", 1000), ("digits", 500)):
        cloud = ms.data.load(name).cloud()
        order = np.random.default_rng(0).permutation(len(cloud.points))
        X, y = cloud.points[order] / cloud.points.max(), np.asarray(cloud.labels)[order]
        n = len(X) - tested
        sizes = np.unique(np.geomspace(40, n, 20).astype(int))
        for make in MODELS.values():
            models = [make().fit(X[:size], y[:size]) for size in sizes]
            yield (
                name,
                sizes,
                np.array([(m.predict(X[n:]) != y[n:]).mean() for m in models]),
            )
            if hasattr(models[0], "predict_proba"):
                yield name, sizes, np.array([log_loss(m, X[n:], y[n:]) for m in models])


def log_loss(model: Any, X: Array, y: Array) -> float:
    """Probabilities are at least a millionth, of classes that were not seen too."""
    found = np.full((len(y), 10), 1e-9)
    found[:, model.classes_.astype(int)] = model.predict_proba(X)
    found = np.clip(found, 1e-6, 1)
    found /= found.sum(axis=1, keepdims=True)
    return float(-np.log(found[np.arange(len(y)), y.astype(int)]).mean())


def learned() -> list[dict[str, Any]]:
    """Forecasts beyond a half and a quarter of the largest size."""
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for name, x, y in learned_curves():
        for factor in (2, 4):
            used = x <= x[-1] / factor
            fit, loss = ms.fit_power_law(x[used], y[used]), y[~used]
            forecast = fit.forecast(x[~used])
            inside = (forecast.low <= loss) & (loss <= forecast.high)
            row = (
                rms(forecast.median, loss),
                float(inside.mean()),
                rms(fit.predict(x[~used]), loss),
            )
            found.setdefault((name, factor), []).append(row)
    rows = []
    for (name, factor), values in found.items():
        error, inside, law = np.mean(values, axis=0).tolist()
        head = {"curves": f"{name} ({len(values)})", "held back": f"factor {factor}"}
        rows.append(head | {"error": error, "in 95 %": inside, "law to all": law})
    return rows


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
    part, fast = rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.9)
    slow, power = rng.uniform(0.03, 0.25), rng.uniform(0.2, 0.6)
    reach = float(np.exp(rng.uniform(np.log(0.05), np.log(3))))
    return {
        "power": lambda u: u**-a,
        "power with floor": lambda u: floor + (1 - floor) * u**-a,
        "broken": lambda u: (
            u**-a * (1 + (u / place) ** (1 / sharp)) ** ((a - late) * sharp)
        ),
        "two-sided": lambda u: floor / 2 + (1 - floor / 2) / (1 + (u / onset) ** steep),
        "exponential": lambda u: floor + (1 - floor) * np.exp(-u / scale),
        "logarithm": lambda u: 1 - slope * np.log(u),
        "two slow powers": lambda u: part * u**-fast + (1 - part) * u**-slow,
        "stretched exponential": lambda u: np.exp(reach**-power - (u / reach) ** power),
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
    """Seconds of a fit of 70 sizes and its forecast."""
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
    warnings.simplefilter("ignore", ConvergenceWarning)  # their losses are what they are
    results = {
        "held back": held_back(),
        "roll-out inside the fitted part": rolled_out(),
        "classifiers": learned(),
        "simulated": simulated(),
        "time": [seconds()],
    }
    for title, rows in results.items():
        show(rows, title)
    keep(results, Path(output))


if __name__ == "__main__":
    main()
