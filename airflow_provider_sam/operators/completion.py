"""Create a text completion, the API's legacy form of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.operators.message import note_braces, resolve_model
from airflow_provider_sam.tasks.failing import fails_as_it_should
from airflow_provider_sam.tasks.numbers import whole_number
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from airflow_provider_sam._compat import Context


class SamCreateCompletionOperator(BaseOperator):
    """Creates one text completion and returns its text. New Dags use `SamCreateMessageOperator`.

    :param prompt: the text to complete. It is data, never rendered as a template; it can be the output of an upstream
        task or a callable that takes the task's context.
    :param model: the model (templated). Default: the connection's `model`.
    :param max_tokens_to_sample: the most tokens to generate (templated).
    :param completion_params: any other parameters of the API; data as well.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    :raises SamRequestError: a parameter that the API requires is missing; nothing was sent.
    """

    template_fields = ("prompt", "model", "max_tokens_to_sample", "completion_params", "sam_conn_id")
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        prompt: Any,
        model: str | None = None,
        max_tokens_to_sample: int | str,
        completion_params: Any = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = Verbatim(prompt)
        self.model = model
        self.max_tokens_to_sample = max_tokens_to_sample
        self.completion_params = Verbatim(completion_params)
        self.sam_conn_id = sam_conn_id

    @fails_as_it_should
    def execute(self, context: Context) -> str:
        """Create the completion, and return its text."""
        from airflow_provider_sam.hooks.sam import SamHook

        hook = SamHook(self.sam_conn_id)
        further = self.completion_params.read(context) or {}
        params = {
            **further,
            "prompt": self.prompt.read(context),
            "model": resolve_model(hook, self.model, further.get("model")),
            "max_tokens_to_sample": whole_number("max_tokens_to_sample", self.max_tokens_to_sample),
        }
        note_braces(self.log, params["prompt"])
        with hook.client as client:
            completion = client.create_completion(params)
        self.log.info("Created completion %s: %s", completion.id, completion.stop_reason)
        return completion.completion
