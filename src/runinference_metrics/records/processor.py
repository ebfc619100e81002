"""The instruction sets of a CPU that decide how fast it computes a model, by the names in
metrics.json.
"""

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
