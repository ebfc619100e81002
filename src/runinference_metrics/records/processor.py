"""The instruction sets of a CPU that decide how fast it computes a model, by the names in
metrics.json.
"""

from collections.abc import Iterable

AVX2 = "avx2"
AVX512 = "avx512"
AVX512_VNNI = "avx512_vnni"
AVX512_BF16 = "avx512_bf16"
AMX_BF16 = "amx_bf16"
AMX_INT8 = "amx_int8"
NEON_BF16 = "neon_bf16"
NEON_I8MM = "neon_i8mm"

INSTRUCTION_SETS = (
    AVX2, AVX512, AVX512_VNNI, AVX512_BF16, AMX_BF16, AMX_INT8, NEON_BF16, NEON_I8MM,
)  # fmt: skip
# Any of these computes bfloat16 faster than float32.
BFLOAT16 = frozenset({AVX512_BF16, AMX_BF16, NEON_BF16})

# The machine type that is taken and advised on Google Cloud. N4 has Intel's Emerald Rapids, which
# computes bfloat16 (https://cloud.google.com/compute/docs/cpu-platforms). Of 16 GB each of its four
# processes has 4, as on Dataflow's own n1-standard-1: a model that fits there fits here.
BFLOAT16_MACHINE = "n4-standard-4"
# Of as many vCPUs, with AMX.
AMX_MACHINES = ("c3-standard-4", "c4-standard-4")
# Of a machine's sets the one by which its speed is told, the fastest first; what is not here has
# hardly an effect of its own.
TELLING = (AMX_BF16, AVX512_BF16, AVX512_VNNI, AVX512, AVX2, NEON_BF16, NEON_I8MM)


def telling(instruction_sets: Iterable[str]) -> str | None:
    """Of a processor's instruction sets the one by which its speed is told; None for none."""
    return next((one for one in TELLING if one in set(instruction_sets)), None)


# Texts/s of DistilBERT's size on sentences of SST-2's lengths, by one process on two cores, from
# the least to the most that was seen: docs/workers.md, bench/README.md. On AVX-512 alone that is
# float32 on processors that have more. Of what is not here nothing is known.
MEASURED = {
    (AVX2, "float32"): (80, 80),
    (AVX2, "int8"): (134, 134),
    (AVX512, "float32"): (76, 148),
    (AVX512_BF16, "float32"): (76, 76),
    (AVX512_BF16, "bfloat16"): (191, 216),
    (AVX512_BF16, "int8"): (297, 314),
    (AMX_BF16, "float32"): (148, 148),
    (AMX_BF16, "bfloat16"): (502, 616),
    (AMX_BF16, "int8"): (399, 741),
}
