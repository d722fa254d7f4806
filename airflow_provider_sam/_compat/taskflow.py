"""What Airflow makes a task of a function with: one set of names for 2.11 to 3.x."""

from __future__ import annotations

try:
    from airflow.sdk.bases.decorator import DecoratedOperator, Task, task_decorator_factory
except ImportError:  # Airflow 2
    from airflow.decorators.base import DecoratedOperator, Task, task_decorator_factory

try:
    from airflow.sdk.definitions.context import context_merge
except ImportError:  # Airflow 2.11 and 3.0
    from airflow.utils.context import context_merge

try:
    from airflow.sdk.bases.decorator import determine_kwargs
except ImportError:  # Airflow 2.11 to 3.1
    from airflow.utils.operator_helpers import determine_kwargs

__all__ = ["DecoratedOperator", "Task", "context_merge", "determine_kwargs", "task_decorator_factory"]
