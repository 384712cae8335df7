"""Compiled loops against sorting, and what decides between tree and products."""

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import spatial

import manifoldscale as ms
from manifoldscale.core import threads
from manifoldscale.geometry import brute, keeping, searched, tree
from manifoldscale.geometry.compiled_candidates import CompiledCandidates
from manifoldscale.geometry.rows import Rows


@given(
    n=st.integers(1, 150),
    width=st.integers(1, 90),
    count=st.integers(1, 40),
    levels=st.sampled_from([2, 50, 2**20]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_candidates_are_the_least(
    n: int, width: int, count: int, levels: int, seed: int
) -> None:
    """Whatever the tiles: as rows and as columns, with many ties, with infinite values."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-levels, levels, (n, n)).astype(np.float32)
    values[rng.random((n, n)) < 0.1] = np.inf
    values = np.minimum(values, values.T)
    best = CompiledCandidates.of(n, count)
    for start in range(0, n, width):
        for first in range(start, n, width):
            rows = (start, min(start + width, n))
            columns = (first, min(first + width, n))
            tile = np.ascontiguousarray(values[slice(*rows), slice(*columns)])
            others = best.rows(*columns) if first > start else None
            best.rows(*rows).offer(torch.from_numpy(tile), first, others, start)
    keys = best.keys()
    for i in range(n):
        finite = np.sort(values[i][np.isfinite(values[i])])[:count]
        mine = keys[i][keys[i] != keeping.FULL][:count]
        points = mine & 0xFFFFFFFF
        assert len(set(points)) == len(finite)
        np.testing.assert_array_equal(values[i, points], finite)


@given(
    n=st.integers(2, 600),
    features=st.integers(1, 6),
    count=st.integers(1, 80),
    levels=st.sampled_from([2, 30, 2**40]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_the_tree_finds_what_scipys_finds(
    n: int, features: int, count: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, levels, (n, features)).astype(float)
    count = min(count, n)
    found, reach = np.empty((n, count), np.int64), np.empty(n)
    keeping.near(keeping.tree_of(points), points, count, found, reach)
    apart = np.square(points[found] - points[:, None]).sum(2)
    expected = spatial.cKDTree(points).query(points, count)[0].reshape(n, count)
    np.testing.assert_allclose(np.sort(apart, 1), expected**2, rtol=1e-12)
    np.testing.assert_allclose(reach, expected[:, -1] ** 2, rtol=1e-12)
    assert all(len(set(row)) == count for row in found.tolist())


def test_the_data_decide_between_tree_and_products() -> None:
    """Twelve features: a surface in them is searched by a tree, a full cloud is not."""
    rng = np.random.default_rng(0)
    full = rng.standard_normal((5000, 12))
    thin = full[:, :2] @ rng.standard_normal((2, 12))
    assert ms.Cloud(full).neighbors(10, anchors=1).search == "brute"
    assert ms.Cloud(thin).neighbors(10, anchors=1).search == "tree"
    assert not tree.pays(rng.standard_normal((100, 17)), 5)
    assert tree.pays(np.full((3000, 2), 1e300) * rng.standard_normal((3000, 2)), 5)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e12, 1e18])
def test_one_far_point_costs_no_other_its_certificate(far: float) -> None:
    points = np.random.default_rng(0).standard_normal((800, 40))
    points[7] = far
    search = searched.Search.among(Rows.of(points, None, None), np.arange(800), 10)
    found = torch.empty((800, 10), dtype=torch.int64), torch.empty((800, 10)).double()
    assert len(brute._propose(search, torch.arange(800), found, False)) <= 1


def test_threads_share_tasks_and_leave_the_settings_as_they_were() -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        threads.shared(lambda tasks: seen.extend(tasks), range(50))
        assert sorted(seen) == list(range(50))

        def fails(tasks: object) -> None:
            raise KeyError("from a thread")

        with pytest.raises(KeyError, match="from a thread"):
            threads.shared(fails, range(5))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [2, 5, 16])
def test_the_table_does_not_depend_on_threads(n_threads: int) -> None:
    """All pairs, and queries that sweep over the points, by products and by the tree."""
    rng = np.random.default_rng(1)
    wide, narrow = rng.standard_normal((4000, 70)), rng.standard_normal((9000, 3))
    before, tables = torch.get_num_threads(), []
    for threads_now in (1, n_threads):
        torch.set_num_threads(threads_now)
        try:
            clouds = (ms.Cloud(wide), ms.Cloud(narrow))
            ways = itertools.product(clouds, (None, 3000))
            tables.append([cloud.neighbors(12, anchors=some) for cloud, some in ways])
        finally:
            torch.set_num_threads(before)
    for one, other in zip(*tables, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.distances, other.distances)


def test_without_a_place_for_machine_code_it_is_compiled_anyway(tmp_path: Path) -> None:
    """A package in a folder that cannot be written, and a user without one."""
    code = """
        import numba
        import numba.core.caching as caching
        caching.CompileResultCacheImpl._locator_classes = []
        try:
            numba.njit(cache=True)(lambda x: x)
        except RuntimeError:
            print("no place")
        from manifoldscale.core.compiled import compiled
        print(compiled(lambda x: x + 1)(1))
    """
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["no place", "2"], done.stderr


@pytest.mark.parametrize("damage", ["none", "cut", "full"])
def test_a_damaged_or_full_place_for_machine_code_is_no_error(
    damage: str, tmp_path: Path
) -> None:
    script, kept = tmp_path / "twice.py", tmp_path / "kept"
    script.write_text(
        textwrap.dedent("""
            import resource, sys
            from manifoldscale.core.compiled import compiled
            if sys.argv[1] == "full":
                resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

            @compiled
            def twice(x):
                return 2 * x

            print(twice(4), sum(twice.stats.cache_hits.values()))
        """)
    )
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, str(script), damage],
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(kept)},
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split())
        if damage == "cut":
            for path in kept.rglob("*.nb?"):
                path.write_bytes(path.read_bytes()[:20])
    assert said == [["8", "0"], ["8", "1" if damage == "none" else "0"]]
