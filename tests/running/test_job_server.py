import socket
import threading
import time

import pytest

from runinference_metrics.errors import UserError
from runinference_metrics.options import beam_flags
from runinference_metrics.running import job_server


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def check(endpoint: str, timeout_secs: int = 1) -> None:
    job_server.check(
        beam_flags.parse([f"--job_endpoint={endpoint}", f"--job_server_timeout={timeout_secs}"])
    )


def test_nobody_listens() -> None:
    endpoint = f"localhost:{free_port()}"
    started = time.monotonic()
    with pytest.raises(UserError) as refused:
        check(endpoint)
    assert time.monotonic() - started < 20
    takes = "--job_endpoint takes the host:port of a job server that has been started"
    assert str(refused.value).startswith(f"{takes}; got '{endpoint}': ")
    with pytest.raises(UserError, match="--job_endpoint takes the host:port of a job server"):
        check("no-host.invalid:8099")


def test_a_server_that_comes_a_little_later_is_waited_for() -> None:
    port = free_port()
    server = socket.socket()

    def start() -> None:
        server.bind(("127.0.0.1", port))
        server.listen()

    late = threading.Timer(1.0, start)
    late.start()
    try:
        check(f"localhost:{port}", timeout_secs=20)
    finally:
        late.join()
        server.close()


def test_without_a_server_there_is_nothing_to_ask() -> None:
    check("embed")
    job_server.check(beam_flags.parse([]))
