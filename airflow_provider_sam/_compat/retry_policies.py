"""Airflow's retry policies: from 3.3 on."""

from __future__ import annotations

from airflow_provider_sam._compat import AirflowOptionalProviderFeatureException

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    raise AirflowOptionalProviderFeatureException(
        "airflow_provider_sam.retry_policies needs Airflow 3.3 or newer: older versions have no retry policies"
    ) from None

__all__ = ["RetryDecision", "RetryPolicy"]
