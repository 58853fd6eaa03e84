"""The page itself, from the files that were built, and the description of the server to read."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cpu_gpu_env.dashboard.errors import NotFoundError

FOLDER = Path(__file__).parents[1] / "page"
"""Of the built page."""
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Ending -> content type: that of the system is not always right."""
_PACKED = (".png", ".woff2")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""Of a file: it names nothing outside its folder."""
_DOCS = b"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>HybridCluster: API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
"""
_START = b"""SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", validatorUrl: null });
"""

router = APIRouter(include_in_schema=False)
_METHODS = ["GET", "HEAD"]


@dataclass(frozen=True)
class _Content:
    """What a file holds, and how it is sent."""

    plain: bytes
    packed: bytes | None
    tag: str
    kind: str


def _content(name: str, plain: bytes) -> _Content:
    ending = Path(name).suffix
    packed = None if ending in _PACKED else gzip.compress(plain, mtime=0)
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return _Content(plain, packed, tag, _KINDS.get(ending, "application/octet-stream"))


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int, size: int) -> _Content:
    return _content(path.name, path.read_bytes())


def _answer(request: Request, content: _Content) -> Response:
    """Send a file, unless who asks has it already, or asks about it only."""
    headers = {"ETag": content.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or content.tag.removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    body = content.plain
    if content.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = content.packed, "gzip"
    headers["Content-Length"] = str(len(body))
    shown = b"" if request.method == "HEAD" else body
    return Response(shown, headers=headers, media_type=content.kind)


def _send(request: Request, name: str, folder: str = "") -> Response:
    """Send a file of the built page.

    Raises:
        NotFoundError: If there is none of that name.
    """
    path = FOLDER / folder / name
    if _NAME.fullmatch(name) and path.is_file():
        found = path.stat()
        return _answer(request, _read(path, found.st_mtime_ns, found.st_size))
    if not (FOLDER / "index.html").is_file():
        raise NotFoundError(
            "the page is not in this installation: build it with npm ci && npm run build in the "
            "folder dashboard of a clone, or install a release"
        )
    raise NotFoundError(f"there is no file {name!r} of the page")


@router.api_route("/", methods=_METHODS)
@router.api_route("/index.html", methods=_METHODS)
def get_page(request: Request) -> Response:
    """Send the page."""
    return _send(request, "index.html")


@router.api_route("/assets/{name:path}", methods=_METHODS)
def get_asset(request: Request, name: str) -> Response:
    """Send what the page is made of."""
    return _send(request, name, "assets")


@router.api_route("/favicon.{ending}", methods=_METHODS)
def get_icon(request: Request, ending: str) -> Response:
    """Send the page's icon."""
    return _send(request, f"favicon.{ending}")


@router.api_route("/docs", methods=_METHODS)
def get_docs(request: Request) -> Response:
    """Send a page that shows ``/openapi.json``."""
    return _answer(request, _content("docs.html", _DOCS))


@router.api_route("/docs/{name}", methods=_METHODS)
def get_docs_file(request: Request, name: str) -> Response:
    """Send what that page is made of."""
    if name == "start.js":
        return _answer(request, _content(name, _START))
    return _send(request, name, "docs")
