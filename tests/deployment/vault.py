"""A secrets backend that a test can take away, and whose connection it can change."""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.exceptions import AirflowException
from airflow.secrets import BaseSecretsBackend

FILE = "VAULT_FILE"
"""The variable that names the file with what the vault holds: a JSON object, or nothing while it is away."""


class Vault(BaseSecretsBackend):
    """Gives connections as long as its file is there."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - Airflow's
        """Return a connection as JSON, or None."""
        try:
            held = json.loads(Path(os.environ[FILE]).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AirflowException("the vault is away") from None
        return str(held[conn_id]) if conn_id in held else None
