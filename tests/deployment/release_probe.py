"""Import all that a Dag may import, and parse a folder of Dags, in whatever Airflow runs this program.

It knows nothing of this checkout. Any warning that our modules or a Dag's imports cause is a failure.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "airflow_provider_sam"
NOT_FOR_DAGS = (f"{PACKAGE}.emulator", f"{PACKAGE}.common_ai")  # each needs an extra
FOR_NEWER_AIRFLOWS = "AirflowOptionalProviderFeatureException"  # what a module raises that this Airflow has no use for


def main(dags: str) -> str | None:
    """Print what was imported and parsed; return what to complain about, or None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        modules = import_all()
    home = str(Path(sys.modules[PACKAGE].__file__ or "").parent)
    faults = [str(warning) for warning in caught if warning.filename.startswith(home)]

    newest = "airflow.dag_processing.dagbag"
    dagbag = importlib.import_module(newest if find_spec(newest) else "airflow.models.dagbag")
    bag = dagbag.DagBag(dags)
    faults += [f"{file}: {error}" for file, error in bag.import_errors.items()]
    faults += [f"{file}: {said}" for file, said in bag.captured_warnings.items()]
    if len(bag.dags) != len(list(Path(dags).glob("*.py"))):
        faults.append(f"not every file has a Dag: {sorted(bag.dags)}")
    print(f"{len(modules)} modules, Dags {', '.join(sorted(bag.dags))}")
    return "\n".join(faults) or None


def import_all() -> list[str]:
    """Import every module of the package but those that need an extra, and return their names."""
    package = importlib.import_module(PACKAGE)
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.", onerror=lambda _: None)]
    wanted = [name for name in names if not name.startswith(NOT_FOR_DAGS)]
    return [name for name in wanted if imported(name)]


def imported(name: str) -> bool:
    """Import a module; False where it says that it needs a newer Airflow."""
    try:
        importlib.import_module(name)
    except Exception as problem:
        if type(problem).__name__ == FOR_NEWER_AIRFLOWS:
            return False
        raise
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
