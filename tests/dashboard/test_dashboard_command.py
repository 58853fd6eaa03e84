"""The one command: a real engine and the page's server, from start to end."""

import json
import os
import signal
import socket
import time
import urllib.error
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from dashboard_process import CommandProcess, Dashboard, module, wait_for
from dashboard_requests import TOKEN
from sqlalchemy import make_url
from stored_runs import open_store

from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.tables import episodes
from cpu_gpu_env.scripts import dashboard as dashboard_command
from cpu_gpu_env.scripts import stream

ENGINE = ("--schedulers", "myopic,random", "--bound", "none", "--num-tasks", "5", "--output")


def start(store: str | Path, folder: Path, *arguments: object, **more: Any) -> Dashboard:
    """The command with a quick engine."""
    return Dashboard(store, *arguments, "--", *ENGINE, folder / "curves", **more)


def own_engine(dashboard: Dashboard) -> dict[str, Any]:
    engine: dict[str, Any] = dashboard.get("/api/status")["engine"]
    return engine


def wait_until_running(dashboard: Dashboard) -> dict[str, Any]:
    """Wait until the engine streams; return the state."""
    wait_for(lambda: own_engine(dashboard)["state"] == "running", "the engine runs", 150)
    wait_for(lambda: (dashboard.get("/api/state")["engine"] or {}).get("episode"), "it plays")
    state: dict[str, Any] = dashboard.get("/api/state")
    return state


def refused(dashboard: Dashboard, path: str, **body: Any) -> tuple[int, str]:
    """Code and reason with which a request is refused."""
    with pytest.raises(urllib.error.HTTPError) as raised:
        dashboard.post(path, **body)
    with closing(raised.value) as answer:
        return answer.code, json.loads(answer.read())["error"]


def stored_count(store: str | Path, run: int) -> int:
    """Episodes that are stored of the first scheduler of a run."""
    with closing(open_reader(store)) as reader:
        return reader.count(episodes, run, reader.schedulers(run)[0])


@pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
def test_an_engine_is_steered_and_ends_with_everything_stored(
    store_url: str, tmp_path: Path
) -> None:
    secret = make_url(store_url).password or "no password of a file"
    environment = {**os.environ, "HYBRIDCLUSTER_STORE": store_url}
    line = ("--port", 0, "--", *ENGINE, tmp_path / "curves")
    with Dashboard(None, *line, token=TOKEN, environment=environment) as dashboard:
        state = wait_until_running(dashboard)
        assert state["server"]["mode"] == "engine"
        assert list(state["lanes"]) == ["myopic", "random"]
        engine = state["server"]["engine"]
        assert engine["exit_code"] is None
        processes = psutil.Process(dashboard.process.pid).children(recursive=True)
        assert engine["pid"] in [process.pid for process in processes]
        for process in processes:
            assert secret not in " ".join(process.cmdline())
            assert TOKEN not in str([process.cmdline(), process.environ()])
        assert secret not in json.dumps(dashboard.get("/api/state"))

        assert refused(dashboard, "/api/start") == (
            409,
            "the engine is running already; stop it first",
        )
        assert dashboard.post("/api/pause") == {"run": 1, "command": "pause"}
        time.sleep(1.0)
        count = stored_count(store_url, 1)
        time.sleep(1.0)
        assert stored_count(store_url, 1) == count
        assert dashboard.get("/api/state")["engine"]["paused"]
        assert dashboard.post("/api/speed", speed=1000.0)["command"] == "speed"
        assert dashboard.post("/api/resume", run=1)["command"] == "resume"
        wait_for(lambda: stored_count(store_url, 1) > count, "it goes on")
        wait_for(lambda: dashboard.get("/api/state")["engine"]["speed"] == 1000.0, "the speed")

        assert dashboard.post("/api/stop") == {"run": 1, "command": "stop"}
        wait_for(lambda: own_engine(dashboard)["state"] == "ended", "the engine's end")
        assert own_engine(dashboard)["exit_code"] == 130
        assert refused(dashboard, "/api/pause")[0] == 409
        assert refused(dashboard, "/api/stop", run=1)[0] == 409
        assert refused(dashboard, "/api/stop", run=99)[0] == 404

        assert refused(dashboard, "/api/start", cluster="/etc/passwd")[0] == 400
        dashboard.post("/api/start", schedulers=["round-robin"], num_tasks=7)
        wait_until_running(dashboard)
        assert dashboard.get("/api/runs/2")["settings"]["schedulers"] == ["round-robin"]
        assert dashboard.get("/api/runs/2")["settings"]["env_kwargs"]["num_tasks"] == 7
        own = psutil.Process(own_engine(dashboard)["pid"])
        assert dashboard.end(signal.SIGINT) == 130
        assert not own.is_running()
    ending = dashboard.lines.index("ending; the engine stores what it has played")
    *_, curves, stored, last, end = dashboard.lines[ending:]
    assert curves == f"curves: tensorboard --logdir {tmp_path}/curves/run-2"
    assert stored.startswith("stored as run 2: ")
    assert last == "interrupted; what was finished is kept"  # says the engine
    assert end == "interrupted; all that was played is stored"
    with closing(open_reader(store_url)) as reader:
        for run in (1, 2):
            row = reader.run_row(run)
            assert row["status"] == "interrupted"
            assert row["next_episode"] > 0
            for name in row["schedulers"]:
                assert reader.count(episodes, run, name) == row["next_episode"]


def test_an_engine_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    store = tmp_path / "results.sqlite"
    with start(store, tmp_path) as dashboard:
        wait_until_running(dashboard)
        engine = psutil.Process(own_engine(dashboard)["pid"])
        os.kill(dashboard.process.pid, signal.SIGKILL)
        wait_for(lambda: not engine.is_running(), "the engine's end", 30)
    with closing(open_reader(store)) as reader:
        row = reader.run_row(1)
        assert row["status"] == "interrupted"
        assert reader.count(episodes, 1, "random") == row["next_episode"] > 0


@pytest.mark.slow
def test_sigterm_ends_both_and_what_an_engine_says_is_told(tmp_path: Path) -> None:
    store = tmp_path / "results.sqlite"
    agent = tmp_path / "agent.zip"
    agent.write_bytes(b"no agent")
    with start(store, tmp_path, environment={**os.environ}) as dashboard:
        pid = own_engine(dashboard)["pid"]
        # It is told to end as it still begins.
        assert dashboard.end(signal.SIGTERM) == 130
        assert not psutil.pid_exists(pid)
    with Dashboard(store, "--", "--agent", agent, "--output", tmp_path / "curves") as dashboard:
        wait_for(lambda: own_engine(dashboard)["state"] == "ended", "the engine's end")
        engine = own_engine(dashboard)
        assert engine["exit_code"] == 2
        assert f"error: {agent}" in engine["log"][-1]["text"]
        dashboard.find(r"the engine has ended with exit code 2: error: (.*)")


@pytest.mark.slow
def test_a_store_that_is_written_by_another_engine(tmp_path: Path) -> None:
    store = tmp_path / "results.sqlite"
    line = ("--store", store, *ENGINE, tmp_path / "curves")
    with CommandProcess(module("stream"), *line) as engine:
        engine.find("run ([0-9]+) has begun")
        with CommandProcess(module("dashboard"), "--store", store, "--port", 0) as refusing:
            assert refusing.process.wait(60) == 2
        assert refusing.lines == [
            f"error: store {store}: another process writes to it; --no-engine shows what that one "
            "does"
        ]
        with Dashboard(store, "--no-engine") as dashboard:
            assert refused(dashboard, "/api/start")[0] == 409
            assert own_engine(dashboard)["state"] == "none"
            dashboard.post("/api/pause")
            wait_for(lambda: dashboard.get("/api/state")["engine"]["paused"], "the pause")
            dashboard.post("/api/stop")
            assert engine.process.wait(30) == 0
            assert dashboard.end(signal.SIGTERM) == 130


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("--host 0.0.0.0", "host is '0.0.0.0', which other machines reach: that takes a token"),
        ("--host no.such.host.invalid --token-file {token}", "host 'no.such.host.invalid', port"),
        ("--port {taken}", "port {taken} of 127.0.0.1 is taken; --port gives another"),
        ("--token-file {folder}/none", "token file {folder}/none: No such file"),
        ("--token-file {short}", "the token in {short} has 5 characters; allowed: 16 to 256"),
        ("--allow-host http://x", "allowed host is 'http://x'; allowed: a name or address"),
        ("--replay 7", "run 7 is unknown"),
        ("--store mysql://x/y", "unknown database 'mysql'"),
        ("-- --cluster cray", "unknown cluster 'cray'"),
        ("-- --workload webs", "unknown workload 'webs'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    line: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"folder": tmp_path, "short": tmp_path / "short", "token": tmp_path / "token"}
    names["short"].write_text("short\n")
    names["token"].write_text(TOKEN)
    store = tmp_path / "results.sqlite"
    with open_store(str(store)).connect(), socket.create_server(("127.0.0.1", 0)) as taken:
        places = {**names, "taken": taken.getsockname()[1]}
        words = line.format(**places).split()
        if "--store" not in words:
            words = ["--store", str(store), *words]
        assert dashboard_command.main(words) == 2
    told = capsys.readouterr()
    assert error.format(**places) in told.err
    assert told.err.count("\n") == 1
    assert not told.out


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("-- --load x", "argument --load"),
        ("-- --store x", "--store is not for the engine; give it before --"),
        ("-- --end-with-stdin", "--end-with-stdin is not for the engine"),
        ("-- --no-such", "--no-such"),
        ("--no-engine -- --load 2", "there is to be none"),
        ("--replay 1 --no-engine", "not allowed with argument"),
        ("--port 65536", "'65536' is not a whole number from 0 to 65535"),
    ],
)
def test_arguments_that_are_none_are_told(
    line: str, error: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        dashboard_command.main(["--store", str(tmp_path / "none.sqlite"), *line.split()])
    assert raised.value.code == 2
    assert error in capsys.readouterr().err


def test_tokens_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    read = dashboard_command.make_settings
    arguments = dashboard_command.parse_arguments(["--no-engine", "--token-file", str(file)])
    assert read(arguments).token == TOKEN
    monkeypatch.setenv("HYBRIDCLUSTER_TOKEN", "x" * 20)
    assert read(arguments).token == TOKEN
    assert read(dashboard_command.parse_arguments(["--no-engine"])).token == "x" * 20
    monkeypatch.setenv("HYBRIDCLUSTER_TOKEN", "")
    assert read(dashboard_command.parse_arguments(["--no-engine"])).token is None


def test_arguments_for_the_engine_are_written_in_one_word_each() -> None:
    words = ["--onl", "--speed", "10x", "--load=none", "--agent", "a.zip", "--agent=-b.zip"]
    written = stream.canonical_words(words)
    assert written == (
        *("--online", "--speed=10x", "--load=none", "--agent=a.zip", "--agent=-b.zip"),
    )
    again = stream.parse_arguments(list(written))
    assert (again.speed, again.load, again.online) == (10.0, None, True)


def test_help_shows_no_password_of_the_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HYBRIDCLUSTER_STORE", "postgresql://a:secret@b/c")
    with pytest.raises(SystemExit):
        dashboard_command.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "postgresql://a:***@b/c" in told
    assert "secret" not in told
