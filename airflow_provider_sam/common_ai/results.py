"""Results in the terms of the provider common.ai, none of which is given before all have arrived and were verified.

The provider counts what does not arrive as missing, and succeeds. So a download that breaks is resumed, and what does
not agree with the API's own counts is an error, before the first line of the file is written.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from typing import IO, TYPE_CHECKING, Any

from airflow.providers.common.ai.batch.base import ExtractedOutput, RawResultItem

from airflow_provider_sam.api.errors import SamResponseError
from airflow_provider_sam.api.jsonl import iter_lines
from airflow_provider_sam.api.results import read_result
from airflow_provider_sam.batches.land.download import Download, ResultsDisagreeError
from airflow_provider_sam.batches.land.ledger import Ledger
from airflow_provider_sam.batches.summary import BatchSummary
from airflow_provider_sam.exceptions import SamResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import BatchResultLine, MessageBatch
    from airflow_provider_sam.batches.progress import Logger

CHUNK_BYTES = 1 << 18

NUMBER = re.compile(r"-([0-9]{1,9})$")
"""The number of a request, at the end of its custom_id."""

OUT_OF_RANGE = -1
"""A number by which the provider leaves a result out, and counts it."""

STATUS_OF_OUTCOME = {"succeeded": "success", "expired": "expired", "canceled": "cancelled"}
"""The provider's words for what became of a request; everything else is `errored`."""


def verified_results(client: SamClient, batch: MessageBatch, *, log: Logger) -> Iterator[Any]:
    """Return the results of a batch, once all have arrived and agree with its counts.

    :raises SamResultsError: they do not, or are gone.
    """
    if batch.archived_at is not None:
        raise SamResultsError(f"batch {batch.id} was archived at {batch.archived_at}: its results are gone")
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the iterator
    try:
        _download(client, batch, spool, log)
    except SamResponseError as problem:
        spool.close()
        raise ResultsDisagreeError(f"the results of batch {batch.id} cannot be read: {problem.message}") from problem
    except BaseException:
        spool.close()
        raise
    return _read(spool, client.settings.limits.max_result_line_bytes)


def _download(client: SamClient, batch: MessageBatch, spool: IO[bytes], log: Logger) -> None:
    ledger, sha256, total = Ledger(), hashlib.sha256(), batch.total
    download = Download(
        client, batch.id, betas=None, is_whole=lambda: ledger.holds(total), digest=sha256.digest, log=log
    )
    for chunk in download:
        spool.write(chunk)
        sha256.update(chunk)
        ledger.add(chunk)
        if ledger.exceeds(total):
            break
    ledger.close()
    if found := ledger.disagreements(BatchSummary.of(batch).counts()):
        raise ResultsDisagreeError(f"the results of batch {batch.id} disagree with its counts: {'; '.join(found)}")


def _read(spool: IO[bytes], longest: int) -> Iterator[Any]:
    with spool:
        spool.seek(0)
        for line in iter_lines(iter(lambda: spool.read(CHUNK_BYTES), b""), longest=longest):
            yield item_of(read_result(line))


def item_of(line: BatchResultLine) -> Any:
    """Return one result as the provider takes it."""
    number = NUMBER.search(line.custom_id)
    result: dict[str, Any] = line.result.model_dump(mode="json")
    message = result.get("message") if line.result.type == "succeeded" else None
    message = message if isinstance(message, dict) else None
    status = (
        "errored"
        if line.result.type == "succeeded" and message is None
        else STATUS_OF_OUTCOME.get(line.result.type, "errored")
    )
    return RawResultItem(
        custom_id=line.custom_id,
        index=int(number[1]) if number else OUT_OF_RANGE,
        provider_status=status,
        model=message.get("model") if message else None,
        usage=_usage(message.get("usage")) if message else None,
        finish_reason=message.get("stop_reason") if message else None,
        error=None if message else _error(line.result.type, result),
        raw=message.get("content") if message else None,
    )


def _usage(usage: Any) -> dict[str, int]:
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return {name: usage[name] for name in names if isinstance(usage, dict) and isinstance(usage.get(name), int)}


def _error(outcome: str, result: Mapping[str, Any]) -> dict[str, Any]:
    error = result.get("error")
    error = error.get("error", error) if isinstance(error, dict) else {}
    error = error if isinstance(error, dict) else {}
    return {
        "type": outcome,
        "message": error.get("message") or f"the request is {outcome}",
        "provider_code": error.get("type"),
        "stage": "provider",
    }


def answer_of(blocks: Sequence[Mapping[str, Any]], *, tool: str | None) -> Any:
    """Return the answer that a message gives, by its content.

    :param tool: the tool whose input is the answer; None where the text is.
    """
    text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
    if tool is None:
        return ExtractedOutput(kind="text", text=text or None)
    for block in blocks:
        if block.get("type") == "tool_use" and block.get("name") == tool:
            return ExtractedOutput(kind="json_value", value=block.get("input"))
    return ExtractedOutput(kind="absent", text=text or None)
