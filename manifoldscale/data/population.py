"""Recorded neurons as a cloud, in whatever form the recordings are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array, Bools, Floats, as_numpy
from ..core.errors import ManifoldScaleError, few, require
from ..core.stand_ins import refuse_stand_ins
from ..geometry.cloud import Cloud
from ..geometry.noise import Noise, mean_of_trials, noise_of_trials
from .recorded_tables import of_frame
from .recording import (
    Asked,
    Recording,
    of_anndata,
    of_array,
    of_ragged,
    of_trials,
    of_xarray,
)

PLACES = ("stimuli", "time", "neurons", "trials")
ORDER = "neurons stimuli"


def population(
    responses: Any,
    *,
    order: str | Sequence[str] | Mapping[Any, str] | None = None,
    stimuli: Any = None,
    window: tuple[float, float] | None = None,
    labels: Any = None,
    groups: Any = None,
    name: str | None = None,
) -> Cloud:
    """A recorded population as a cloud: one point per stimulus, one feature per neuron.

    >>> population(np.random.default_rng(0).random((80, 200))).ambient_dim
    80

    Trials of a stimulus are averaged, without those that were not recorded; the cloud knows
    the noise of the means (`cloud.noise`), and what stimuli are called (`cloud.ids`).

    Parameters
    ----------
    responses : one of

        - an array with the axes that `order` names; NaN and masked entries were not
          recorded;
        - an array (trials x neurons) with `stimuli`, the stimulus of each trial;
        - a list of arrays (repeats x neurons), one for each stimulus, or a mapping of them;
        - an `xarray.DataArray`, read by the names of its dimensions;
        - a pandas data frame, whose rows an index names by stimulus and repeat and whose
          columns are neurons; or in long form, a row for each stimulus, neuron and repeat;
        - an AnnData, whose observations are stimuli, or trials where a column of `obs`
          names the stimulus of each, and whose variables are neurons;
        - the path of a file: .npy, .npz, .mat, .h5, .nwb, .h5ad, .nc, .zarr, .csv, .tsv or
          .parquet; `FILE::name` picks a variable.
    order : of an array, the axes in their order, as "trials time neurons stimuli"; a list
        of words works too; "neurons stimuli" if None. Each time bin is a point; bins of a
        stimulus are one group, and so are never neighbours of each other. A bin without any
        recorded neuron is not a point. Of what has names: which name is which axis, as
        `{"img": "stimuli", "rep": "trials"}`, where the name itself does not say.
    stimuli : the stimulus of each trial; of a file or an xarray the name of the variable,
        column or coordinate that holds them. Stimuli are then sorted by name. Rows of a
        table are numbered as repeats where no column does.
    window : (start, stop) in seconds after the start of a trial, in which spikes are
        counted; of .nwb files.
    labels, groups : one per stimulus, in the order of `cloud.ids`; a mapping or series by
        the name of the stimulus; or the name of a column, coordinate or variable, or of an
        .npy file.

    Raises
    ------
    ManifoldScaleError : axes whose meaning is not known; time that is not binned; a
        combination that is there twice; a stimulus without any trial of a neuron; a file
        with several variables of which none was named.
    """
    return read_population(
        responses,
        order=order,
        stimuli=stimuli,
        window=window,
        labels=labels,
        groups=groups,
        name=name,
    )[0]


def read_population(
    responses: Any,
    *,
    order: Any = None,
    stimuli: Any = None,
    window: Any = None,
    labels: Any = None,
    groups: Any = None,
    name: str | None = None,
    unnamed: str = "",
) -> tuple[Cloud, tuple[str, ...]]:
    """The cloud of `population`, and what was taken for what, in words.

    unnamed : the order of two axes of which nothing says which is which; "" asks for it in
        a file or a table, and has an array as `population` does.
    """
    stimuli, labels, groups = map(_of_its_own_file, (stimuli, labels, groups))
    wanted = [one for one in (labels, groups) if isinstance(one, str)]
    found = _recording(responses, order, stimuli, window, wanted, unnamed)
    known = {"labels": labels, "groups": groups}
    rows = {k: _per_stimulus(found, v, k) for k, v in known.items() if v is not None}
    return _cloud(found, rows, name)


def _of_its_own_file(given: Any) -> Any:
    """What a name says that is a file; else the name itself."""
    if not (isinstance(given, str | Path) and str(given).endswith(".npy")):
        return given
    try:
        return np.load(given, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ManifoldScaleError(f"{given} cannot be read: {error}.") from error


def _recording(
    data: Any,
    order: Any,
    stimuli: Any,
    window: Any,
    wanted: Sequence[str],
    unnamed: str,
) -> Recording:
    """What was recorded, from any form."""
    if isinstance(data, str | Path):
        from .recording_files import read_file

        asked = Asked("", order, stimuli, tuple(wanted), window, unnamed)
        return read_file(str(data), asked)
    require(window is None, "`window` is for the spike times of a .nwb file.")
    if hasattr(data, "dims") and (hasattr(data, "coords") or hasattr(data, "data_vars")):
        return of_xarray(data, order, stimuli, wanted)
    if hasattr(data, "obs") and hasattr(data, "var") and hasattr(data, "X"):
        return of_anndata(data, order, stimuli, wanted)
    if stimuli is not None:
        return of_trials(data, stimuli, order)
    if hasattr(data, "isna") and hasattr(data, "index"):
        return of_frame(data, order, wanted, unnamed)
    if isinstance(data, Mapping) or (order is None and _is_list_of_arrays(data)):
        return of_ragged(data)
    return of_array(data, order, unnamed or ORDER)


def _is_list_of_arrays(data: Any) -> bool:
    """Whether it is a list of one array for each stimulus."""
    return (
        isinstance(data, list | tuple)
        and bool(data)
        and all(getattr(part, "ndim", None) == 2 for part in data)
    )


def _per_stimulus(found: Recording, given: Any, key: str) -> Array:
    """Labels or groups as one entry per stimulus."""
    n = found.responses.shape[found.axes.index("stimuli")]
    if isinstance(given, str):
        require(
            given in found.rows,
            f"`{key}` names {given!r}, but `responses` has no such column, coordinate or "
            "variable.",
        )
        values = found.rows[given]
    elif isinstance(given, Mapping) or hasattr(given, "reindex"):
        values = _by_name(found, given, key)
    else:
        values = as_numpy(given, key)
    require(
        values.ndim >= 1 and len(values) == n,
        f"`{key}` must have one entry for each of the {n} stimuli; its shape is "
        f"{values.shape}.",
    )
    return values


def _by_name(found: Recording, given: Any, key: str) -> Array:
    names = found.names.get("stimuli")
    if names is None:  # a series beside an array without names
        return as_numpy(given, key)
    table = dict(given.items())
    absent = [one for one in names.tolist() if one not in table]
    require(
        not absent,
        f"`{key}` says nothing of {len(absent):,} stimuli: {few(absent)}.",
    )
    return np.array([table[one] for one in names.tolist()])


def _cloud(
    found: Recording, rows: dict[str, Array], name: str | None
) -> tuple[Cloud, tuple[str, ...]]:
    """Trials averaged, time bins as points; and what was made of the recording."""
    array, axes = found.responses, found.axes
    if "trials" in axes or "time" in axes:
        real = array.dtype.kind in "biuf"
        require(real, f"`responses` must hold real numbers; its dtype is {array.dtype}.")
    if array.dtype.kind in "iuf" and not np.isnan(array).all():
        refuse_stand_ins(array, np.nanmin(array), np.nanmax(array), "responses")
    kept = [axis for axis in PLACES if axis in axes]
    array = array.transpose([axes.index(axis) for axis in kept])
    noise, counts, one_trial = None, "", False
    if "trials" in kept:
        # In one layout, so that the sums of one recording are the same in every form.
        array = recorded_first(array)
        recorded = (~np.isnan(array)).sum(-1)
        counts, one_trial = f"; {_trials(recorded)}", int(recorded.max()) == 1
        noise = noise_of_trials(array.reshape(-1, *array.shape[-2:]))
        array = mean_of_trials(array)
        kept.remove("trials")
    if found.names or len(kept) > 2 or counts:
        _check_recorded(array, kept, found)
    ids = found.names.get("stimuli")
    n, neurons = len(array), array.shape[-1]
    read = (*found.read, f"{n:,} stimuli (points) x {neurons:,} neurons (features){counts}")
    if "time" in kept:
        rows = {"groups": np.arange(n), **rows}
        array, rows, noise = _bins(array, rows, noise)
    elif ids is not None:
        rows = {**rows, "ids": ids}
    return Cloud(array, name=name, noise=noise, one_trial=one_trial, **rows), read


def _bins(
    array: Array, rows: dict[str, Array], noise: Noise | None
) -> tuple[Array, dict[str, Array], Noise | None]:
    """Each time bin as a point, but for those in which nothing was recorded."""
    stimulus, time = np.nonzero(~np.isnan(array).all(axis=-1))
    if noise is not None:
        noise = noise.take(np.ravel_multi_index((stimulus, time), array.shape[:2]))
    rows = {key: values[stimulus] for key, values in rows.items()}
    return array[stimulus, time], rows, noise


def recorded_first(responses: Array) -> Array:
    """With the trials that were recorded in front of the others, along the last axis, and
    no longer than the most of them.
    """
    gone = np.isnan(responses)
    most = max(int((~gone).sum(-1).max()), 1)
    if (gone[..., :-1] & ~gone[..., 1:]).any():  # a gap before a trial
        order = np.argsort(gone, axis=-1, kind="stable")
        return np.take_along_axis(responses, order[..., :most], axis=-1)
    return np.ascontiguousarray(responses[..., :most])


def _trials(recorded: Array) -> str:
    """How many trials a mean has, in words."""
    low, high = int(recorded.min()), int(recorded.max())
    if low == high:
        return f"{low} trials each, averaged"
    missing = 1 - recorded.mean() / high
    median = float(np.median(recorded))
    return (
        f"{low} to {high} trials each (median {median:g}, {missing:.0%} missing), averaged"
    )


def _check_recorded(array: Floats, axes: Sequence[str], found: Recording) -> None:
    """Refuse gaps, except time bins in which nothing was recorded for a stimulus."""
    gone: Bools = np.isnan(array)
    advice = "leave out that neuron or stimulus, or impute it"
    if "time" in axes:
        empty = np.all(gone, axis=-1, keepdims=True)
        never = np.all(empty, axis=axes.index("time"), keepdims=True)
        gone &= ~empty | never
        advice = (
            "do trials differ in length? A bin in which no neuron was recorded is left "
            "out, but a bin with some neurons needs all: cut the trials to the shortest, "
            f"or {advice}"
        )
    if not gone.any():
        return
    averaged = "trials" in found.axes
    given = [axis for axis in found.axes if axis != "trials"]
    place = np.argwhere(gone.transpose([axes.index(axis) for axis in given]))
    first = dict(zip(given, place[0].tolist(), strict=True))
    names = [f"{axis} {found.names[axis][i]!s}" for axis, i in first.items()
             if axis in found.names]  # fmt: skip
    where = ", ".join(names) or (
        f"index {tuple(first.values())}{' without the axis of trials' * averaged}"
    )
    raise ManifoldScaleError(
        f"{len(place)} entries of `responses` are NaN{' in every trial' * averaged}, "
        f"the first at {where}; {advice}."
    )
