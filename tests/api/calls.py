"""Calls whose failures are of different kinds: the client's method, its arguments, the contract's operation."""

from __future__ import annotations

MESSAGE = {"model": "sam-small", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]}
BATCH = [{"custom_id": "a", "params": MESSAGE}]
COMPLETION = {"model": "sam-small", "prompt": "\n\nHuman: Hello.\n\nAssistant:", "max_tokens_to_sample": 5}

READ = ("list_batches", (), "messages_batches_list")
PAID = ("create_message", (MESSAGE,), "messages_create")
CREATE = ("create_batch", (BATCH,), "messages_batches_create")
STREAMS = [
    ("stream_message", (MESSAGE,), "messages_create"),
    ("stream_completion", (COMPLETION,), "complete_create"),
]
