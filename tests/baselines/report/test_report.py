"""What a comparison leaves to look at: first episode, audit, TensorBoard, and the page."""

import base64
import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import MIXED

from cpu_gpu_env import HybridClusterEnv
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.evaluation.first_episode import EpisodeView, view_first_episode
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.report.comparison_figures import COMPARISON_FIGURES
from cpu_gpu_env.baselines.report.episode_figures import draw_gantts
from cpu_gpu_env.baselines.report.page import write_html
from cpu_gpu_env.baselines.report.tables import TextTable, difference_table, leaderboard, win_table
from cpu_gpu_env.baselines.report.tensorboard import LAYOUT, write_tensorboard
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN, MEAN_WAIT, OBJECTIVE
from cpu_gpu_env.results.records import Comparison

HOSTILE = "_<b>&\"'|*$x$`[a](b)"
"""A name that is markup wherever it is not escaped."""
KWARGS: dict[str, Any] = {"cluster": MIXED, "num_tasks": 15, "noise": 0.3}
SEEDS = (5, 6, 7)


@dataclass(frozen=True)
class Results:
    """A comparison and the views of its first episode."""

    comparison: Comparison
    views: dict[str, EpisodeView]


def play(actions: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Infos of the steps of an episode in the single environment."""
    env = HybridClusterEnv(**KWARGS)
    env.reset(seed=seed)
    return [env.step(action)[4] for action in actions.tolist()]


@pytest.fixture(scope="module")
def results() -> Results:
    env = HybridClusterVectorEnv(len(SEEDS), **KWARGS)
    env.reset(seed=list(SEEDS))
    oracle = solve_episodes(env.instances(), cache=None, jobs=1)
    schedulers = [
        SchedulerSpec("myopic", lambda env: make_scheduler("myopic", env)),
        SchedulerSpec("gpu-only", lambda env: make_scheduler("gpu-only", env)),
        SchedulerSpec(HOSTILE, lambda env: make_scheduler("random", env, 0), learned=True),
    ]
    comparison = compare(schedulers, SEEDS, KWARGS, f"compare {HOSTILE}", oracle=oracle)
    return Results(comparison, view_first_episode(comparison, KWARGS))


def test_the_wait_is_from_arrival_to_the_start_of_the_first_share(results: Results) -> None:
    for result in results.comparison.results:
        for index, seed in enumerate(SEEDS):
            infos = play(result.episodes.actions[index], seed)
            waits_s = [info["start_s"] - info["task"][0] for info in infos]
            assert result.episodes[MEAN_WAIT][index] == pytest.approx(np.mean(waits_s))


def test_the_first_episode_is_played_again_as_it_was(results: Results) -> None:
    for result in results.comparison.results:
        schedule = results.views[result.name].schedule
        assert schedule.title == result.name
        assert schedule.makespan_s == pytest.approx(result.episodes.makespan_s[0], rel=1e-12)
        assert schedule.energy_j == pytest.approx(result.episodes.energy_j[0], rel=1e-12)
        assert np.mean(schedule.wait_s) == pytest.approx(result.episodes[MEAN_WAIT][0], rel=1e-12)


@pytest.mark.parametrize("stretch_s", [0.01, 1.0, 1e6])
def test_utilisation_accounts_for_all_busy_time(results: Results, stretch_s: float) -> None:
    devices = np.array([len(MIXED.cpus), len(MIXED.gpus)])
    for result in results.comparison.results:
        final = play(result.episodes.actions[0], SEEDS[0])[-1]
        busy_s = final["utilisation"] * final["makespan_s"]
        pools_s = [busy_s[: devices[0]].sum(), busy_s[devices[0] :].sum()]
        utilisation = results.views[result.name].schedule.pool_utilisation(stretch_s)
        assert (utilisation.sum(axis=1) * devices * stretch_s).tolist() == pytest.approx(pools_s)
        assert utilisation.min() >= 0
        assert utilisation.max() <= 1 + 1e-9


def test_the_audit_costs_what_the_environment_says(results: Results) -> None:
    oracle = results.comparison.oracle
    assert oracle is not None
    theirs, best = oracle.episodes.actions[0], oracle.episodes.objective[0]
    assert results.views["oracle"].audit is None
    for result in results.comparison.results:
        audit = results.views[result.name].audit
        if audit is None:
            assert result is oracle
            continue
        own = result.episodes.actions[0]
        assert sorted(d.task for d in audit) == np.flatnonzero(own != theirs).tolist()
        costs = [decision.cost for decision in audit]
        assert costs == sorted(costs, reverse=True)
        assert sum(costs) == pytest.approx(result.episodes.objective[0] / best - 1)
        for decision in audit:
            with_it, without = (
                play(np.append(own[:kept], theirs[kept:]), SEEDS[0])[-1]["objective"]
                for kept in (decision.task + 1, decision.task)
            )
            assert decision.cost * best == pytest.approx(with_it - without, abs=1e-12)


def test_an_episode_too_long_to_look_at_is_left_out(
    results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cpu_gpu_env.baselines.evaluation.first_episode.MAX_TASKS", 14)
    views = view_first_episode(results.comparison, KWARGS)
    assert views == {}
    write_html(results.comparison, views, draw_gantts(views), tmp_path / "a.html")
    assert "too long" in (tmp_path / "a.html").read_text()


# ---------------------------------------------------------------------------- TensorBoard


@dataclass(frozen=True)
class Board:
    """TensorBoard's own view of a folder."""

    folder: Path
    multiplexer: Any
    context: Any


@pytest.fixture(scope="module")
def board(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Board:
    folder = tmp_path_factory.mktemp("tensorboard")
    write_tensorboard(results.comparison, results.views, draw_gantts(results.views), folder)
    return open_board(folder)


def open_board(folder: Path) -> Board:
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins.base_plugin import TBContext

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    return Board(folder, multiplexer, TBContext(data_provider=provider, logdir=str(folder)))


def tags_by_plugin(board: Board, run: str) -> dict[str, set[str]]:
    """The tags of a run by the plugin that shows them."""
    accumulator = board.multiplexer.GetAccumulator(run)
    plugins: dict[str, set[str]] = {}
    for tag, metadata in board.multiplexer.AllSummaryMetadata()[run].items():
        plugins.setdefault(metadata.plugin_data.plugin_name, set()).add(tag)
    assert accumulator.Tags()
    return plugins


def test_all_runs_have_the_same_tags(board: Board, results: Results) -> None:
    names = [result.name for result in results.comparison.results]
    assert set(board.multiplexer.Runs()) == {".", *names}
    plugins = {name: tags_by_plugin(board, name) for name in names}
    # The oracle plans ahead, so it takes no decisions that could be timed or judged.
    for other in ("myopic", "gpu-only", HOSTILE):
        assert plugins[other] == plugins["myopic"]
    own = {plugin: plugins["oracle"].get(plugin, set()) for plugin in plugins["myopic"]}
    missing = {tag for plugin, tags in plugins["myopic"].items() for tag in tags - own[plugin]}
    assert {tag.split("/")[0] for tag in missing} == {"decision", "decision_audit"}
    expected = {"scalars", "images", "text", "histograms", "hparams", "custom_scalars"}
    assert set(plugins["myopic"]) == expected


def test_no_tag_is_of_two_plugins(results: Results, board: Board) -> None:
    """One would hide the other: TensorBoard's metadata keep the first, so count the file's."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for run in (".", "myopic"):
        (file,) = (board.folder / run).glob("events.out.tfevents.*")
        plugins: dict[str, set[str]] = {}
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name:
                    plugins.setdefault(value.tag, set()).add(value.metadata.plugin_data.plugin_name)
        assert {tag for tag, found in plugins.items() if len(found) > 1} == set()


def test_scalars_are_those_of_the_comparison(board: Board, results: Results) -> None:
    def scalars(run: str, tag: str) -> list[float]:
        from tensorboard.util import tensor_util

        events = board.multiplexer.Tensors(run, tag)
        return [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events]

    for result, row in zip(results.comparison.results, results.comparison.rows(), strict=True):
        for metric in (OBJECTIVE, MAKESPAN, ENERGY, MEAN_WAIT):
            name = metric.key
            episodes = result.episodes[metric].tolist()
            assert scalars(result.name, f"episode/{name}") == pytest.approx(episodes, rel=1e-6)
            assert scalars(result.name, f"mean/{name}")[-1] == pytest.approx(row[name], rel=1e-6)
            apart = result.episodes[metric] - results.comparison.reference.episodes[metric]
            found = scalars(result.name, f"difference/{name}")[-1]
            assert found == pytest.approx(apart.mean(), rel=1e-5, abs=1e-9)
        assert scalars(result.name, "mean/gap")[-1] == pytest.approx(row["gap"], rel=1e-5)
        if len(result.decision_s):
            curve = scalars(result.name, "decision/time_by_percentile_s")
            assert curve == sorted(curve)
            assert scalars(result.name, "decision/p50_s") == pytest.approx([curve[49]])


def test_custom_scalars_draw_every_run_on_one_chart(board: Board, results: Results) -> None:
    from tensorboard.context import RequestContext
    from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin
    from tensorboard.plugins.scalar.scalars_plugin import ScalarsPlugin

    context = board.context
    context.plugin_name_to_instance = {"scalars": ScalarsPlugin(context)}
    plugin = CustomScalarsPlugin(context)
    layout = json.loads(plugin.layout_impl(RequestContext(), ""))
    assert [category["title"] for category in layout["category"]] == list(LAYOUT)
    charts = [chart for category in layout["category"] for chart in category["chart"]]
    assert len(charts) == sum(map(len, LAYOUT.values()))  # once, though every run has the layout
    for chart in charts:
        (pattern,) = chart["multiline"]["tag"]
        for result in results.comparison.results:
            found = plugin.scalars_impl(RequestContext(), result.name, pattern, "")
            curves = found["tag_to_events"]
            assert len(curves) == (not ("decision" in pattern and result.name == "oracle"))
            assert all(curves.values())


def test_hparams_have_one_row_a_scheduler(board: Board, results: Results) -> None:
    from tensorboard.context import RequestContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    context = backend_context.Context(board.context)
    metrics = context.experiment_from_metadata(
        RequestContext(), "", False, context.hparams_metadata(RequestContext(), ""), []
    ).metric_infos
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=100,
        allowed_statuses=[api_pb2.STATUS_SUCCESS],
        col_params=[api_pb2.ColParams(metric=metric.name) for metric in metrics],
    )
    handler = list_session_groups.Handler(RequestContext(), context, "", request)
    rows = {
        group.hparams["scheduler"].string_value: group for group in handler.run().session_groups
    }
    assert set(rows) == {result.name for result in results.comparison.results}
    families = {name: row.hparams["family"].string_value for name, row in rows.items()}
    assert families == {
        "oracle": "oracle",
        "myopic": "fixed",
        "gpu-only": "fixed",
        HOSTILE: "learned",
    }
    for row in results.comparison.rows():
        values = {v.name.tag: v.value for v in rows[row["scheduler"]].metric_values}
        assert values["mean/gap"] == pytest.approx(row["gap"], rel=1e-5)
        assert values["mean/makespan_s"] == pytest.approx(row["makespan_s"], rel=1e-6)
        assert ("decision/p50_s" in values) == (row["scheduler"] != "oracle")


def test_a_new_comparison_replaces_the_files_of_the_old_one_and_no_others(
    results: Results, tmp_path: Path
) -> None:
    strangers = [tmp_path / "oracle" / "events.out.tfevents.1.host.2.3", tmp_path / "a" / "kept"]
    for path in strangers:
        path.parent.mkdir()
        path.write_text("kept")
    comparison = replace(results.comparison, results=results.comparison.results[:1])
    for _ in range(2):
        write_tensorboard(comparison, {}, {}, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert set(strangers) < set(files)
    assert len(files) == len(strangers) + len(comparison.results) + 1


class Reader(HTMLParser):
    """Collects the texts and tags of a page, and checks that tags are closed in order."""

    VOID = ("meta", "img", "br", "link")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_markdown_shows_names_as_they_are(results: Results) -> None:
    from tensorboard.plugin_util import markdown_to_safe_html

    differences = difference_table(results.comparison)
    assert results.comparison.reference.name == "gpu-only"
    assert {row[0] for row in differences.rows} == {"oracle", "myopic", HOSTILE}
    for table in (leaderboard(results.comparison), win_table(results.comparison), differences):
        page = Reader(markdown_to_safe_html(table.to_markdown()))
        cells = [text for text in page.texts if text.strip()]
        assert HOSTILE in "".join(page.texts)
        assert {tag for tag, _ in page.tags} == {"table", "thead", "tbody", "tr", "th", "td"}
        assert all(name in cells for name in ("oracle", "myopic"))
        assert sum(tag == "tr" for tag, _ in page.tags) == 1 + len(table.rows)
        assert sum(tag in ("td", "th") for tag, _ in page.tags) == len(table.headings) * (
            1 + len(table.rows)
        )


def test_a_table_of_every_character_survives_markdown() -> None:
    from tensorboard.plugin_util import markdown_to_safe_html

    name = "".join(map(chr, range(33, 127)))
    page = Reader(markdown_to_safe_html(TextTable(("a", "b"), ((name, "1"),)).to_markdown()))
    assert name in "".join(page.texts)


# ------------------------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "new" / "report.html"
    write_html(results.comparison, results.views, draw_gantts(results.views), path)
    return path.read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    reader = Reader(page)
    addresses = [
        value
        for _, attributes in reader.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "background", "poster")
    ]
    assert addresses
    assert all(address is not None and address.startswith("data:image/") for address in addresses)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {t for t, _ in reader.tags}
    assert "://" not in page
    assert not re.search(r"url\(|@import", page)


def test_the_page_shows_everything_and_escapes_it(page: str, results: Results) -> None:
    reader = Reader(page)
    texts = [text.strip() for text in reader.texts]
    for result in results.comparison.results:
        assert texts.count(result.name) >= 1
    assert f"compare {HOSTILE}" in texts
    assert "<b>" not in page
    assert HOSTILE not in page
    assert f"not held out from {HOSTILE}: not recorded what it was trained on" in texts
    assert not any("held-out" in text for text in texts)
    for heading in ("Leaderboard", "Differences", "Who beats whom", "Decision audit", "Provenance"):
        assert heading in texts
    problem = results.comparison.provenance.problem
    assert problem.cluster_sha256 in texts
    assert problem.workload_notes
    assert all(note in texts for note in problem.workload_notes)
    pictures = [attributes for tag, attributes in reader.tags if tag == "img"]
    charts = [figure.alternative for figure in COMPARISON_FIGURES if figure.heading]
    assert [attributes["alt"] for attributes in pictures[: len(charts)]] == charts
    assert len(pictures) == len(charts) + 3  # Gantt charts of the best, oracle and heuristic
    assert all(attributes["alt"] for attributes in pictures)


def test_pictures_of_the_page_are_whole(page: str) -> None:
    found = re.findall(r'src="data:image/([a-z+]+);base64,([^"]+)"', page)
    assert {media_type for media_type, _ in found} == {"svg+xml", "png"}
    for media_type, data in found:
        content = base64.b64decode(data, validate=True)
        if media_type == "png":
            assert content.startswith(b"\x89PNG")
        else:
            assert ElementTree.fromstring(content).tag.endswith("svg")


def test_the_page_is_the_same_again(page: str, results: Results, tmp_path: Path) -> None:
    pictures = draw_gantts(results.views)
    write_html(results.comparison, results.views, pictures, tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page


def test_a_page_that_cannot_be_finished_leaves_the_old_one(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("kept")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_html(results.comparison, results.views, {}, path)
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]
