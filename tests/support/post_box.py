"""A real HTTP server on a free port that keeps what is posted to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class PostBox:
    """What was posted, and where."""

    address: str
    posts: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def post_box(status: int = 200) -> Iterator[PostBox]:
    """Context in which JSON may be posted; each post is answered with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box = PostBox(f"http://127.0.0.1:{server.server_port}/hook")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
