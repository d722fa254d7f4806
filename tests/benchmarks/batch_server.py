"""A server of nothing but batches that end when told beforehand: light, so that it is not what is measured."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs

import uvicorn

MOMENT = "2026-01-01T00:00:00Z"


class Batches:
    """Ours and foreign ones, mixed evenly; those of ours that end do so evenly over the time of the trial.

    :param ours: how many batches are waited for; their ids are `msgbatch_0`, `msgbatch_1` and so on
    :param foreign: how many others lie between them
    :param ending: how many of ours end
    :param seconds: within which they do
    """

    def __init__(self, ours: int, foreign: int, ending: int, seconds: float) -> None:
        self.count = 0
        self.began: float | None = None
        step = (ours + foreign) / ours
        mine = {round(number * step): number for number in range(ours)}
        total = ours + foreign
        self.ids = [f"msgbatch_{mine[place]}" if place in mine else f"msgbatch_x{place}" for place in range(total)]
        self.places = {batch_id: place for place, batch_id in enumerate(self.ids)}
        self.ends = {f"msgbatch_{number}": seconds * (number + 1) / (ending + 1) for number in range(ending)}

    def written(self, batch_id: str) -> bytes:
        """Write one batch as the API does."""
        ended = batch_id in self.ends and time.monotonic() - (self.began or 0) >= self.ends[batch_id]
        return (ENDED if ended else OPEN).replace(b"ID", batch_id.encode(), 1)

    def page(self, limit: int, after_id: str | None) -> bytes:
        """Write a page of the list."""
        start = self.places[after_id] + 1 if after_id else 0
        ids = self.ids[start : start + limit]
        data = b",".join(map(self.written, ids))
        more = b"true" if start + limit < len(self.ids) else b"false"
        return b'{"data":[%s],"has_more":%s,"first_id":"%s","last_id":"%s"}' % (
            data,
            more,
            ids[0].encode(),
            ids[-1].encode(),
        )


def batch(status: str, **counts: int) -> bytes:
    """Write a batch whose id is yet to be filled in."""
    zero = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    fields = {"id": "ID", "type": "message_batch", "processing_status": status, "request_counts": zero | counts}
    moments = {"created_at": MOMENT, "expires_at": MOMENT, "ended_at": MOMENT if status == "ended" else None}
    rest = {"archived_at": None, "cancel_initiated_at": None, "results_url": None}
    return json.dumps(fields | moments | rest).encode()


OPEN, ENDED = batch("in_progress", processing=100), batch("ended", succeeded=100)


async def serve(ours: int, foreign: int, ending: int, seconds: float) -> None:
    """Print the URL, then serve until the process is ended."""
    batches = Batches(ours, foreign, ending, seconds)

    async def app(scope, _receive, send):
        path, query = scope["path"], parse_qs(scope["query_string"].decode())
        if path == "/start":
            batches.began, batches.count = time.monotonic(), 0
            body = b"{}"
        elif path == "/count":
            body = json.dumps({"count": batches.count, "ends": batches.ends}).encode()
        else:
            batches.count += 1
            name = path.removeprefix("/v1/messages/batches").strip("/")
            limit, after = int(query.get("limit", ["20"])[0]), query.get("after_id", [None])[0]
            body = batches.written(name) if name else batches.page(limit, after)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_level="warning", backlog=4096)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(0.01)
    sys.stdout.write(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
