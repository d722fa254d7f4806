"""Links lead from a task's page in Airflow to where a person looks at a batch."""
