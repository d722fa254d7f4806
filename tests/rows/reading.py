"""What was read of a source, as tests look at it."""

from __future__ import annotations

from airflow_provider_sam.rows.batch import where


class Read:
    """Batches that were read."""

    def __init__(self, batches):
        self.batches = batches

    @property
    def rows(self):
        """The rows, as mappings."""
        return [
            dict(zip(batch.column_names, row, strict=True))
            for batch in self.batches
            for row in zip(*map(batch.column, batch.column_names), strict=True)
        ]

    @property
    def places(self):
        """Where each row stands."""
        return [where(batch, index) for batch in self.batches for index in range(len(batch))]

    @property
    def columns(self):
        """The columns of the first batch."""
        return list(self.batches[0].column_names)

    @property
    def sizes(self):
        """The rows of each batch."""
        return [len(batch) for batch in self.batches]
