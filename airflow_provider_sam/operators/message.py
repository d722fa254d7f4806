"""Create one message in the middle of a Dag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.operators.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context


class SamCreateMessageOperator(BaseOperator):
    """Creates one message and returns its text, or the whole message.

    :param prompt: what the user says, as one string.
    :param messages: the conversation in the API's form, instead of `prompt`.
    :param model: the model's id (templated).
    :param max_tokens: the most tokens that the answer may have (templated).
    :param system: the system prompt: a string or text blocks.
    :param message_params: further parameters of the API, such as `temperature`, `tools`, `thinking` or `metadata`, or
        all of them. An argument above wins over the same name in here.
    :param returns: `text` (the default) gives the answer's text; `message` gives the whole message as JSON types.
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    `prompt`, `messages`, `system` and `message_params` are data: they reach the API as they are, never rendered as
    templates. Each may be an upstream task's output, hold one inside, or be a callable that takes the task's context.

    :raises SamRequestError: both `prompt` and `messages` are given, or a parameter that the API requires is missing;
        nothing was sent.
    """

    template_fields = (
        "prompt",
        "messages",
        "model",
        "max_tokens",
        "system",
        "message_params",
        "betas",
        "sam_conn_id",
    )
    ui_color = "#efe6fb"

    def __init__(
        self,
        *,
        prompt: Any = None,
        messages: Any = None,
        model: str | None = None,
        max_tokens: int | str | None = None,
        system: Any = None,
        message_params: Any = None,
        returns: Literal["text", "message"] = "text",
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = Verbatim(prompt)
        self.messages = Verbatim(messages)
        self.model = model
        self.max_tokens = max_tokens
        self.system = Verbatim(system)
        self.message_params = Verbatim(message_params)
        self.returns = returns
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    def execute(self, context: Context) -> str | dict[str, Any]:
        """Create the message and give what `returns` names."""
        from airflow_provider_sam.hooks.sam import SamHook

        params = self._assemble(context)
        with SamHook(self.sam_conn_id).client as client:
            message = client.create_message(params, betas=self.betas)
        self.log.info("Created message %s: %s, %s", message.id, message.stop_reason, message.usage)
        return message.text if self.returns == "text" else message.model_dump(mode="json", exclude_unset=True)

    def _assemble(self, context: Context) -> Mapping[str, Any]:
        prompt, messages = self.prompt.read(context), self.messages.read(context)
        if prompt is not None:
            if messages is not None:
                raise SamRequestError("prompt and messages are both given; a prompt is short for one user message")
            messages = [{"role": "user", "content": prompt}]
        named = {
            "model": self.model,
            "max_tokens": None if self.max_tokens is None else _whole_number(self.max_tokens),
            "system": self.system.read(context),
            "messages": messages,
        }
        given = {name: value for name, value in named.items() if value is not None}
        return {**(self.message_params.read(context) or {}), **given}


def _whole_number(max_tokens: int | str) -> int:
    """Read what a template gave, which is a string unless the Dag renders native types."""
    try:
        return int(max_tokens)
    except ValueError:
        raise SamRequestError(f"max_tokens must be a whole number, got {max_tokens!r}") from None
