"""Sums over the newest decisions, as the server tells them: against slow and obvious ones."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import stored_runs
from dashboard_rows import Asked, add_decisions, add_run
from scipy.stats import rankdata

FRACTIONS = (0.0, 0.5, 1.0)
SETTINGS = {"env_kwargs": {"gpu_fractions": list(FRACTIONS)}}


def many(count: int, seed: int) -> list[dict[str, Any]]:
    """Decisions drawn at random: a third each on the CPU, on a GPU and on both."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for index in range(count):
        fraction = FRACTIONS[rng.integers(3)]
        arrival, cpu, gpu = float(index), index + rng.exponential(), index + rng.exponential()
        own: dict[str, Any] = {
            "arrival_s": arrival,
            "size_flop": float(10 ** rng.uniform(9, 12)),
            "intensity_flop_per_byte": float(10 ** rng.uniform(-1, 3)),
            "memory_bytes": float(10 ** rng.uniform(6, 10)),
            "gpu_fraction": fraction,
            "action": FRACTIONS.index(fraction),
            "energy_j": float(rng.integers(1, 9)),  # with ties
            "cpu_device": None,
            "cpu_start_s": None,
            "cpu_finish_s": None,
        }
        if fraction < 1.0:
            own |= {"cpu_device": 0, "cpu_start_s": cpu, "cpu_finish_s": cpu + 1.0}
        if fraction > 0.0:
            own |= {"gpu_device": 0, "gpu_start_s": gpu, "gpu_finish_s": gpu + 2.0}
        found.append(own)
    return found


def test_sums_over_the_newest(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, settings=SETTINGS)
    mine, oracles = many(90, 1), many(90, 2)
    add_decisions(engine, run, "random", mine)
    # The oracle has the same tasks, and no longer the first ones.
    same = [
        {**row, "gpu_fraction": FRACTIONS[index % 3], "sequence": index}
        for index, row in enumerate(oracles)
    ]
    for row, task in zip(same, mine, strict=True):
        row.update({name: task[name] for name in ("size_flop", "intensity_flop_per_byte")})
    add_decisions(engine, run, "oracle", same[40:])
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/statistics?scheduler=random&last=60&before=80")
        assert (answer["tasks"], answer["first"]) == (60, 20)
        newest = server.get(f"/api/runs/{run}/statistics?scheduler=random&last=30")
        assert (newest["tasks"], newest["first"]) == (30, 60)
        of_oracle = server.get(f"/api/runs/{run}/statistics?scheduler=oracle&last=30")
        for wrong in ("last=0", "last=20001", "before=-1", "last=x"):
            refusal = server.get(f"/api/runs/{run}/statistics?scheduler=random&{wrong}", 422)
            assert wrong.split("=")[0] in refusal["error"]
        assert server.get(f"/api/runs/{run}/statistics", 422)
        assert server.get(f"/api/runs/{run}/statistics?scheduler=greedy", 404)
        assert server.get(f"/api/runs/{run + 1}/statistics?scheduler=random", 404)
    taken = mine[20:80]
    check_histograms(answer["histograms"], taken)
    check_heat_map(answer["heat_map"], list(enumerate(taken, 20)), same[40:])
    check_correlation(answer["correlation"], taken)
    wait = [min(s for s in starts(row) if s is not None) - row["arrival_s"] for row in taken]
    assert answer["percentiles"]["wait_s"] == {
        "50": pytest.approx(np.percentile(wait, 50)),
        "90": pytest.approx(np.percentile(wait, 90)),
        "99": pytest.approx(np.percentile(wait, 99)),
    }
    differences = {v for row in of_oracle["heat_map"]["oracle_difference"] for v in row}
    assert differences == {None, 0.0}


def starts(row: dict[str, Any]) -> list[float | None]:
    return [row["cpu_start_s"], row.get("gpu_start_s")]


def responses(rows: list[dict[str, Any]]) -> list[float]:
    return [
        max(f for f in (row["cpu_finish_s"], row.get("gpu_finish_s")) if f is not None)
        - row["arrival_s"]
        for row in rows
    ]


def check_histograms(found: dict[str, Any], taken: list[dict[str, Any]]) -> None:
    for name in ("size_flop", "intensity_flop_per_byte"):
        values, edges = [row[name] for row in taken], found[name]["edges"]
        assert (edges[0], edges[-1]) == (min(values), max(values))
        ratios = np.array(edges[1:]) / np.array(edges[:-1])
        np.testing.assert_allclose(ratios, ratios[0])
        inside = [
            sum(low <= v < high or v == high == edges[-1] for v in values)
            for low, high in itertools.pairwise(edges)
        ]
        assert found[name]["counts"] == inside
        assert sum(inside) == len(taken)
    chosen = [row["gpu_fraction"] for row in taken]
    assert found["gpu_fraction"] == {
        "edges": [-0.25, 0.25, 0.75, 1.25],
        "counts": [chosen.count(fraction) for fraction in FRACTIONS],
    }


def check_heat_map(
    found: dict[str, Any], taken: list[tuple[int, dict[str, Any]]], oracle: list[dict[str, Any]]
) -> None:
    sizes, intensities = found["size_flop_edges"], found["intensity_edges"]
    assert (len(sizes), len(intensities)) == (25, 25)
    best = {row["sequence"]: row["gpu_fraction"] for row in oracle}
    counts = np.zeros((24, 24), dtype=int)
    cells: dict[tuple[int, int], list[tuple[float, float | None]]] = {}
    for sequence, row in taken:
        x = min(np.searchsorted(sizes, row["size_flop"], "right") - 1, 23)
        y = min(np.searchsorted(intensities, row["intensity_flop_per_byte"], "right") - 1, 23)
        counts[y, x] += 1
        cells.setdefault((y, x), []).append((row["gpu_fraction"], best.get(sequence)))
    assert found["counts"] == counts.tolist()
    for y in range(24):
        for x in range(24):
            inside = cells.get((y, x), [])
            mean = np.mean([own for own, _ in inside]) if inside else None
            assert found["gpu_fraction"][y][x] == (None if mean is None else pytest.approx(mean))
            less = [own - other for own, other in inside if other is not None]
            expected = pytest.approx(np.mean(less)) if less else None
            assert found["oracle_difference"][y][x] == expected


def check_correlation(found: dict[str, Any], taken: list[dict[str, Any]]) -> None:
    """Spearman's coefficient is Pearson's of the ranks, with mean ranks for ties."""
    columns: dict[str, list[float]] = {
        name: [row[name] for row in taken]
        for name in ("size_flop", "intensity_flop_per_byte", "memory_bytes", "gpu_fraction")
    }
    columns["wait_s"] = [
        min(s for s in starts(row) if s is not None) - row["arrival_s"] for row in taken
    ]
    columns["response_s"], columns["energy_j"] = responses(taken), [r["energy_j"] for r in taken]
    assert found["rows"] == list(columns)[:3]
    assert found["columns"] == list(columns)[3:]
    for row, values in zip(found["rows"], found["values"], strict=True):
        for column, value in zip(found["columns"], values, strict=True):
            ranks = rankdata(columns[row]), rankdata(columns[column])
            assert value == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_no_tasks_one_task_and_tasks_that_are_all_alike(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, settings=SETTINGS)
    ask = f"/api/runs/{run}/statistics?scheduler=random"
    with Asked(store_url) as server, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        nothing = server.get(ask)
        assert (nothing["tasks"], nothing["first"]) == (0, 0)
        assert (nothing["heat_map"], nothing["correlation"]) == (None, None)
        assert nothing["histograms"]["size_flop"] == {"edges": [], "counts": []}
        assert nothing["histograms"]["gpu_fraction"]["counts"] == [0, 0, 0]
        assert nothing["percentiles"]["wait_s"] == {"50": None, "90": None, "99": None}
        add_decisions(engine, run, "random", [{}])
        one = server.get(ask)
        assert (one["tasks"], one["correlation"]) == (1, None)
        assert sum(one["histograms"]["size_flop"]["counts"]) == 1
        assert one["histograms"]["size_flop"]["edges"][0] < 1e9
        assert one["histograms"]["size_flop"]["edges"][-1] > 1e9
        assert sum(map(sum, one["heat_map"]["counts"])) == 1
        assert one["heat_map"]["oracle_difference"] is None
        assert one["percentiles"]["response_s"] == {"50": 1.0, "90": 1.0, "99": 1.0}
        more = [{"sequence": n, "energy_j": float(n), "memory_bytes": float(n)} for n in (1, 2, 3)]
        add_decisions(engine, run, "random", more)
        alike = server.get(ask)
    # All but energy and memory are constant; ranks are 4, 1, 2, 3 and 1.5, 1.5, 3, 4.
    assert alike["correlation"]["values"] == [
        [None] * 4,
        [None] * 4,
        [None, None, None, pytest.approx(0.5 / np.sqrt(5 * 4.5))],
    ]
    assert alike["histograms"]["gpu_fraction"]["counts"] == [4, 0, 0]


def test_fractions_that_the_run_does_not_tell_are_those_chosen(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    add_decisions(engine, run, "random", [{"gpu_fraction": 0.75}])
    with Asked(store_url) as server:
        found = server.get(f"/api/runs/{run}/statistics?scheduler=random")
    assert found["histograms"]["gpu_fraction"] == {"edges": [0.25, 1.25], "counts": [1]}
