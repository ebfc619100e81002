"""The GPUs of Dataflow workers, the machines that go with them, and Dataflow's words for both."""

from dataclasses import dataclass, replace

from runinference_metrics.errors import UserError

# As on Dataflow's pages for the L4 and for MPS: the service chooses the version.
DRIVER = "install-nvidia-driver"
MPS = "use_nvidia_mps"
# What may stand behind type and count; https://cloud.google.com/dataflow/docs/gpu has them.
_CONFIGURATION = (DRIVER, MPS, "provisioning_model")
_FORM = "type:nvidia-l4;count:1;install-nvidia-driver:latest"
_FLAG = "accelerator"


@dataclass(frozen=True)
class Accelerator:
    """A GPU as Dataflow knows it.

    Args:
        name: Dataflow's name of it.
        machine_type: the smallest machine that carries one of it. A small model needs no more.
        title: its product name.
        memory_gb: its memory.
        capability: its compute capability, https://developer.nvidia.com/cuda-gpus.
        configuration: what Dataflow is told besides, as it takes it.
    """

    name: str
    machine_type: str
    title: str
    memory_gb: int
    capability: tuple[int, int]
    configuration: tuple[str, ...] = (DRIVER,)

    @property
    def service_option(self) -> str:
        """One of it, as `worker_accelerator` takes it."""
        return ";".join((f"type:{self.name}", "count:1", *self.configuration))

    @property
    def shares_processes(self) -> bool:
        """Whether several processes are to share it."""
        return MPS in self.configuration

    def resource_hint(self, machine_type: str | None = None) -> str:
        """One of it, as the resource hint takes it, on a machine that carries it.

        Args:
            machine_type: what the user asks for; it counts if it is of the GPU's own series.
        """
        carries = machine_type is not None and _series(machine_type) == _series(self.machine_type)
        own = f"machine_type:{machine_type if carries else self.machine_type}"
        return ";".join((f"type:{self.name}", "count:1", own, *self.configuration))


def _series(machine_type: str) -> str:
    return machine_type.partition("-")[0]


# The pairings of Dataflow's pages on GPUs: accelerator-optimised machines come with their GPU built
# in, the older ones are attached to an N1.
ACCELERATORS = {
    one.name: one
    for one in (
        Accelerator("nvidia-l4", "g2-standard-4", "NVIDIA L4", 24, (8, 9)),
        Accelerator("nvidia-tesla-t4", "n1-standard-4", "NVIDIA T4", 16, (7, 5)),
        Accelerator("nvidia-tesla-a100", "a2-highgpu-1g", "NVIDIA A100", 40, (8, 0)),
        Accelerator("nvidia-a100-80gb", "a2-ultragpu-1g", "NVIDIA A100", 80, (8, 0)),
        # By arithmetic it computes 194,000 short texts/s, and one process of Python launches work
        # for 105,000 at most; on the others one process does.
        Accelerator("nvidia-h100-80gb", "a3-highgpu-1g", "NVIDIA H100", 80, (9, 0), (DRIVER, MPS)),
        # Drivers older than it do not know it at all, so the newest is asked for.
        Accelerator(
            "nvidia-rtx-pro-6000",
            "g4-standard-48",
            "NVIDIA RTX PRO 6000",
            96,
            (12, 0),
            (f"{DRIVER}:latest",),
        ),
        Accelerator("nvidia-tesla-v100", "n1-standard-4", "NVIDIA V100", 16, (7, 0)),
        Accelerator("nvidia-tesla-p100", "n1-standard-4", "NVIDIA P100", 16, (6, 0)),
        Accelerator("nvidia-tesla-p4", "n1-standard-4", "NVIDIA P4", 8, (6, 1)),
    )
}
# Below it CUDA 13, which the usual image has, knows no GPU.
LOWEST_OF_CUDA_13 = (7, 5)
TAKES = f"one of {', '.join(ACCELERATORS)}, or Dataflow's own form, as in {_FORM}"


def accelerator(text: str) -> Accelerator:
    """The accelerator of this name, or that Dataflow's own words ask for.

    Raises:
        UserError: Dataflow has no such GPU, or does not take it so.
    """
    if text in ACCELERATORS:
        return ACCELERATORS[text]
    if ":" not in text:
        raise UserError(_FLAG, TAKES, repr(text))
    words = [word.strip() for word in text.split(";") if word.strip()]
    settings = {name: value for name, _, value in (word.partition(":") for word in words)}
    known = ("type", "count", "machine_type", *_CONFIGURATION)
    unknown = [name for name in settings if name not in known]
    if unknown or len(settings) < len(words):
        why = f"with {unknown[0]!r}" if unknown else "with a setting twice"
        raise UserError(_FLAG, f"only {', '.join(known)}, each once, behind each other with ;",
                        f"{text!r}, {why}")  # fmt: skip
    if settings.get("type") not in ACCELERATORS:
        raise UserError(_FLAG, f"a type among {', '.join(ACCELERATORS)}", repr(text))
    if settings.get("count", "1") != "1":
        raise UserError(_FLAG, "count:1, since a worker uses one GPU", repr(text))
    chosen = ACCELERATORS[settings["type"]]
    given = tuple(word for word in words if word.partition(":")[0] in _CONFIGURATION)
    # Who says more than a name says, too, whether processes share it.
    usual = tuple(one for one in chosen.configuration if one.startswith(DRIVER))
    driver = () if DRIVER in settings else usual
    machine_type = settings.get("machine_type", chosen.machine_type)
    series = _series(chosen.machine_type)
    if _series(machine_type) != series:
        takes = f"a machine_type that begins with {series}- for {chosen.name}"
        raise UserError(_FLAG, takes, repr(text))
    return replace(chosen, machine_type=machine_type, configuration=(*driver, *given))
