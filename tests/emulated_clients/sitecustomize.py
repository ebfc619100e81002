"""Lets Google's clients in a started Python talk to a BigQuery on this machine.

Python imports a module of this name by itself where PYTHONPATH names its folder. So the program,
and what it starts, need to know nothing of an emulator. Google's own BIGQUERY_EMULATOR_HOST points
the client of tables and jobs at one; for that of read sessions and for credentials nothing does.
"""

import os
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

ADDRESS = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST")


def default(*_args: Any, **_named: Any) -> tuple[Any, str | None]:
    """Nobody's credentials, and the project of the environment."""
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials(), os.environ.get("GOOGLE_CLOUD_PROJECT")


def create_channel(_transport: Any, *_args: Any, options: Any = (), **_named: Any) -> Any:
    """A channel to the emulator, without TLS."""
    import grpc

    return grpc.insecure_channel(os.environ["BIGQUERY_STORAGE_EMULATOR_HOST"], options)


def _no_credentials(module: Any) -> None:
    module.default = default


def _no_tls(module: Any) -> None:
    module.BigQueryReadGrpcTransport.create_channel = classmethod(create_channel)


TRANSPORTS = "google.cloud.bigquery_storage_v1.services.big_query_read.transports"
CHANGES: dict[str, Callable[[Any], None]] = {
    "google.auth._default": _no_credentials,
    f"{TRANSPORTS}.grpc": _no_tls,
}


class _Changing(MetaPathFinder):
    """Changes these modules when they are imported, and imports none by itself."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        change = CHANGES.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if change else None
        if change is None or spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if ADDRESS:
    sys.meta_path.insert(0, _Changing())
