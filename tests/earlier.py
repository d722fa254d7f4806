"""What an earlier version of the provider has written, and what it had sent: triggers, records, publications.

`data/earlier.json` is what that version wrote when it ran. It is never written anew: it lies in users' databases and
stores, whatever the code has become.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EARLIER: dict[str, Any] = json.loads(Path(__file__).with_name("data").joinpath("earlier.json").read_text("utf-8"))

BATCH_ID = "msgbatch_earlier"
"""The batch that the triggers wait for."""
