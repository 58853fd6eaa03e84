"""How many decisions a second are stored."""

from pathlib import Path

import pytest

from cpu_gpu_env.scripts import benchmark_store
from cpu_gpu_env.scripts.benchmark_store import Sample
from cpu_gpu_env.scripts.temporary_postgresql import Server


def test_a_row_of_the_table_by_hand() -> None:
    # 100 a second for 2 s, then 50 a second for 8 s; memory grows by 1 MB a second.
    samples = [
        Sample(3.0 + second, 100 * min(second, 2) + 50 * max(second - 2, 0), (second + 7) * 10**6)
        for second in range(11)
    ]
    row = benchmark_store._summary(samples, without=120.0)
    assert row == ["60", "0.50", "100", "50", "9", "17"]


def test_an_unknown_scheduler_is_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmark_store.main(["--schedulers", "best", "--folder", str(tmp_path)])
    assert ended.value.code == 2
    error = capfd.readouterr().err
    assert error.count("error: unknown scheduler 'best'") == 1
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_all_three(
    tmp_path: Path, postgresql_server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    assert benchmark_store.main(["--seconds", "1", "--folder", str(tmp_path)]) == 0
    told = capfd.readouterr().out
    rows = [line for line in told.splitlines() if line.startswith("│")]
    assert [row.split()[1] for row in rows] == ["none", "SQLite", "PostgreSQL"]
    for row in rows:
        assert float(row.split()[3].replace(",", "")) > 0
    assert told.count("synchronised writes a second") == 2
    assert not list(tmp_path.iterdir())
