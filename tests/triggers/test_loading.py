"""What a trigger works with is imported beside the triggerer's event loop, and so are certificate authorities read."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

WATCH_THE_IMPORTS = """
import asyncio, importlib, sys, threading

module, name, arguments = {trigger}
trigger = getattr(importlib.import_module(module), name)(**arguments)  # as the triggerer does, which then runs it
loops_thread, seen = threading.get_ident(), []


class Watching:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("airflow_provider_sam") or name.partition(".")[0] in {heavy}:
            seen.append((name, threading.get_ident() == loops_thread))


import ssl

load = ssl.SSLContext.load_verify_locations
ssl.SSLContext.load_verify_locations = lambda *args, **kwargs: (
    seen.append(("authorities", threading.get_ident() == loops_thread)), load(*args, **kwargs)
)[1]


async def run():
    if not hasattr(trigger, "open_shared_stream"):
        return await anext(trigger.run())
    stream = trigger.open_shared_stream(trigger.serialize()[1])
    ended = await anext(stream)

    async def one_look():
        yield ended

    async for _ in trigger.filter_shared_stream(one_look()):
        pass
    await stream.aclose()


sys.meta_path.insert(0, Watching())
asyncio.run(run())
print(sorted(name for name, on_the_loop in seen if on_the_loop), "authorities" in dict(seen), len(seen) > 5)
"""

HEAVY = {"anyio", "httpcore", "httpx", "httpx_sse", "msgspec", "pydantic", "tenacity"}
WAIT = {"deadline": 2**40, "cancel_on_kill": True, "visibility_timeout": 0.1, "poll_interval": 0.1}
START = {"batch_id": "msgbatch_1", "visibility_timeout": 0.1, "poll_interval": 0.1}
TRIGGERS = [
    ("airflow_provider_sam.triggers.batch", "SamBatchTrigger", {"batch_ids": ["msgbatch_1"], **WAIT}),
    (
        "airflow_provider_sam.triggers.start",
        "SamBatchStartTrigger",
        START,
    ),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=["a wait", "a wait that begins there"])
@pytest.mark.usefixtures("sam")
def test_nothing_heavy_is_loaded_on_the_loop(trigger):
    program = WATCH_THE_IMPORTS.format(trigger=trigger, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "[] True True" in done.stdout.splitlines(), done.stderr


if find_spec("airflow.sdk"):  # watchers

    @pytest.mark.usefixtures("sam")
    def test_nothing_heavy_is_loaded_on_the_loop_for_a_watcher(sam, create):
        create()
        store = {"sam_conn_id": "sam_default", "poll_interval": 0.1}
        trigger = ("airflow_provider_sam.triggers.ended", "SamBatchEndedTrigger", store)
        program = WATCH_THE_IMPORTS.format(trigger=trigger, heavy=HEAVY)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "[] True True" in done.stdout.splitlines(), done.stderr
        assert sam.count("messages_batches_list") >= 1
