"""Create a message in the middle of a Dag, and count its input tokens before it costs anything."""

from __future__ import annotations

import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_sam._compat import BaseOperator
from airflow_provider_sam.api.errors import SamRequestError
from airflow_provider_sam.connection import DEFAULT_CONN_ID
from airflow_provider_sam.tasks.failing import fails_as_it_should
from airflow_provider_sam.tasks.numbers import whole_number
from airflow_provider_sam.tasks.verbatim import Verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_sam._compat import Context
    from airflow_provider_sam.api.client import SamClient
    from airflow_provider_sam.api.models import Message
    from airflow_provider_sam.batches.progress import Logger
    from airflow_provider_sam.hooks.sam import SamHook
    from airflow_provider_sam.rows.requests.output_type import OutputType

PROGRESS_EVERY = 10.0
"""Seconds between two log lines about a message that is being streamed."""


class BaseSamMessageOperator(BaseOperator):
    """Base for operators that send a message's input.

    :param prompt: the user's message, as one string.
    :param messages: the conversation as the API takes it, instead of `prompt`.
    :param model: the model (templated). Default: the connection's `model`.
    :param system: the system prompt: a string or text blocks.
    :param tools: the tools that the model may use.
    :param thinking: whether and for how long the model thinks first.
    :param message_params: any other parameters of the API, or all of them. Named arguments win over those in here.
    :param betas: names of beta features (templated). None (the default) uses the plain route.
    :param sam_conn_id: the connection (templated). Default: `sam_default`.

    `prompt`, `messages`, `system`, `tools`, `thinking` and `message_params` are data: they are sent as they are and
    never rendered as templates. Each can be the output of an upstream task, contain one, or be a callable that takes
    the task's context.
    """

    template_fields: tuple[str, ...] = (
        "prompt",
        "messages",
        "model",
        "system",
        "tools",
        "thinking",
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
        system: Any = None,
        tools: Any = None,
        thinking: Any = None,
        message_params: Any = None,
        betas: Sequence[str] | None = None,
        sam_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prompt = Verbatim(prompt)
        self.messages = Verbatim(messages)
        self.model = model
        self.system = Verbatim(system)
        self.tools = Verbatim(tools)
        self.thinking = Verbatim(thinking)
        self.message_params = Verbatim(message_params)
        self.betas = betas
        self.sam_conn_id = sam_conn_id

    @cached_property
    def hook(self) -> SamHook:
        """The hook of `sam_conn_id`, made when the task runs."""
        from airflow_provider_sam.hooks.sam import SamHook

        return SamHook(self.sam_conn_id)

    def client(self) -> SamClient:
        """Return a new client; the caller closes it."""
        return self.hook.client

    def input_params(self, context: Context) -> dict[str, Any]:
        """Return the parameters that make up a message's input.

        :raises SamRequestError: `prompt` and `messages` are both given, or no model is.
        """
        prompt, messages = self.prompt.read(context), self.messages.read(context)
        if prompt is not None:
            if messages is not None:
                raise SamRequestError(
                    "prompt and messages are both given; prompt is shorthand for one user message, so give one of them"
                )
            messages = [{"role": "user", "content": prompt}]
        params = self.message_params.read(context) or {}
        named = {
            "model": resolve_model(self.hook, self.model, params.get("model")),
            "system": self.system.read(context),
            "tools": self.tools.read(context),
            "thinking": self.thinking.read(context),
            "messages": messages,
        }
        note_braces(self.log, named)
        return {**params, **_given(named)}


class SamCreateMessageOperator(BaseSamMessageOperator):
    """Creates one message and returns its text, the whole message, or an answer of a type.

    Takes the arguments of `BaseSamMessageOperator`, and:

    :param max_tokens: the most tokens to generate (templated).
    :param metadata: the API's `metadata`, such as a `user_id`; data as well.
    :param returns: `text` (the default) returns the text of the message, `message` the whole message as JSON types.
    :param output_type: what the answer is: a pydantic model, dataclass, TypedDict, Literal or another type that
        pydantic knows, or a JSON schema. The request asks for it, and the task returns the validated answer as plain
        JSON data. If an answer is not of this type, the model is shown what is wrong with it and asked once more.
    :param stream: receive the message while it is being written. The connection is then never idle for long, so that
        no proxy closes it during a long message, and the log shows progress. Default: False.

    :raises SamRequestError: both `prompt` and `messages` are given, or a parameter that the API requires is missing;
        nothing was sent.
    :raises SamInvalidOutputError: the second answer is not of `output_type` either, the model refused to answer, or the
        answer was cut off.
    :raises SamError: the API refused the request or did not respond. A message that may have run is not sent again.
    """

    template_fields = (*BaseSamMessageOperator.template_fields, "max_tokens", "metadata")

    def __init__(
        self,
        *,
        max_tokens: int | str | None = None,
        metadata: Any = None,
        returns: Literal["text", "message"] = "text",
        output_type: Any = None,
        stream: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if output_type is not None and returns == "message":
            raise SamRequestError(
                "returns='message' and output_type are both given; with output_type, the task returns the answer"
            )
        self.max_tokens = max_tokens
        self.metadata = Verbatim(metadata)
        self.returns = returns
        self.output_type = output_type
        self.stream = stream

    @fails_as_it_should
    def execute(self, context: Context) -> Any:
        """Create the message, and return what `returns` or `output_type` say."""
        from airflow_provider_sam.rows.requests.output_type import OutputType
        from airflow_provider_sam.tasks.typed import create_typed

        output_type = None if self.output_type is None else OutputType.of(self.output_type)
        self._check_multiple_outputs(output_type)
        named = {
            "max_tokens": whole_number("max_tokens", self.max_tokens),
            "metadata": self.metadata.read(context),
        }
        params = self.input_params(context) | _given(named)
        with self.client() as client:
            if output_type is not None:
                return create_typed(params, output_type, partial(self._create, client), log=self.log)
            message = self._create(client, params)
        if self.returns == "text":
            return message.text
        whole: dict[str, Any] = message.model_dump(mode="json", exclude_unset=True)
        return whole

    def _check_multiple_outputs(self, output_type: OutputType | None) -> None:
        """Check that what the task returns has keys, if it is to have an output for each of them."""
        has_keys = self.returns == "message" if output_type is None else not output_type.is_wrapped
        if self.multiple_outputs and not has_keys:
            raise SamRequestError(
                "multiple_outputs needs an object: give an output_type that is one, such as a pydantic model, or "
                "returns='message'"
            )

    def _create(self, client: SamClient, params: Mapping[str, Any]) -> Message:
        message = self._stream(client, params) if self.stream else client.create_message(params, betas=self.betas)
        self.log.info("Created message %s: %s, %s", message.id, message.stop_reason, message.usage)
        return message

    def _stream(self, client: SamClient, params: Mapping[str, Any]) -> Message:
        said, characters = time.monotonic(), 0
        with client.stream_message(params, betas=self.betas) as stream:
            for text in stream.text_stream:
                characters += len(text)
                if time.monotonic() - said >= PROGRESS_EVERY:
                    said = time.monotonic()
                    self.log.info("The message is being written, %d characters so far", characters)
            return stream.get_final_message()


class SamCountTokensOperator(BaseSamMessageOperator):
    """Counts the input tokens of a message, which is free, and fails if there are too many. Returns the count.

    Takes the arguments of `BaseSamMessageOperator`, and:

    :param max_input_tokens: the most tokens that the message may have (templated). None (the default) only counts. The
        count is the API's estimate; the tokens that are billed may differ slightly.

    :raises SamTooManyTokensError: the message has more than `max_input_tokens`; the task fails without retries.
    """

    template_fields = (*BaseSamMessageOperator.template_fields, "max_input_tokens")

    def __init__(self, *, max_input_tokens: int | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_input_tokens = max_input_tokens

    @fails_as_it_should
    def execute(self, context: Context) -> int:
        """Count the tokens, and compare the count with `max_input_tokens`."""
        from airflow_provider_sam.exceptions import SamTooManyTokensError

        most = whole_number("max_input_tokens", self.max_input_tokens)
        with self.client() as client:
            counted = client.count_tokens(self.input_params(context), betas=self.betas).input_tokens
        if most is not None and counted > most:
            raise SamTooManyTokensError(f"the message has {counted} input tokens, but max_input_tokens is {most}")
        self.log.info("The message has %d input tokens", counted)
        return counted


def resolve_model(hook: SamHook, *given: str | None) -> str:
    """Return the first model that is given, or else the connection's. An empty string, as of a template, is none.

    :raises SamRequestError: there is none; the message says where to set it.
    """
    if model := next(filter(None, given), None):
        return model
    if model := hook.get_default_model():
        hook.log.info("Using model %s from connection %r, since the task names none", model, hook.sam_conn_id)
        return model
    raise SamRequestError(
        f"model missing; set it on the task, or set the extra 'model' of connection {hook.sam_conn_id!r}"
    )


def note_braces(log: Logger, *data: Any) -> None:
    """Log that data is not rendered, if it looks like a template."""
    if "{{" in str(data):
        log.info(
            "A prompt with {{ is sent as it is: prompts are data, not templates. To fill in what Airflow knows, give a "
            "callable that takes the context"
        )


def _given(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not None}
