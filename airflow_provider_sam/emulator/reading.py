"""JSON as it comes in: whatever can be wrong with it is a 400 of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_sam.emulator.errors import invalid

if TYPE_CHECKING:
    from mmap import mmap


def read_json(text: bytes | bytearray | mmap, kind: Any = Any, *, where: str = "The request body") -> Any:
    """Decode JSON.

    :param kind: the type to make of it
    :param where: what the error calls the text
    :raises ApiError: 400 when it is no JSON, no UTF-8, nested too deep, or of another type
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(f"{where}: {error}") from error
    except RecursionError as error:
        raise invalid(f"{where} is nested too deep.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"{where} is not valid JSON: {error}") from error
