"""What requests are answered: composed from the prompt, or replayed as given.

Answers to a batch are made when its results are read, each time anew; a function given here must therefore say the same
to the same ``params``, or two downloads differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_sam.emulator.ids import random_id
from airflow_provider_sam.emulator.messages import compose, stop_text, usage
from airflow_provider_sam.emulator.prompts import prompt_of, reply_to

Answer = str | Mapping[str, Any]
"""A text, which as a JSON object is the input of a tool that has to be called; or fields of a Message, laid over the
composed one, so that a whole Message is replayed as it is."""

GivenAnswers = str | Mapping[str, Answer] | Callable[[Mapping[str, Any]], Answer | None]
"""One text for all; answers by ``custom_id`` or by prompt; or a function of ``params``, where None means: compose."""


class Answers:
    """Where answers come from.

    :param given: answers to replay; None composes all
    """

    def __init__(self, given: GivenAnswers | None = None) -> None:
        self.given = given

    def message(
        self, params: Mapping[str, Any], *, message_id: str | None = None, custom_id: str | None = None
    ) -> dict[str, Any]:
        """Answer a valid message request with the contract's ``Message``.

        :param message_id: its id; None for a new one
        :param custom_id: the request's name inside a batch
        """
        message_id = message_id or random_id("msg")
        given = self._given_for(params, custom_id)
        if given is None or isinstance(given, str):
            return compose(params, message_id, given)
        message: dict[str, Any] = {**compose(params, message_id, ""), **given}
        if "usage" not in given:
            message["usage"] = usage(params, list(message["content"]))
        return message

    def completion(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a valid text completion request with the contract's ``Completion``."""
        question = params["prompt"].removesuffix("Assistant:").strip().rpartition("Human:")[2]
        given = self._given_for({**params, "messages": [{"role": "user", "content": question.strip()}]}, None)
        text = given if isinstance(given, str) else f" {reply_to(question.strip())}"
        text, reason, stop = stop_text(text, params, int(params["max_tokens_to_sample"]))
        return {
            "id": random_id("compl"),
            "type": "completion",
            "completion": text,
            "stop_reason": "max_tokens" if reason == "max_tokens" else "stop_sequence",
            "stop": stop,
            "model": params["model"],
        }

    def _given_for(self, params: Mapping[str, Any], custom_id: str | None) -> Answer | None:
        if self.given is None or isinstance(self.given, str):
            return self.given
        if isinstance(self.given, Mapping):
            by_name = None if custom_id is None else self.given.get(custom_id)
            return self.given.get(prompt_of(params)) if by_name is None else by_name
        return self.given(params)
