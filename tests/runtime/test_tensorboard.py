"""Curves of a stream, read with TensorBoard's own reader, against what was measured."""

import math
import re
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from stream_batches import NAMES, PRICE, make_phase, play, some_batches
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2

from cpu_gpu_env.io.event_files import EVENT_FILES, EventFile
from cpu_gpu_env.results import metrics
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.records import LearnedModel
from cpu_gpu_env.runtime.stream_measures import StreamMeasures
from cpu_gpu_env.runtime.tensorboard import POINTS, RETRY_S, SUFFIX, StreamCurves, _points

Curve = list[tuple[int, float]]


def read(folder: Path) -> dict[str, Curve]:
    """Curves of a run by tag, as TensorBoard shows them: all points, without those it purges."""
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def write(folder: Path, batches: Sequence[Finished], first: int = 0) -> StreamMeasures:
    measures = StreamMeasures(NAMES, 10, PRICE)
    with StreamCurves(folder, measures, first) as curves:
        for finished in batches:
            measures.add(finished)
            curves.add(finished)
    return measures


def values_of(batches: Sequence[Finished], name: str) -> dict[metrics.Metric, np.ndarray]:
    lanes = [finished.lanes[name] for finished in batches]
    return {m: np.concatenate([lane.values[m] for lane in lanes]) for m in lanes[0].values}


def assert_curve(curve: Curve, steps: Sequence[int], values: Sequence[float]) -> None:
    assert [step for step, _ in curve] == list(steps)
    assert [value for _, value in curve] == pytest.approx(list(values), rel=1e-6, abs=1e-9)


def test_the_curves_are_what_was_measured(tmp_path: Path) -> None:
    batches = some_batches()
    measures = write(tmp_path, batches)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    count = sum(len(finished.arrived.batch) for finished in batches)
    ends = np.cumsum([len(finished.arrived.batch) for finished in batches]) - 1
    every, so_far = range(count), np.arange(1, count + 1)
    reference = values_of(batches, "queue-price")
    for name in NAMES:
        curves, values = read(tmp_path / name), values_of(batches, name)
        for metric in metrics.STREAM_METRICS:
            assert_curve(curves[metric.episode_tag], every, values[metric])
            if metric.of_all_tasks:
                continue
            assert_curve(curves[metric.tag], every, np.cumsum(values[metric]) / so_far)
            differences = values[metric] - reference[metric]
            assert_curve(curves[metric.difference_tag], every, np.cumsum(differences) / so_far)
        for metric, cumulative in metrics.CUMULATIVE_METRICS.items():
            assert_curve(curves[cumulative.tag], every, np.cumsum(values[metric]))
        window = [values[metrics.GAP][max(end - 9, 0) : end + 1].mean() for end in ends]
        assert_curve(curves["window/gap"], ends, window)
        lane = measures.lanes[name]
        for metric in (metrics.P99_WAIT, *metrics.DECISION_METRICS.values()):
            newest = lane.summary()[metric]
            assert (metric.tag in curves) != math.isnan(newest)
            if metric.tag in curves:
                assert_curve(curves[metric.tag][-1:], ends[-1:], [newest])
        cpus, gpus = (curve.tag for curve in metrics.STREAM_UTILISATION_CURVES)
        shares = [device["window_utilisation"] for device in lane.state()["devices"]]
        assert_curve(curves[cpus][-1:], ends[-1:], shares[:1])
        assert_curve(curves[gpus][-1:], ends[-1:], [np.mean(shares[1:])])
        assert not any(tag.startswith(("learning/", "stream/")) for tag in curves)


def test_the_tags_are_those_of_a_comparison_and_the_layout_names_them(tmp_path: Path) -> None:
    write(tmp_path, some_batches())
    tags = set(read(tmp_path / "random"))
    for metric in metrics.EPISODE_METRICS:
        assert {metric.tag, metric.episode_tag, metric.difference_tag} <= tags
    accumulator = EventAccumulator(str(tmp_path / "random")).Reload()
    (tensor,) = accumulator.Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(tensor.tensor_proto.string_val[0])
    charted = {
        tag
        for category in layout.category
        for chart in category.chart
        for pattern in chart.multiline.tag
        for tag in tags
        if re.search(pattern, tag)
    }
    assert charted == tags


def test_they_are_there_while_the_stream_runs(tmp_path: Path) -> None:
    measures = StreamMeasures(NAMES, 10)
    with StreamCurves(tmp_path, measures) as curves:
        watching = EventAccumulator(str(tmp_path / "oracle"))
        for finished in some_batches()[:3]:
            measures.add(finished)
            curves.add(finished)
            last = finished.arrived.batch.first + len(finished.arrived.batch) - 1
            found = watching.Reload().Scalars("mean/objective")
            assert [event.step for event in found] == [*range(last + 1)]


def test_a_resumed_stream_goes_on_in_the_same_folders(tmp_path: Path) -> None:
    batches = some_batches()
    write(tmp_path / "whole", batches)
    stopped = tmp_path / "resumed"
    write(stopped, batches[:4])  # the store has kept the first two alone
    watching = EventAccumulator(str(stopped / "oracle")).Reload()
    measures = StreamMeasures(NAMES, 10, PRICE)
    for finished in batches[:2]:
        measures.add(finished)
    other = stopped / "random" / f"{EVENT_FILES.replace('*', '1.comparison')}"
    other.write_bytes(b"of somebody else")
    with StreamCurves(stopped, measures, batches[2].arrived.batch.first) as curves:
        for finished in batches[2:]:
            measures.add(finished)
            curves.add(finished)
    assert other.read_bytes() == b"of somebody else"
    other.unlink()
    for name in NAMES:
        expected, found = read(tmp_path / "whole" / name), read(stopped / name)
        assert found.keys() == expected.keys()
        for tag in expected:
            if not tag.startswith(("window/decision", "decision/")):
                assert_curve(found[tag], *zip(*expected[tag], strict=True))
    assert len(list((stopped / "random").glob(EVENT_FILES))) == 2
    steps = [event.step for event in watching.Reload().Scalars("mean/gap")]
    assert steps == [step for step, _ in read(tmp_path / "whole" / "oracle")["mean/gap"]]
    write(stopped, batches[:1])
    assert {step for step, _ in read(stopped / "random")["mean/gap"]} == {0, 1, 2}


def test_learning_and_drift_are_marked(tmp_path: Path) -> None:
    phases = [make_phase("before"), make_phase("drift", load=4.0), make_phase("back")]
    measures, model = StreamMeasures(NAMES, 10), LearnedModel(0, b"")
    with StreamCurves(tmp_path, measures, models={"random": lambda: model}) as curves:
        for index, phase in enumerate(phases):
            finished = play(2 * index, 2, phase)
            lane = finished.lanes["random"]
            object.__setattr__(lane, "model_version", min(index, 1))
            object.__setattr__(lane, "exploration", 0.1)
            if index < 2:
                model = LearnedModel(index, b"", {"r_squared": 0.5} if index else {})
            measures.add(finished)
            curves.add(finished)
    found = read(tmp_path / "random")
    assert found["stream/drift"] == [(1, 0.0), (3, 1.0), (5, 0.0)]
    assert found["learning/version"] == [(1, 0.0), (3, 1.0), (5, 1.0)]
    assert_curve(found["learning/exploration"], [1, 3, 5], [0.1] * 3)
    assert found["learning/score/r_squared"] == [(3, 0.5)]
    assert "learning/version" not in read(tmp_path / "oracle")


def test_points_grow_sparser() -> None:
    def until(end: int, first: int = 0) -> list[int]:
        points, found = _points(first), []
        while (point := next(points)) < end:
            found.append(point)
        return found

    assert until(POINTS) == list(range(POINTS))
    million = until(10**6)
    assert len(million) == pytest.approx(POINTS * (1 + math.log(10**6 / POINTS)), rel=0.1)
    assert len(until(10**9)) < 2.2 * len(million)
    later = np.array(million[POINTS:])
    assert max(np.diff(later) / later[1:]) <= 1 / POINTS
    assert until(10**6, first=54_321) == [point for point in million if point >= 54_321]


def test_a_point_takes_few_bytes_and_a_batch_without_one_takes_none(tmp_path: Path) -> None:
    """The points of a million episodes take 8 MB at most."""
    finished = some_batches()[1]
    measures = StreamMeasures(NAMES, 10, PRICE)
    with StreamCurves(tmp_path, measures) as curves:
        (path,) = (tmp_path / "random").glob(EVENT_FILES + SUFFIX)
        sizes = [path.stat().st_size]
        for episode in (0, 1, 2):
            batch = finished.arrived.batch
            object.__setattr__(batch, "first", episode)
            measures.add(finished)
            curves.add(finished)
            sizes.append(path.stat().st_size)
        curves._point = 10**6
        measures.add(finished)
        curves.add(finished)
        assert path.stat().st_size == sizes[-1]
        object.__setattr__(batch, "first", 3)
    assert max(np.diff(sizes)) < 8e6 / 4_300


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process may become larger than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_stops_no_stream(tmp_path: Path) -> None:
    now, batches, measures = [0.0], some_batches(), StreamMeasures(NAMES, 10)
    with StreamCurves(tmp_path, measures, clock=lambda: now[0]) as curves:

        def add(finished: Finished) -> None:
            measures.add(finished)
            curves.add(finished)

        add(batches[0])
        assert curves.trouble is None
        with full_disk(max(path.stat().st_size for path in tmp_path.glob("*/*")) + 500):
            add(batches[1])
            add(batches[2])
        assert curves.trouble is not None
        assert curves.trouble.startswith(f"curves: {tmp_path}")
        assert "File too large" in curves.trouble
        add(batches[3])
        assert curves.trouble is not None
        now[0] += RETRY_S
        add(batches[4])
        assert curves.trouble is None
    steps = [step for step, _ in read(tmp_path / "queue-price")["mean/gap"]]
    assert steps == [0, 1, 2, *range(13, 25)]


def test_what_is_added_to_an_event_file_is_there_whole(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "new", ".mine")
    file.add_scalars({3: {"a": 1.5, "b": -2.0}, 7: {"a": math.inf}})
    assert read(tmp_path / "new") == {"a": [(3, 1.5), (7, math.inf)], "b": [(3, -2.0)]}
    before = file.path.read_bytes()
    with pytest.raises(TypeError):
        file.add_scalars({8: {"a": 1.0}, 9: {"a": "no number"}})  # type: ignore[dict-item]
    assert file.path.read_bytes() == before
    file.add_scalars({9: {"b": 0.5}})
    file.close()
    assert read(tmp_path / "new")["b"] == [(3, -2.0), (9, 0.5)]
    assert file.path.name.endswith(".mine")
