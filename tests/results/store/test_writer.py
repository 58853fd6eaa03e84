"""What was acknowledged is there, once and whole, on both databases."""

import time

import numpy as np
import pytest
import sqlalchemy as sa
from store_rows import (
    RUN,
    decision_rows,
    learner_rows,
    model_rows,
    query,
    quiet_writer,
    sequences,
    wait_until,
)

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store.commands import send_command
from cpu_gpu_env.results.store.rows import Rows
from cpu_gpu_env.results.store.tables import decisions, episodes, learners, live, models, runs


def test_what_is_put_is_stored_as_it_was(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    rows = [decision_rows(run, "greedy", 0, 300), decision_rows(run, "oracle", 0, 20)]
    assert writer.put(rows, run, {"next_episode": 30, "clock_s": 2.5}) == 1
    writer.flush()
    assert writer.acknowledged == 1
    for name, count in (("greedy", 300), ("oracle", 20)):  # by COPY, and by INSERT
        mine = sa.select(decisions).where(decisions.c.scheduler == name)
        found = query(store_url, mine.order_by(decisions.c.sequence))
        assert len(found) == count
        for i, row in enumerate(found):
            cpu, gpu = i % 3 != 1, i % 3 != 2
            assert (row.sequence, row.episode, row.task, row.action) == (i, i // 10, i % 10, i % 6)
            assert row.fallback is (i % 7 == 0)
            assert (row.size_flop, row.energy_j) == (i / 10, i / 10)
            assert row.cpu_device == (i % 4 if cpu else None)
            assert row.gpu_device == (i % 4 if gpu else None)
            assert row.cpu_start_s == (i / 7 if cpu else None)
            assert row.gpu_finish_s == (i / 3 if gpu else None)
    writer.close(run)
    (row,) = query(store_url, sa.select(runs))
    assert (row.next_episode, row.clock_s, row.status) == (30, 2.5, "finished")
    assert row.schedulers == ["greedy", "oracle"]
    assert row.started_at <= row.ended_at <= time.time()


def test_rows_that_are_there_stay_as_they_are(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    writer.put([decision_rows(run, "greedy", 0, 100)], run)
    writer.flush()
    other = decision_rows(run, "greedy", 50, 100)
    changed = {**other.columns, "energy_j": np.full(100, -1.0)}
    writer.put([Rows(decisions, changed, 100)], run, {"tasks": 150})
    writer.close(run)
    assert sequences(store_url, run) == list(range(150))
    energy = query(store_url, sa.select(decisions.c.energy_j).order_by(decisions.c.sequence))
    assert [row.energy_j for row in energy] == [i / 10 for i in range(100)] + [-1.0] * 50


def test_units_are_stored_whole_and_those_before_a_refused_one_stay(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    orphan = model_rows(run + 1, 0)  # there is no such run: the database refuses it
    for i in range(4):
        writer.put([decision_rows(run, "greedy", 10 * i, 10)], run, {"next_episode": i})
    writer.put([decision_rows(run, "greedy", 40, 10), orphan], run, {"next_episode": 4})
    with pytest.raises(HybridClusterError, match=r"refuses what is written: .*(?i:foreign key)"):
        writer.flush()
    with pytest.raises(HybridClusterError, match=r"(?i)foreign key"):
        writer.put([], run)
    with pytest.raises(HybridClusterError, match=r"(?i)foreign key"):
        writer.close(run)
    assert writer.acknowledged == 4
    assert sequences(store_url, run) == list(range(40))
    (row,) = query(store_url, sa.select(runs))
    assert (row.next_episode, row.status) == (3, "running")


def test_bad_rows_are_refused_where_they_are_put(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    good = decision_rows(run, "greedy", 0, 3)
    for change, complaint in (
        ({"colour": 1}, "decisions has no column 'colour'"),
        ({"task": [1, 2]}, "decisions.task has 2 values for 3 rows"),
        ({"energy_j": [1.0, np.nan, 2.0]}, "decisions.energy_j has rows without a value"),
        ({"action": [1, 2, 40_000]}, "decisions.action has .* allowed: whole, -32768 to 32767"),
        ({"task": [1.0, 1.5, 2.0]}, "decisions.task has .* allowed: whole"),
        ({"arrival_s": ["a", "b", "c"]}, "decisions.arrival_s holds .* allowed: numbers"),
        ({"scheduler": None}, "decisions.scheduler has rows without a value"),
    ):
        with pytest.raises(HybridClusterError, match=complaint):
            writer.put([Rows(decisions, {**good.columns, **change}, 3)], run)
    less = {name: good.columns[name] for name in good.columns if name != "task"}
    with pytest.raises(HybridClusterError, match="column task is missing"):
        writer.put([Rows(decisions, less, 3)], run)
    with pytest.raises(HybridClusterError, match="unknown column of runs 'colour'"):
        writer.put([], run, {"colour": 1})
    with pytest.raises(HybridClusterError, match="run 99 is none that this writer has begun"):
        writer.put([], 99)
    writer.put([good], run)
    writer.close(run)
    assert sequences(store_url, run) == [0, 1, 2]


def test_rows_of_episodes_hold_texts_json_and_nothing(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    columns = {
        "run": run,
        "scheduler": ["greedy", "oracle"],
        "episode": 7,
        "phase": "drift",
        "seed": [str(2**95), None],
        "tasks": 200,
        "finished_at": 1.0,
        "model_version": 0,
        "exploration": 0.0,
        "objective": np.array([1.25, np.nan]),
        "utilisation": np.array([[0.5, 0.25], [np.nan, 1.0]]),
    }
    writer.put([Rows(episodes, columns, 2)], run)
    writer.close(run)
    first, second = query(store_url, sa.select(episodes).order_by(episodes.c.scheduler))
    assert (first.seed, first.objective, first.utilisation) == (str(2**95), 1.25, [0.5, 0.25])
    assert (second.seed, second.objective, second.utilisation) == (None, None, [None, 1.0])
    assert (first.gap, first.bound) == (None, None)


def test_a_full_queue_slows_the_engine_down_and_loses_nothing(store_url: str) -> None:
    writer = quiet_writer(store_url, max_waiting_rows=500)
    run = writer.new_run(**RUN)
    most = 0
    for i in range(60):
        writer.put([decision_rows(run, "greedy", 100 * i, 100)], run)
        most = max(most, writer.waiting_rows)
    writer.flush()
    assert most <= 600  # the bound, and what was put last
    assert writer.waiting_rows == 0
    assert writer.acknowledged == 60
    writer.close(run)
    assert sequences(store_url, run) == list(range(6_000))


def test_the_newest_live_state_is_shown(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    began_s = time.monotonic()
    for i in range(2_000):
        writer.show(run, {"greedy": {"episode": i, "gap": np.float64("nan")}})
    assert time.monotonic() - began_s < 1.0
    writer.close(run, "interrupted")
    (row,) = query(store_url, sa.select(live))
    assert (row.run, row.scheduler, row.state) == (run, "greedy", {"episode": 1999, "gap": None})


def test_runs_are_numbered_and_gone_on_with(store_url: str) -> None:
    writer = quiet_writer(store_url)
    numbers = [writer.new_run(**RUN) for _ in range(3)]
    assert numbers == [1, 2, 3]
    with pytest.raises(HybridClusterError, match="run 2 is being written by this process"):
        writer.resume_run(2)
    writer.put([decision_rows(2, "greedy", 0, 10)], 2, {"next_episode": 1})
    writer.close(2, "interrupted")

    again = quiet_writer(store_url)
    with pytest.raises(HybridClusterError, match=r"there is no run 9; known, .*: 1, 2, 3"):
        again.resume_run(9)
    row = again.resume_run(2)
    assert (row["next_episode"], row["status"], row["ended_at"]) == (1, "running", None)
    again.put([decision_rows(2, "greedy", 10, 10)], 2)
    assert again.new_run(**RUN) == 4
    again.close(2)
    assert sequences(store_url, 2) == list(range(20))


def test_commands_reach_the_engine_once(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run, other = writer.new_run(**RUN), writer.new_run(**RUN)
    assert writer.commands(run) == []
    send_command(store_url, run, "pause")
    send_command(store_url, other, "stop")
    send_command(store_url, run, "speed", 2.5)
    got = []

    def have_come() -> bool:
        got.extend(writer.commands(run))
        return len(got) == 2

    wait_until(have_come)
    assert [(command.name, command.value) for command in got] == [("pause", None), ("speed", 2.5)]
    assert [command.name for command in writer.commands(other)] == ["stop"]
    time.sleep(0.5)
    assert writer.commands(run) == []
    with pytest.raises(HybridClusterError, match=r"unknown command 'paws'. Did you mean 'pause'"):
        send_command(store_url, run, "paws")
    with pytest.raises(HybridClusterError, match=r"speed is 0; allowed: a number in \[0.001"):
        send_command(store_url, run, "speed", 0)
    with pytest.raises(HybridClusterError, match="value of stop is 1"):
        send_command(store_url, run, "stop", 1)
    with pytest.raises(HybridClusterError, match="there is no run 9"):
        send_command(store_url, 9, "stop")
    writer.close(run)
    with pytest.raises(HybridClusterError, match=f"run {run} is not being played"):
        send_command(store_url, run, "stop")
    # Not ended by its engine, but the engine has ended.
    with pytest.raises(HybridClusterError, match=f"run {other} is not being played"):
        send_command(store_url, other, "stop")


def test_old_decisions_go_in_slices_and_episodes_stay(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpu_gpu_env.results.store.retention.SLICE_ROWS", 50)
    writer = quiet_writer(store_url, keep_decisions=200)
    run = writer.new_run(**RUN)
    for i in range(10):
        rows = [decision_rows(run, "greedy", 100 * i, 100), decision_rows(run, "oracle", 5 * i, 5)]
        writer.put(rows, run)
    writer.flush()
    wait_until(lambda: len(sequences(store_url, run)) <= 220)
    writer.close(run)
    kept = sequences(store_url, run)
    assert kept == list(range(1000 - len(kept), 1000))
    assert len(kept) >= 200
    assert sequences(store_url, run, "oracle") == list(range(50))

    again = quiet_writer(store_url, keep_decisions=100)  # what is there counts
    again.resume_run(run)
    wait_until(lambda: len(sequences(store_url, run)) <= 110)
    again.close(run)
    assert len(sequences(store_url, run)) >= 100


def test_old_models_keep_scores_and_some_contents_and_learners_their_newest_state(
    store_url: str,
) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    for first in range(0, 300, 10):
        models_of_unit = [model_rows(run, version) for version in range(first, first + 10)]
        writer.put([*models_of_unit, learner_rows(run, first)], run)
    writer.close(run)
    found = query(store_url, sa.select(models).order_by(models.c.version))
    assert [row.version for row in found] == list(range(300))
    assert [row.episode for row in query(store_url, sa.select(learners))] == [290]
    newest, sixteenth, rest = range(284, 300), range(48, 284, 16), range(0, 44, 256)
    kept = [row.version for row in found if row.content is not None]
    assert kept == sorted({*newest, *sixteenth, *rest})
    assert all(row.score == {"agreement": 0.5} for row in found)


def test_passwords_are_blotted_out_of_what_is_stored(store_url: str) -> None:
    writer = quiet_writer(store_url)
    line = "stream.py --store 'postgresql://me:se:cr@t@host/db' --seed 1"
    told = {**RUN, "command": line, "provenance": {"command": line}, "notes": [line]}
    run = writer.new_run(**told)
    writer.close(run)
    (row,) = query(store_url, sa.select(runs))
    hidden = "stream.py --store 'postgresql://me:***@host/db' --seed 1"
    assert (row.command, row.provenance, row.notes) == (hidden, {"command": hidden}, [hidden])


def test_a_closed_writer_takes_nothing(store_url: str) -> None:
    writer = quiet_writer(store_url)
    run = writer.new_run(**RUN)
    writer.close(run)
    writer.close(run)
    with pytest.raises(HybridClusterError, match="the writer is closed"):
        writer.put([], run)
    with pytest.raises(HybridClusterError, match="the writer is closed"):
        writer.new_run(**RUN)
