"""Spikes of a session of NWB, counted in a window of each trial."""

from pathlib import Path

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.population import read_population

STIMULI, NEURONS, TRIALS = 13, 7, 11
NAMES = np.array([f"s{i:02}" for i in range(STIMULI)])
LABELS = np.arange(STIMULI) % 3


def recorded() -> np.ndarray:
    """stimuli x neurons x trials; whole trials are missing, and two units of one."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(2.0, (STIMULI, NEURONS, TRIALS)).astype(float)
    counts.transpose(0, 2, 1)[rng.random((STIMULI, TRIALS)) < 0.25] = np.nan
    counts[4, 2:4, 6] = np.nan
    return counts


def nwb_file(path: Path, counts: np.ndarray, stimuli: np.ndarray) -> None:
    """Trials of a second each, with so many spikes from .1 to .3 s after the start, and
    others outside; trials without any count lie in invalid times, and a unit without a
    count was not observed.
    """
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    rng = np.random.default_rng(0)
    when = datetime(2026, 1, 1, tzinfo=UTC)
    file = pynwb.NWBFile("a session", "id", when)
    file.add_trial_column("picture", "shown")
    file.add_trial_column("kind", "of the picture")
    for i, name in enumerate(stimuli):
        kind = int(LABELS[np.searchsorted(NAMES, name)])
        file.add_trial(start_time=2.0 * i, stop_time=2.0 * i + 1, picture=name, kind=kind)
    never = np.isnan(counts).all(1)
    for i in np.flatnonzero(never):
        file.add_invalid_time_interval(start_time=2.0 * i + 0.2, stop_time=2.0 * i + 0.25)
    for unit in range(counts.shape[1]):
        spikes, seen = [rng.uniform(0.31, 1.9, 30)], []
        for i, count in enumerate(counts[:, unit]):
            n = 3 if np.isnan(count) else int(count)
            spikes.append(2 * i + 0.1 + 0.2 * np.sort(rng.random(n)))
            spikes.append(2 * i + np.array([0.0999, 0.3, 0.7]))
            if never[i] or not np.isnan(count):
                seen.append([2.0 * i, 2.0 * i + 1])
        known = {"obs_intervals": np.array(seen)} if np.isnan(counts).any() else {}
        file.add_unit(spike_times=np.concatenate(spikes), **known)
    with pynwb.NWBHDF5IO(path, "w") as opened:
        opened.write(file)


@pytest.mark.filterwarnings("ignore")  # of pynwb
def test_spikes_of_a_session_are_counted(tmp_path: Path) -> None:
    counts = recorded()
    session = counts.transpose(2, 0, 1).reshape(-1, NEURONS)
    stimuli = np.tile(NAMES, TRIALS)
    nwb_file(tmp_path / "day.nwb", session, stimuli)
    truth = ms.population(counts, order="stimuli neurons trials", labels=LABELS)
    found, read = read_population(
        f"{tmp_path}/day.nwb", stimuli="picture", labels="kind", window=(0.1, 0.3)
    )
    np.testing.assert_array_equal(found.points, truth.points)
    np.testing.assert_array_equal(found.labels, truth.labels)
    assert found.noise is not None and truth.noise is not None
    np.testing.assert_array_equal(found.noise.squared, truth.noise.squared)
    np.testing.assert_array_equal(found.noise.halves, truth.noise.halves)
    assert found.noise.dims == truth.noise.dims
    assert found.ids.tolist() == NAMES.tolist()
    assert f"{NEURONS} units from 0.1 to 0.3 s" in read[0] and "not observed" in read[1]
    by_name = ms.population(f"{tmp_path}/day.nwb::trials", window=(0.1, 0.3))
    np.testing.assert_array_equal(by_name.points, truth.points)
    nwb_file(tmp_path / "all.nwb", np.nan_to_num(session), stimuli)
    wide = read_population(f"{tmp_path}/all.nwb", window=(0.1, 2.5))[1]
    assert "overlap the next" in " ".join(wide) and "after the stop" in " ".join(wide)
    for asked, words in [
        ({}, r"`window` as \(0.05, 0.25\) in seconds"),
        ({"window": (0.3, 0.1)}, "must be stated"),
        ({"window": (0, 1), "stimuli": "nth"}, "no column 'nth'; they have 'start_time'"),
        ({"window": (0, 1), "order": "stimuli neurons"}, "`order` is not for .nwb"),
    ]:
        with pytest.raises(ManifoldScaleError, match=words):
            ms.population(f"{tmp_path}/day.nwb", **asked)
    with pytest.raises(ManifoldScaleError, match=r"no movies.*trials \(143\)"):
        ms.population(f"{tmp_path}/day.nwb::movies", window=(0, 1))


@pytest.mark.filterwarnings("ignore")  # of pynwb
@pytest.mark.parametrize(
    ("last", "scale", "message"),
    [
        (80.0, 1.0, None),
        (80.0, 1000.0, "milliseconds or samples"),
        (80.0, 30_000.0, "milliseconds or samples"),
        (40.0, 1.0, "of 80 windows of trials lie before the first or after the last spike"),
    ],
)
def test_times_in_other_units_and_windows_without_a_recording(
    last: float, scale: float, message: str | None, tmp_path: Path
) -> None:
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    rng = np.random.default_rng(0)
    file = pynwb.NWBFile("a session", "id", datetime(2026, 1, 1, tzinfo=UTC))
    file.add_trial_column("picture", "shown")
    for i in range(80):
        file.add_trial(start_time=float(i), stop_time=i + 1.0, picture=f"im{i % 20}")
    for _ in range(6):
        file.add_unit(spike_times=np.sort(rng.uniform(0, last, 300)) * scale)
    with pynwb.NWBHDF5IO(tmp_path / "day.nwb", "w") as opened:
        opened.write(file)
    asked = {"window": (0.0, 0.5), "stimuli": "picture"}
    if message is None:
        assert ms.population(f"{tmp_path}/day.nwb", **asked).noise.trials == 4
        return
    with pytest.raises(ManifoldScaleError, match=message):
        ms.population(f"{tmp_path}/day.nwb", **asked)
