"""The fixture ``sam_emulator``: an emulator of one's own for each test.

Loaded by pytest wherever the provider is installed, so it imports nothing until the fixture is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sam.emulator import SamEmulator


@pytest.fixture
def sam_emulator() -> Iterator[SamEmulator]:
    """Run a Sam API emulator with nothing in it, for this test alone; batches end at the first look.

    It is strict: other models than those it lists and parameters that the contract does not have are refused.

    Needs the extra ``airflow-provider-sam[emulator]``.
    """
    from airflow_provider_sam.emulator import SamEmulator

    with SamEmulator(strict=True) as emulator:
        yield emulator
