"""What Prometheus reads, by its own parser."""

import httpx
import pytest
import store_rows
from dashboard_server import PlayedRun, Served
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _scrape(served: Served) -> Samples:
    answer = served.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def _value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_requests_are_counted_by_route_never_by_path(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served:
        played.play(1)
        for run in (1, 1, 7):
            served.http.get(f"/api/runs/{run}")
        served.http.get("/healthz")
        for number in range(20):
            served.http.get(f"/nothing/{number}")
        served.http.request("STRANGE", "/healthz")
        httpx.get(f"http://127.0.0.1:{served.port}/healthz", headers={"Host": "elsewhere"})
        samples = _scrape(served)
        count = "hybridcluster_http_requests_total"
        route = "/api/runs/{run}"
        assert _value(samples, count, route=route, method="GET", code="200") == 2
        assert _value(samples, count, route=route, method="GET", code="404") == 1
        assert _value(samples, count, route="/healthz", method="GET", code="200") == 1
        assert _value(samples, count, route="other", method="GET", code="403") == 1
        routes = {dict(labels)["route"] for name, labels in samples if name == count}
        assert not {path for path in routes if "nothing" in path}
        took = "hybridcluster_http_request_duration_seconds"
        assert _value(samples, f"{took}_count", route=route, method="GET") == 3
        assert 0 < _value(samples, f"{took}_sum", route=route, method="GET") < 30


def test_the_watched_run_and_the_process(store_url: str) -> None:
    with PlayedRun(store_url) as played, Served(store_url) as served:
        played.play(4)
        with served.watch() as watching:
            watching.read_until(lambda state: state["lanes"]["oracle"]["episodes"] == 4)
            samples = _scrape(served)
            assert _value(samples, "hybridcluster_sockets") == 1
            sent = _value(samples, "hybridcluster_messages_sent_total")
            assert 0 < sent <= len(watching.messages) + 2
        assert _value(samples, "hybridcluster_run") == 1
        assert _value(samples, "hybridcluster_run_alive") == 1
        assert _value(samples, "hybridcluster_run_tasks") == played.tasks
        assert _value(samples, "hybridcluster_run_episodes") == 4
        assert _value(samples, "hybridcluster_store_trouble") == 0
        assert _value(samples, "hybridcluster_store_poll_duration_seconds_count") > 0
        assert _value(samples, "hybridcluster_clients_too_slow_total") == 0
        for name, measures in played.measures.lanes.items():
            of_all = {metric.key: value for metric, value in measures.summary("all").items()}
            for key in ("objective", "gap"):
                got = _value(samples, f"hybridcluster_{key}", scheduler=name, span="all")
                assert got == pytest.approx(of_all[key])
        assert _value(samples, "process_resident_memory_bytes") > 10**7
        store_rows.wait_until(lambda: served.metric("hybridcluster_sockets") == 0)


def test_servers_count_for_themselves(store_url: str) -> None:
    with PlayedRun(store_url), Served(store_url) as one, Served(store_url) as other:
        one.http.get("/healthz")
        labels = {"route": "/healthz", "method": "GET", "code": "200"}
        name = "hybridcluster_http_requests_total"
        assert _value(_scrape(one), name, **labels) >= 1
        assert (name, frozenset(labels.items())) not in _scrape(other)
