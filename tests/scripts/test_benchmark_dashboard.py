"""What the page costs a stream, and how fast it answers."""

import argparse
from pathlib import Path

import pytest
import store_rows
import stored_runs
from dashboard_server import PlayedRun

from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.scripts import benchmark_dashboard, dashboard_cost, dashboard_latency
from cpu_gpu_env.scripts.served_process import Crowd, ServedProcess

ARGUMENTS = argparse.Namespace(schedulers="greedy", sockets=50, decisions=1000, lanes=2)
HEAVY_LOG = [[float(number), "x" * 400] for number in range(150)]
"""Makes a message of 65 kB."""


def _cells(table: object) -> list[list[str]]:
    columns = [list(column.cells) for column in table.columns]  # type: ignore[attr-defined]
    return [[str(cell) for cell in row] for row in zip(*columns, strict=True)]


def test_the_tables_by_hand() -> None:
    cost = dashboard_cost.Cost([1000.0, 1100.0], [1000.0, 1000.0], 3_140_000, 90_000_000, 0.1, 2e6)
    cells = {row[0]: row[1:] for row in _cells(dashboard_cost.table_of(cost, ARGUMENTS))}
    assert cells["time with over time without"] == ["1.050", "1.05"]
    assert cells["its growth with the sockets [MB]"] == ["3.1", "20"]
    seconds = [0.001 * number for number in range(101)]
    ((kind, count, p50, p99, longest, part),) = _cells(
        dashboard_latency.table_of({"history": seconds}, ARGUMENTS)
    )
    assert (kind, count, p50, p99, longest, part) == (
        "history",
        "101",
        "50.0",
        "99.0",
        "100.0",
        "0.33",
    )


def test_decisions_a_second_are_counted_between_two_moments_of_storing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = stored_runs.open_store(url)
    run = stored_runs.add_run(engine)
    engine.dispose()
    now_s = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(dashboard_cost.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(dashboard_cost.time, "sleep", sleep)
    with open_reader(url) as reader:
        rates = dashboard_cost._Rates(reader)
        assert rates._run == run
        # 100 tasks every 2 s, from 0.5 s on.
        monkeypatch.setattr(rates, "_stored", lambda: 100 * int((now_s + 1.5) / 2))
        assert rates.over(7.0) == pytest.approx(3 * 50.0, rel=0.02)  # three schedulers


@pytest.mark.slow
def test_a_crowd_costs_the_server_little_memory(store_url: str) -> None:
    with PlayedRun(store_url, log=HEAVY_LOG) as played, ServedProcess(store_url) as server:
        played.play(2)
        with Crowd(server, 2):
            store_rows.wait_until(lambda: _shown(played, 30), 30)
        before = server.memory_bytes
        with Crowd(server, 50) as crowd:
            store_rows.wait_until(lambda: _shown(played, 1) and crowd.cut >= 2, 120)
            assert crowd.received_bytes > 50 * 10 * 65_000
            assert server.memory_bytes - before < dashboard_cost.MAX_GROWTH_BYTES


def _shown(played: PlayedRun, count: int) -> bool:
    """Show so many states as fast as they are stored."""
    for _ in range(count):
        played.shown += 1
        played.show(log=[*HEAVY_LOG, [0.0, str(played.shown)]])
        store_rows.time.sleep(0.1)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("where", [[], ["--postgresql"]])
def test_it_runs_through(
    where: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = ["--seconds", "5", "--rounds", "1", "--decisions", "10000", "--queries", "2"]
    assert benchmark_dashboard.main([*line, "--lanes", "2", "--folder", str(tmp_path), *where]) == 0
    told = capfd.readouterr().out
    for part in ("time with over time without", "history", "audit", "statistics"):
        assert part in told
    assert not list(tmp_path.iterdir())
