"""Spike counts from files of Neurodata Without Borders."""

import dataclasses as dc
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array, Bools, Floats
from ..core.errors import few, is_real, require
from ..core.extras import optional
from .axis_names import meaning
from .recording import Asked, Recording, of_trials

UNLIKELY_LATE = 5  # times the end of all windows, for half of the spikes
EXPECTED = 20  # spikes, of which none is there by chance once in 1e8


def read_nwb(path: Path, asked: Asked) -> Recording:
    """Spikes of the units of a file, counted in a window after the start of each trial.

    The trials are those of the file, or another table of intervals, `asked.variable`, whose
    column `asked.stimuli` names the stimulus of each. The window counts from `start_time`
    in seconds; a spike at its end is not counted.

    A unit that was not observed in a window (`obs_intervals`), or any unit where the times
    are marked as invalid, has a missing trial, not zero spikes.
    """
    pynwb = optional("pynwb", "neuro")
    require(
        asked.order is None, "`order` is not for .nwb files: trials and units have names."
    )
    _check_window(path, asked.window)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that do not follow the standard
        with pynwb.NWBHDF5IO(path, "r", load_namespaces=True) as opened:
            return _counted(path, opened.read(), asked)


def _check_window(path: Path, window: Any) -> None:
    good = (
        isinstance(window, list | tuple)
        and len(window) == 2
        and all(is_real(end) and np.isfinite(end) for end in window)
        and window[0] < window[1]
    )
    require(
        good,
        f"{path}: spikes are counted in a window of each trial, which must be stated, by "
        f"`window` as (0.05, 0.25) in seconds after its start; not {window!r}.",
    )


def _counted(path: Path, file: Any, asked: Asked) -> Recording:
    units, window = file.units, asked.window
    require(
        units is not None and "spike_times" in units.colnames,
        f"{path} has no units with spike times. Other signals: read them with pynwb, "
        "average a stated window of each trial, and pass an array (trials x neurons) with "
        "`stimuli`.",
    )
    name, trials = _table(path, file, asked.variable)
    starts = np.asarray(trials["start_time"][:], dtype=float)
    require(
        bool(np.isfinite(starts).all()),
        f"{path}: {int((~np.isfinite(starts)).sum())} {name} have no start_time.",
    )
    column = _stimuli(path, name, trials, asked.stimuli)
    edges = starts[:, None] + np.asarray(window, dtype=float)
    bad = np.zeros(len(starts), bool)
    if file.invalid_times is not None:
        ends = [np.asarray(file.invalid_times[k][:], float) for k in
                ("start_time", "stop_time")]  # fmt: skip
        bad = _overlap(edges, np.stack(ends, axis=1))
    _check_times(path, name, units, edges[~bad])
    counts = np.stack([_of_unit(units, i, edges, bad) for i in range(len(units))], axis=1)
    found = of_trials(
        counts,
        _column(path, name, trials, column),
        None,
        {one: _column(path, name, trials, one) for one in asked.wanted},
        np.asarray(units.id[:]),
    )
    read = [
        f"spikes of {counts.shape[1]:,} units from {window[0]:g} to {window[1]:g} s after "
        f"the start of {len(starts):,} {name}; the stimulus of each: column {column}"
    ]
    gone = np.isnan(counts).mean()
    read += [f"{gone:.1%} of the windows were not observed: missing trials"] * bool(gone)
    return dc.replace(found, read=(*read, *_beyond(trials, edges)))


def _check_times(path: Path, name: str, units: Any, edges: Floats) -> None:
    """Refuse spikes that are not in seconds, and windows in which nothing was recorded: no
    spike of any unit, where their rate lets expect many.
    """
    spikes = np.concatenate([np.asarray(one, float) for one in units["spike_times"][:]])
    spikes = spikes[np.isfinite(spikes)]
    if not len(spikes) or not len(edges) or "obs_intervals" in units.colnames:
        return
    first, last, end = spikes.min(), spikes.max(), edges.max()
    require(
        float(np.median(spikes)) < UNLIKELY_LATE * max(end, 1.0),
        f"{path}: half of the spikes are later than {np.median(spikes):.4g}, and the "
        f"windows of {name} end at {end:.4g} s: are spikes in milliseconds or samples? "
        "NWB has seconds.",
    )
    rate = len(spikes) / max(last - first, 1e-9)
    outside = edges[(edges[:, 0] > last) | (edges[:, 1] < first)]
    silent = float(np.diff(outside).sum()) * rate
    require(
        silent < EXPECTED,
        f"{path}: {len(outside):,} of {len(edges):,} windows of {name} lie before the "
        f"first or after the last spike of all units, from {first:.4g} to {last:.4g} s, "
        f"where about {silent:,.0f} spikes would be expected. If nothing was recorded "
        "there, leave these trials out, or say so in `obs_intervals` or `invalid_times`.",
    )


def _of_unit(units: Any, i: int, edges: Floats, bad: Bools) -> Floats:
    """Spikes of a unit in each window; NaN where it was not observed."""
    spikes = np.sort(np.asarray(units["spike_times"][i], dtype=float))
    first, last = np.searchsorted(spikes, edges).T
    counts = (last - first).astype(float)
    counts[bad] = np.nan
    if "obs_intervals" in units.colnames:
        seen = np.asarray(units["obs_intervals"][i], dtype=float).reshape(-1, 2)
        if len(seen):
            inside = (edges[:, :1] >= seen[:, 0]) & (edges[:, 1:] <= seen[:, 1])
            counts[~inside.any(axis=1)] = np.nan
    return np.asarray(counts)


def _overlap(edges: Floats, intervals: Floats) -> Bools:
    """Which windows have times in common with any interval."""
    common = (edges[:, :1] < intervals[:, 1]) & (edges[:, 1:] > intervals[:, 0])
    return np.asarray(common.any(axis=1))


def _beyond(trials: Any, edges: Floats) -> list[str]:
    """What is to be said of windows that reach into the next trial."""
    starts = np.sort(edges[:, 0])
    width = float(edges[0, 1] - edges[0, 0])
    overlapping = int((np.diff(starts) < width).sum())
    said = []
    if overlapping:
        said.append(f"{overlapping:,} windows overlap the next: some spikes count twice")
    if "stop_time" in trials.colnames:
        stops = np.asarray(trials["stop_time"][:], dtype=float)
        late = int((edges[:, 1] > stops + 1e-9).sum())
        said += [f"{late:,} windows end after the stop of their trial"] * bool(late)
    return said


def _table(path: Path, file: Any, name: str) -> tuple[str, Any]:
    """The table of trials, or another one of intervals."""
    tables = {"trials": file.trials, "epochs": file.epochs, **dict(file.intervals or {})}
    tables.pop("invalid_times", None)
    known = {k: one for k, one in tables.items() if one is not None and len(one)}
    listed = ", ".join(f"{k} ({len(one):,})" for k, one in known.items()) or "none"
    require(
        (name or "trials") in known,
        f"{path} has no {name or 'trials'}; of tables of intervals it has {listed}: name "
        f"one, as {path}::{next(iter(known), 'trials')}.",
    )
    return name or "trials", known[name or "trials"]


def _stimuli(path: Path, name: str, trials: Any, stimuli: Any) -> str:
    """The column that names the stimulus of each trial."""
    columns = [one for one in trials.colnames if not one.endswith(("_time", "timeseries"))]
    if isinstance(stimuli, str):
        return stimuli
    require(stimuli is None, "`stimuli` must name a column of the trials of a .nwb file.")
    found = [one for one in columns if meaning(one) == "stimuli"]
    require(
        len(found) == 1,
        f"{path}: which column of {name} names the stimulus of each trial? It has "
        f"{few(columns, 20) or 'none'}: say it by `stimuli=`.",
    )
    return str(found[0])


def _column(path: Path, name: str, trials: Any, column: str) -> Array:
    require(
        column in trials.colnames,
        f"{path}: {name} have no column {column!r}; they have {few(trials.colnames, 20)}.",
    )
    values = np.asarray(trials[column][:])
    require(values.ndim == 1, f"{path}: column {column!r} of {name} holds lists.")
    return values
