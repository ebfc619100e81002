from dataclasses import replace
from pathlib import Path

import pytest

from conftest import ROOT
from documents_for_tests import PRICES
from runinference_metrics.errors import UserError
from runinference_metrics.metrics.prices import Prices, Resources
from runinference_metrics.records.measured import Machine

USED = Resources("test", 1, vcpu_hours=3.0, memory_gb_hours=5.0, gpu_hours=7.0, disk_gb_hours=11.0)


def test_the_cost_is_hours_times_prices() -> None:
    assert PRICES.cost(USED) == pytest.approx(3 * 0.5 + 5 * 0.01 + 7 * 2)
    with_disk = replace(PRICES, disk_gb_hour=0.1)
    assert with_disk.cost(USED) == pytest.approx(3 * 0.5 + 5 * 0.01 + 7 * 2 + 11 * 0.1)


def test_what_was_shuffled_is_paid_by_its_amount() -> None:
    shuffled = replace(USED, shuffle_gb=13.0)
    assert PRICES.cost(shuffled) == PRICES.cost(USED)
    priced = replace(PRICES, shuffle_gb=0.011)
    assert priced.cost(shuffled) == pytest.approx(PRICES.cost(USED) + 13 * 0.011)
    assert priced.cost(USED) == PRICES.cost(USED)


def test_a_gpu_without_a_price_is_no_cost_at_all() -> None:
    with pytest.raises(UserError, match="gpu_hour"):
        replace(PRICES, gpu_hour=None).cost(USED)


def test_machines_are_held_for_the_whole_run() -> None:
    machines = [Machine("a", 4, 8 * 2**30, 1), Machine("b", 2, 2**30, 0)]
    used = Resources.of_machines(machines, 1800)
    assert (used.machines, used.vcpu_hours, used.memory_gb_hours, used.gpu_hours) == (
        2,
        3,
        4.5,
        0.5,
    )


def test_the_shipped_example_is_read() -> None:
    path = ROOT / "prices" / "us-central1.yaml"
    prices = Prices.parse(path.read_bytes(), str(path))
    assert (prices.currency, prices.region, prices.date) == ("USD", "us-central1", "2026-11-23")
    assert prices.cost(replace(USED, disk_gb_hours=None)) > 0
    assert prices.shuffle_gb == 0.011


GOOD = "currency: USD\nregion: r\ndate: d\nvcpu_hour: 1\nmemory_gb_hour: 0\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "which holds no names"),
        ("a: [", "which is neither"),
        ("\x00", "which is neither"),
        (GOOD.replace("region: r\n", ""), "without region"),
        (GOOD.replace("vcpu_hour: 1\n", ""), "without vcpu_hour"),
        (GOOD + "gpu: 1", "unknown name 'gpu'"),
        (GOOD + "gpu_hour: -1", "gpu_hour: -1"),
        (GOOD + "gpu_hour: .nan", "gpu_hour: nan"),
        (GOOD + "gpu_hour: cheap", "gpu_hour: 'cheap'"),
        (GOOD + "gpu_hour: true", "gpu_hour: True"),
        ("!!python/object/apply:os.system [true]", "which is neither"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--prices takes") as caught:
        Prices.parse(content.encode(), "prices.yaml")
    assert message in str(caught.value)


def test_json_is_yaml_too() -> None:
    content = (
        b'{"currency": "EUR", "region": "r", "date": "d", "vcpu_hour": 1, "memory_gb_hour": 2}'
    )
    assert Prices.parse(content, "p.json").memory_gb_hour == 2
