"""A connection goes in, a client comes out; nothing of the key is kept anywhere else."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseHook, form_text_fields, get_async_connection, mask_secret
from airflow_provider_sam.connection import CONN_TYPE, DEFAULT_CONN_ID, EXTRAS, form_behaviour, parse_connection

if TYPE_CHECKING:
    from airflow_provider_sam.api.client import AsyncSamClient, SamClient
    from airflow_provider_sam.connection import SamConnection


class SamHook(BaseHook):
    """Talks to the Sam API through an Airflow connection of type `sam`.

    :param sam_conn_id: the connection. Default: `sam_default`.

    The connection is looked up at first use, not in the constructor. Use a client as a context manager, so that its
    sockets are closed::

        with SamHook().client as client:
            batch = client.get_batch("msgbatch_...")
    """

    conn_name_attr = "sam_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = CONN_TYPE
    hook_name = "Sam API"

    def __init__(self, sam_conn_id: str = DEFAULT_CONN_ID, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sam_conn_id = sam_conn_id

    @cached_property
    def config(self) -> SamConnection:
        """The connection, read and checked.

        :raises SamConnectionConfigError: a field is missing, unknown or of the wrong kind.
        """
        connection = self.get_connection(self.sam_conn_id)
        mask_secret(connection.password)
        return parse_connection(connection)

    @property
    def client(self) -> SamClient:
        """A new client of the API, for blocking code. The caller closes it."""
        from airflow_provider_sam.api.client import SamClient

        return SamClient(self.config.settings)

    async def async_client(self) -> AsyncSamClient:
        """Return a new client of the API, for code in an event loop. The caller closes it.

        The connection is read again each time, so that a rotated key is picked up, and without blocking the loop: a
        thread reads the certificate authorities. Airflow registers the key with its masker when it reads it.
        """
        from airflow_provider_sam.api.client import AsyncSamClient

        connection = await get_async_connection(self.sam_conn_id)
        return await asyncio.to_thread(AsyncSamClient, parse_connection(connection).settings)

    def get_default_model(self) -> str | None:
        """Return the model that the connection names for tasks that name none; None where it names none.

        :raises SamConnectionConfigError: a field of the connection is missing, unknown or of the wrong kind.
        """
        return self.config.model

    def get_conn(self) -> SamClient:
        """Return a new client of the API, under the name that Airflow's hooks share."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection with a call that is free, `GET /v1/models?limit=1`.

        Returns whether it works, and a sentence that names the model found, or what is wrong and where to fix it. A
        triggerer that is not running is named too, where Airflow tells.
        """
        from airflow_provider_sam.api.errors import SamError
        from airflow_provider_sam.exceptions import SamConnectionConfigError
        from airflow_provider_sam.hooks.diagnosis import diagnose
        from airflow_provider_sam.hooks.triggerers import find_triggerer_problem

        try:
            with self.client as client:
                page = client.list_models(limit=1, retry_for=0)
        except SamConnectionConfigError as problem:
            return False, str(problem)
        except SamError as problem:
            return False, diagnose(problem)
        found = ", ".join(model.id for model in page.data) or "none"
        more = " and more" if page.has_more else ""
        advice = f" {advice}." if (advice := find_triggerer_problem()) else ""
        return True, f"Connected to the Sam API. Available models: {found}{more}.{advice}"

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields, for versions of Airflow that do not read them from the provider's metadata."""
        return form_text_fields({field.name: (field.label, field.description) for field in EXTRAS})

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return which standard fields the form shows, and their labels."""
        return form_behaviour()
