"""The page's files as the server sends them."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_requests import Server, serving

from cpu_gpu_env.dashboard.routes import page
from cpu_gpu_env.dashboard.settings import DashboardSettings

SCRIPT = b"console.log('page');\n" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a few files, beside what is nobody's business."""
    parent = tmp_path_factory.mktemp("installed")
    (parent / "secret.txt").write_text("secret")
    folder = parent / "page"
    for name, content in {
        "index.html": b"<!doctype html><title>page</title>",
        "assets/app.js": SCRIPT,
        "assets/app.css": b"a{}",
        "assets/icon.svg": b"<svg/>",
        "assets/font.woff2": b"\0font",
        "assets/.hidden": b"hidden",
        "docs/swagger-ui.css": b"b{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "FOLDER", folder)
        with serving(DashboardSettings(str(folder / "none.sqlite"))) as server:
            yield server


def test_files_come_with_tags_and_are_asked_for_again(server: Server, folder: Path) -> None:
    for path, kind in {
        "/": "text/html; charset=utf-8",
        "/index.html": "text/html; charset=utf-8",
        "/assets/app.js": "text/javascript; charset=utf-8",
        "/assets/app.css": "text/css; charset=utf-8",
        "/assets/icon.svg": "image/svg+xml",
        "/assets/font.woff2": "font/woff2",
        "/docs/swagger-ui.css": "text/css; charset=utf-8",
    }.items():
        name = "index.html" if path == "/" else path[1:]
        answer = server.ask(path)
        assert (answer.code, answer.headers["content-type"]) == (200, kind)
        assert answer.body == (folder / name).read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
        tag = answer.headers["etag"]
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = server.ask(path, ("If-None-Match", known))
            assert (again.code, again.body) == (304, b"")
            assert again.headers["etag"] == tag
        assert server.ask(path, ("If-None-Match", '"other"')).code == 200


def test_a_new_build_has_new_tags(server: Server, folder: Path) -> None:
    before = server.ask("/assets/app.css").headers["etag"]
    (folder / "assets" / "app.css").write_bytes(b"b{}")  # as long as before
    after = server.ask("/assets/app.css", ("If-None-Match", before))
    assert (after.code, after.body) == (200, b"b{}")
    assert hashlib.sha256(b"b{}").hexdigest()[:32] in after.headers["etag"]


def test_texts_are_packed_for_those_who_unpack_them(server: Server) -> None:
    answer = server.ask("/assets/app.js", ("Accept-Encoding", "br, gzip"))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(answer.body) < len(SCRIPT) == len(gzip.decompress(answer.body))
    font = server.ask("/assets/font.woff2", ("Accept-Encoding", "gzip"))
    assert font.body == b"\0font"


def test_head_tells_of_a_file_alone(server: Server) -> None:
    answer = server.ask("/assets/app.js", method="HEAD")
    assert (answer.code, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) == len(SCRIPT)
    assert server.ask("/", method="HEAD").code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/app.js%00.css",
        "/assets/.hidden",
        "/assets/",
        "/assets/../index.html",
        "/docs/..",
        "/docs/%2e%2e/index.html",
        "/secret.txt",
        "/favicon.ico",
    ],
)
def test_nothing_else_is_sent(server: Server, path: str) -> None:
    answer = server.ask(path)
    assert answer.code == 404
    assert json.loads(answer.body)["error"]


def test_methods_that_change_something_are_refused(server: Server) -> None:
    answer = server.ask("/assets/app.js", method="POST")
    assert (answer.code, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = server.ask("/api/runs/1", method="POST")
    assert (answer.code, answer.headers["allow"]) == (405, "DELETE, GET")


def test_an_installation_without_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "FOLDER", tmp_path / "page")
    with serving(DashboardSettings(str(tmp_path / "none.sqlite"))) as server:
        for path in ("/", "/assets/app.js", "/docs/swagger-ui.css"):
            answer = server.ask(path)
            assert answer.code == 404
            assert "npm run build" in json.loads(answer.body)["error"]
        assert server.ask("/healthz").code == 200


def test_docs_load_nothing_of_others_and_no_inline_script(server: Server) -> None:
    answer = server.ask("/docs")
    assert answer.code == 200
    assert b"://" not in answer.body
    assert answer.body.count(b"<script") == answer.body.count(b"<script src=") == 2
    start = server.ask("/docs/start.js")
    assert start.headers["content-type"].startswith("text/javascript")
    assert b"/openapi.json" in start.body
