"""Decorators make a task of a function: what it returns is sent as a message, or as a batch.

They are those of ``@task.sam_message`` and ``@task.sam_batch``, with types: a type checker knows the arguments of what
it can import, but not of what Airflow finds by its name.
"""

from airflow_provider_sam.decorators.batch import sam_batch
from airflow_provider_sam.decorators.message import sam_message

__all__ = ["sam_batch", "sam_message"]
