"""A prompt gets the same short line each time, and one of the answers it offers."""

from __future__ import annotations

import pytest

from airflow_provider_sam.emulator.prompts import offered_choices, prompt_of, reply_to


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        ("Answer with one of: bug, feature or question.", ["bug", "feature", "question"]),
        ("Choose from 'Red', \"green\" and `blue`", ["Red", "green", "blue"]),
        ("Labels: web | data | testing\nhttpx", ["web", "data", "testing"]),
        ("It is either yes or no", ["yes", "no"]),
        ("Classify this: httpx", []),
        ("one of those days", []),
    ],
)
def test_the_answers_a_prompt_offers_are_found(prompt, choices):
    assert offered_choices(prompt) == choices


def test_a_prompt_that_offers_answers_gets_one_of_them():
    prompts = [f"Which one of: bug, feature, question? Ticket {number}" for number in range(40)]
    assert {reply_to(prompt) for prompt in prompts} == {"bug", "feature", "question"}


def test_another_prompt_gets_one_short_line():
    reply = reply_to("Summarise.\n" + "word " * 1000)
    assert reply.startswith("In short: word word")
    assert len(reply.split()) < 20


def test_no_prompt_gets_an_answer_all_the_same():
    assert reply_to("") == "There is nothing to answer."


def test_the_prompt_is_the_text_of_the_last_message_of_the_user():
    blocks = [{"type": "text", "text": "two"}, {"type": "image", "source": {}}, {"type": "text", "text": "three"}]
    messages = [
        {"role": "user", "content": "one"},
        {"role": "user", "content": blocks},
        {"role": "assistant", "content": "four"},
    ]
    assert prompt_of({"messages": messages}) == "two\nthree"
