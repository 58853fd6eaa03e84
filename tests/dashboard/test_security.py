"""Who is let in: hosts, origins, tokens, before anything is answered or any handshake is made."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from dashboard_requests import TOKEN, Server, offer, read_answer, serving

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.dashboard.security import MAX_BODY
from cpu_gpu_env.dashboard.settings import DashboardSettings

BEARER = "Authorization", f"Bearer {TOKEN}"
GUARDED = ("/api/status", "/api/runs", "/docs", "/docs/start.js", "/openapi.json", "/metrics")
GUARDED += ("/healthz", "/readyz", "/api/nothing", "/nothing", "/assets", "//", "/ws")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Without a token, on loopback."""
    store = tmp_path_factory.mktemp("plain") / "none.sqlite"
    with serving(DashboardSettings(str(store))) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a token, and a name that a proxy knows it by."""
    store = tmp_path_factory.mktemp("guarded") / "none.sqlite"
    names = ("dash.example.org", "proxy.example.org:8443")
    with serving(DashboardSettings(str(store), token=TOKEN, allowed_hosts=names)) as server:
        yield server


def test_hosts_of_this_machine_are_let_in(plain: Server) -> None:
    names = ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", "127.9.9.9")
    hosts = [host for name in names for host in (name, f"{name}:{plain.port}", f"{name}:9")]
    for host in hosts:  # another port: this one may be forwarded
        assert plain.ask("/healthz", host=host).code == 200, host
        assert plain.shake_hands(host=host).code == 101, host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example:{port}",
        "192.168.1.5:{port}",
        "0.0.0.0:{port}",
        "localhost@evil.example",
        "localhost/x",
        "[::2]:{port}",
        "localhost:x",
    ],
)
def test_foreign_hosts_are_refused(plain: Server, host: str) -> None:
    named = host.format(port=plain.port)
    for answer in (plain.ask("/healthz", host=named), plain.shake_hands(host=named)):
        assert answer.code == 403
        assert "Host is" in json.loads(answer.body)["error"]


def test_a_host_is_given_once(plain: Server) -> None:
    for head in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        answer = plain.send(b"GET /healthz HTTP/1.0\r\n" + head + b"\r\n")
        assert answer.code == 400


def test_allowed_hosts_are_let_in_and_their_origins(guarded: Server) -> None:
    for host, code in (
        ("dash.example.org", 200),
        ("dash.example.org:8443", 200),
        ("DASH.example.org", 200),
        ("proxy.example.org:8443", 200),
        ("proxy.example.org", 403),
        ("proxy.example.org:8444", 403),
        ("x.dash.example.org", 403),
    ):
        assert guarded.ask("/healthz", BEARER, host=host).code == code, host
    for origin, code in (
        ("https://dash.example.org", 200),
        ("https://proxy.example.org:8443", 200),
        ("https://dash.example.org:8443", 403),
        ("https://proxy.example.org", 403),
    ):  # Host is then the server's own, as proxies ask by default
        assert guarded.ask("/healthz", BEARER, ("Origin", origin)).code == code, origin
        expected = 101 if code == 200 else code
        assert guarded.shake_hands(offer(TOKEN), ("Origin", origin)).code == expected, origin


def test_own_origins_are_let_in(plain: Server) -> None:
    for host in (plain.host, f"localhost:{plain.port}", f"[::1]:{plain.port}", "localhost"):
        origin = "Origin", f"http://{host}"
        assert plain.ask("/healthz", origin, host=host).code == 200
        assert plain.shake_hands(origin, host=host).code == 101


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost:{port}",  # Host is 127.0.0.1: another origin to a browser
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/",
        "null",
        "file://",
        "",
        "ftp://127.0.0.1:{port}",
    ],
)
def test_foreign_origins_are_refused(plain: Server, guarded: Server, origin: str) -> None:
    given = "Origin", origin.format(port=plain.port)
    body = b'{"run": 1}'
    json_type = "Content-Type", "application/json"
    answers = [
        plain.ask("/healthz", given),
        plain.ask("/api/pause", given, json_type, method="POST", body=body),
        plain.ask("/api/runs/1", given, method="DELETE"),
        plain.ask("/healthz", given, method="OPTIONS"),
        plain.shake_hands(given),
        guarded.shake_hands(("Origin", origin.format(port=guarded.port)), offer(TOKEN)),
    ]
    for answer in answers:
        assert answer.code == 403
        assert "Origin is" in json.loads(answer.body)["error"]
        assert "access-control-allow-origin" not in answer.headers


def test_two_origins_are_refused(plain: Server) -> None:
    right = "Origin", f"http://{plain.host}"
    for answer in (plain.ask("/healthz", right, right), plain.shake_hands(right, right)):
        assert answer.code in (400, 403)
        assert "Origin" in json.loads(answer.body)["error"]


def test_requests_that_other_sites_have_made_are_refused(plain: Server) -> None:
    for site in ("cross-site", "same-site"):
        asked = "Sec-Fetch-Site", site
        assert plain.ask("/api/measures", asked, ("Sec-Fetch-Mode", "no-cors")).code == 403
        assert plain.ask("/healthz", asked, ("Sec-Fetch-Mode", "navigate")).code == 200  # a link
        navigating = plain.ask("/api/pause", asked, ("Sec-Fetch-Mode", "navigate"), method="POST")
        assert navigating.code == 403
    assert plain.ask("/api/measures", ("Sec-Fetch-Site", "same-origin")).code == 200


@pytest.mark.parametrize("path", GUARDED)
def test_without_the_token_nothing_is_told(guarded: Server, path: str) -> None:
    coded = offer(TOKEN)[1].rpartition(".")[2]
    wrong = [
        (),
        (("Authorization", f"Bearer {TOKEN}x"),),
        (("Authorization", f"Bearer {TOKEN[:-1]}"),),
        (("Authorization", f"Basic {TOKEN}"),),
        (("Authorization", TOKEN),),
        (("Authorization", "Bearer "),),
        (("Authorization", "Bearer \xff\xfe"),),
        (BEARER, BEARER),
        (("Cookie", f"token={TOKEN}"),),
        (offer(TOKEN),),
    ]
    for headers in wrong:
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
            answer = guarded.ask(path, *headers, method=method)
            assert answer.code == 401, headers
            assert answer.headers["www-authenticate"].startswith("Bearer")
    for query in (f"?token={TOKEN}", f"?access_token={TOKEN}", f"?token={coded}"):
        assert guarded.ask(path + query).code == 401


def test_with_the_token_all_is_told(guarded: Server) -> None:
    for path in ("/api/status", "/docs", "/openapi.json", "/metrics", "/healthz"):
        assert guarded.ask(path, BEARER).code == 200
    assert guarded.ask("/healthz", ("authorization", f"bearer {TOKEN}")).code == 200
    assert guarded.ask("/nothing", BEARER).code == 404


def test_the_page_itself_needs_no_token(guarded: Server) -> None:
    for path in ("/", "/index.html", "/assets/index.js", "/favicon.svg"):
        assert guarded.ask(path).code in (200, 404)  # 404: it is not built
        assert guarded.ask(path, method="POST").code == 401


def test_a_socket_needs_the_token(guarded: Server) -> None:
    right, name = offer(TOKEN)[1].split(", ")[1], "Sec-WebSocket-Protocol"
    answer = guarded.shake_hands(offer(TOKEN))
    assert answer.code == 101
    assert answer.headers["sec-websocket-protocol"] == "hybridcluster"
    assert TOKEN not in str(answer.headers)
    wrong: list[tuple[tuple[str, str], ...]] = [
        (),
        ((name, "hybridcluster"),),
        ((name, f"hybridcluster, {TOKEN}"),),
        ((name, f"hybridcluster, token.{TOKEN}"),),
        ((name, f"hybridcluster, {right}x"),),
        ((name, f"hybridcluster, {right}, {right}"),),
        ((name, f"hybridcluster, token., {right}"),),
        (offer(TOKEN[:-1]),),
        (BEARER,),
        (BEARER, (name, "hybridcluster")),
        (("Origin", f"http://{guarded.host}"),),
    ]
    for headers in wrong:
        answer = guarded.shake_hands(*headers)
        assert answer.code == 401, headers
        assert "token" in json.loads(answer.body)["error"]
    answer = guarded.shake_hands((name, f"hybridcluster, {right}="))
    assert answer.code == 400  # padding is not allowed in this header
    assert json.loads(answer.body)["error"]
    for query in (f"?token={TOKEN}", f"?{right}"):
        assert guarded.shake_hands(path=f"/ws{query}").code == 401


def test_a_socket_of_a_program_sends_no_origin(plain: Server, guarded: Server) -> None:
    assert plain.shake_hands().code == 101
    answer = plain.shake_hands(("Sec-WebSocket-Protocol", "other, hybridcluster"))
    assert answer.headers["sec-websocket-protocol"] == "hybridcluster"
    assert "sec-websocket-protocol" not in plain.shake_hands().headers
    assert guarded.shake_hands(offer(TOKEN)).code == 101


def test_there_is_one_socket(plain: Server) -> None:
    for path in ("/", "/api/status", "/ws/"):
        answer = plain.shake_hands(path=path)
        assert answer.code == 403
        assert json.loads(answer.body) == {"error": "there is no socket here"}


def test_every_answer_tells_browsers_what_they_may_do(plain: Server, guarded: Server) -> None:
    answers = [
        plain.ask("/"),
        plain.ask("/assets/nothing.js"),
        plain.ask("/docs"),
        plain.ask("/api/measures"),
        plain.ask("/api/measures", method="PUT"),
        plain.ask("/api/runs/x"),
        plain.ask("/nothing"),
        plain.ask("/metrics"),
        plain.ask("/readyz"),
        plain.ask("/healthz", host="evil.example"),
        plain.ask("/api/pause", method="POST", body=b"x" * (MAX_BODY + 1)),
        plain.send(b"no HTTP at all\r\n\r\n"),
        guarded.ask("/healthz"),
        guarded.shake_hands(),
        plain.shake_hands(("Origin", "http://evil.example")),
        plain.shake_hands(path="/nothing"),
        plain.ask("/ws", ("Upgrade", "websocket"), ("Connection", "Upgrade")),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in answer.headers
    codes = [answer.code for answer in answers[1:]]
    assert codes == [404, 200, 200, 405, 422, 404, 200, 503, 403, 413, 400, 401, 401, 403, 403, 400]
    assert all(json.loads(answer.body)["error"] for answer in answers[8:])


def test_bodies_are_bounded(plain: Server) -> None:
    json_type = "Content-Type", "application/json"
    answer = plain.ask("/api/seek", json_type, method="POST", body=b" " * (MAX_BODY + 1))
    assert answer.code == 413
    just = b'{"episode": 1}'.ljust(MAX_BODY)
    assert plain.ask("/api/seek", json_type, method="POST", body=just).code == 409  # no replay
    # In chunks no length is told before.
    head = f"POST /api/seek HTTP/1.1\r\nHost: {plain.host}\r\nContent-Type: application/json\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    chunked = plain.send(head.encode() + chunk * (MAX_BODY // 0x1000 + 1))
    assert chunked.code == 413
    # An end of the body that never comes is not waited for once too much has come.
    assert json.loads(chunked.body)["error"].endswith(f"at most {MAX_BODY} bytes")
    few = plain.send(head.encode() + b'e\r\n{"episode": 1}\r\n0\r\n\r\n')
    assert few.code == 409


def test_a_body_that_does_not_come_is_not_waited_for(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpu_gpu_env.dashboard.security.BODY_S", 0.3)
    head = f"POST /api/seek HTTP/1.1\r\nHost: {plain.host}\r\nContent-Length: 10\r\n\r\n"
    answer = plain.send(head.encode() + b"{")
    assert answer.code == 408


def test_a_request_that_does_not_come_is_not_waited_for(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpu_gpu_env.dashboard.connections.REQUEST_S", 0.3)
    for begin in (b"", b"GET /healthz HTTP/1.1\r\nHost: "):
        with socket.create_connection(("127.0.0.1", plain.port), timeout=10) as connection:
            connection.sendall(begin)
            assert connection.recv(100) == b""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=10) as connection:
        whole = f"GET /healthz HTTP/1.1\r\nHost: {plain.host}\r\n\r\n".encode()
        connection.sendall(whole)
        assert read_answer(connection).code == 200
        connection.sendall(whole[:20])
        assert connection.recv(100) == b""


def test_an_answered_request_is_not_waited_for_either(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpu_gpu_env.dashboard.connections.REQUEST_S", 0.5)
    with socket.create_connection(("127.0.0.1", plain.port), timeout=10) as connection:
        connection.sendall(b"POST /api/seek HTTP/1.1\r\nHost: evil\r\nContent-Length: 50\r\n\r\n")
        assert read_answer(connection).code == 403
        connection.settimeout(0.05)
        for _ in range(100):
            connection.sendall(b" ")  # a body that drips
            with suppress(TimeoutError):
                assert connection.recv(100) == b""
                break
        else:
            pytest.fail("it is waited for")


@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_socket_is_asked_for_without_a_body(plain: Server, header: str) -> None:
    head = (
        f"GET /ws HTTP/1.1\r\nHost: {plain.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    )
    answer = plain.send(f"{head}{header}\r\n\r\n".encode())
    assert answer.code == 400
    assert "has a body" in json.loads(answer.body)["error"]


def test_connections_are_bounded(plain: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_connection(("127.0.0.1", plain.port)):
        assert plain.ask("/healthz").code == 200  # and the other is there by now
        monkeypatch.setattr("cpu_gpu_env.dashboard.connections.MAX_CONNECTIONS", 1)
        for answer in (plain.ask("/healthz"), plain.shake_hands()):
            assert answer.code == 503
            assert json.loads(answer.body) == {"error": "too many connections; try again later"}


def test_heads_are_bounded(plain: Server) -> None:
    with socket.create_connection(("127.0.0.1", plain.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 20_000)
        answer = read_answer(connection)
    assert answer.code == 400
    assert json.loads(answer.body)["error"]


def test_what_fails_is_logged_once_and_tells_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(DashboardSettings(str(tmp_path / "none.sqlite"))) as server:

        @server.app.get("/api/broken")
        def get_broken() -> None:
            raise RuntimeError("a secret")

        answer = server.ask("/api/broken")
    assert answer.code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert json.loads(answer.body) == {
        "error": "something went wrong in the server; its log tells what"
    }
    told = capfd.readouterr().err
    assert told.count("Traceback") == told.count("RuntimeError: a secret") == 1


def test_many_at_once_are_refused_in_order(guarded: Server) -> None:
    codes = []
    threads = [
        threading.Thread(target=lambda: codes.append(guarded.shake_hands().code)) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [401] * 20


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "dash.example.org", ""])
def test_others_are_let_in_with_a_token_alone(host: str) -> None:
    with pytest.raises(HybridClusterError, match=r"takes a token.*secrets.*--token-file"):
        DashboardSettings("results.sqlite", host=host)
    assert DashboardSettings("results.sqlite", host=host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert DashboardSettings("results.sqlite", host=host).token is None


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 257, "x" * 20 + " y", "x" * 20 + "ä", "=" * 20]
)
def test_tokens_are_long_enough_and_fit_into_headers(token: str) -> None:
    with pytest.raises(HybridClusterError, match=r"secrets\.token_urlsafe") as raised:
        DashboardSettings("results.sqlite", token=token)
    assert not token or token not in str(raised.value)


def test_settings_show_no_secrets() -> None:
    settings = DashboardSettings("postgresql://a:secret@b/c", token=TOKEN)
    assert TOKEN not in repr(settings)
    assert "secret" not in repr(settings)
