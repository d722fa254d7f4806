"""Decorated functions in a real Airflow: found by name, mapped, async, fed by other tasks, with several outputs.

Each answer is the prompt's last word, so that what comes out of a task says what went in.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_sam.decorators import sam_batch

SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}, "length": {"type": "integer"}}}

with DAG(dag_id="decorated", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:

    @task
    def words() -> list[str]:
        """Return what Airflow must not render."""
        return ["one", "{{two}}"]

    @task.sam_message(model="sam-small", max_tokens=20)
    async def ask(word: str, greeting: str) -> str:
        """Return a prompt."""
        return f"{greeting} {word}"

    @task.sam_message(model="sam-small", max_tokens=200, output_type=SCHEMA, multiple_outputs=True)
    def describe(word: str, day: str) -> dict[str, Any]:
        """Return the parameters of a message."""
        return {"messages": [{"role": "user", "content": f"Describe {day} {word}"}]}

    @task.sam_batch(defaults={"model": "sam-small", "max_tokens": 20}, state_path="{{ params.folder }}")
    def send(answers: list[str], number: int) -> Any:
        """Yield requests."""
        for answer in answers:
            yield f"{number} {answer}"

    @task
    def check(answers: Any, length: int, word: str, batches: Any) -> None:
        """Show what the tasks have returned."""
        print("Returned:", [*answers], length, word, len({*batches}))  # noqa: T201 - the test reads it

    answers = ask.partial(greeting="Hello").expand(word=words())
    described = describe(words(), day="{{ 'a' ~ 'b' }}")
    batches = send.override(task_id="send_all").partial(answers=answers).expand(number=[7])
    check(answers, described["length"], described["word"], batches)

    assert task.sam_batch is sam_batch  # the name leads to what can be imported
