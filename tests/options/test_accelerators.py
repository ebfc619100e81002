"""The accelerator, by its name and in Dataflow's own words."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runinference_metrics.errors import UserError
from runinference_metrics.options.accelerators import ACCELERATORS, accelerator
from runinference_metrics.options.parameters import PARAMETERS

NAMES = st.sampled_from(sorted(ACCELERATORS))


@pytest.mark.parametrize("name", ACCELERATORS)
def test_a_name_is_enough(name: str) -> None:
    found = accelerator(name)
    assert found.service_option.startswith(f"type:{name};count:1;install-nvidia-driver")
    (declared,) = (one for one in PARAMETERS if one.name == "accelerator")
    assert name in declared.choices
    # Who writes more than a name says, too, whether processes share it.
    alone = tuple(one for one in found.configuration if one != "use_nvidia_mps")
    assert accelerator(f"type:{name}") == replace(found, configuration=alone)
    assert accelerator(found.service_option) == found
    assert accelerator(found.resource_hint()) == found


def test_the_l4_is_asked_for_as_dataflows_page_does() -> None:
    found = accelerator("nvidia-l4")
    assert found.service_option == "type:nvidia-l4;count:1;install-nvidia-driver"
    assert found.resource_hint() == (
        "type:nvidia-l4;count:1;machine_type:g2-standard-4;install-nvidia-driver"
    )


@given(
    name=NAMES,
    driver=st.sampled_from(["", "install-nvidia-driver", "install-nvidia-driver:latest",
                            "install-nvidia-driver:5xx"]),
    count=st.booleans(),
    mps=st.booleans(),
    size=st.none() | st.from_regex(r"[a-z]{1,9}-[0-9]{1,3}", fullmatch=True),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_dataflows_own_words_stay_in_any_order(
    name: str, driver: str, count: bool, mps: bool, size: str | None, order: random.Random
) -> None:
    series = ACCELERATORS[name].machine_type.partition("-")[0]
    words = [f"type:{name}", driver, "use_nvidia_mps" if mps else "", "count:1" if count else ""]
    words.append(f"machine_type:{series}-{size}" if size else "")
    order.shuffle(words)
    found = accelerator(" ; ".join(words))
    assert (found.name, found.shares_processes) == (name, mps)
    assert found.capability == ACCELERATORS[name].capability
    assert found.machine_type == (f"{series}-{size}" if size else ACCELERATORS[name].machine_type)
    usual = [one for one in ACCELERATORS[name].configuration if one != "use_nvidia_mps"]
    drivers = [driver] if driver else usual
    assert set(found.configuration) == {*drivers, *(["use_nvidia_mps"] if mps else [])}
    assert "machine_type" not in found.service_option
    assert f";machine_type:{found.machine_type};" in found.resource_hint()


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [
        (None, "g2-standard-4"),
        ("g2-standard-16", "g2-standard-16"),
        ("n2-standard-8", "g2-standard-4"),
        ("", "g2-standard-4"),
    ],
)
def test_a_machine_of_the_users_counts_where_it_carries_the_gpu(
    given_type: str | None, expected: str
) -> None:
    assert f";machine_type:{expected};" in accelerator("nvidia-l4").resource_hint(given_type)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nvidia-l5", "--accelerator takes one of nvidia-l4, "),
        ("NVIDIA-L4", "got 'NVIDIA-L4'"),
        ("l4;install-nvidia-driver:latest", "only type, count, machine_type, "),
        ("type:nvidia-l5;count:1", "--accelerator takes a type among nvidia-l4, "),
        ("count:1", "--accelerator takes a type among "),
        ("type:nvidia-l4;count:2", "takes count:1, since a worker uses one GPU; got "),
        ("type:nvidia-l4;count:one", "takes count:1"),
        ("type:nvidia-l4;install-nvidia-drivers", "with 'install-nvidia-drivers'"),
        ("type:nvidia-l4;type:nvidia-tesla-t4", "with a setting twice"),
        ("type:nvidia-l4,count:1", "takes a type among"),
        ("type:nvidia-l4;machine_type:n1-standard-4", "begins with g2- for nvidia-l4"),
        ("type:nvidia-l4;machine_type:", "begins with g2- for nvidia-l4"),
        ("worker_accelerator=type:nvidia-l4", "with 'worker_accelerator=type'"),
        (":", "--accelerator takes"),
        (";:;", "--accelerator takes"),
    ],
)
def test_what_dataflow_would_not_take_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        accelerator(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text() | st.lists(st.sampled_from(["type:nvidia-l4", "count:1", "type", ":", "x:1"]))
       .map(";".join))  # fmt: skip
def test_any_text_is_an_accelerator_or_refused(text: str) -> None:
    try:
        found = accelerator(text)
    except UserError:
        return
    assert found.name in ACCELERATORS
