"""Every architecture that transformers has for sequence classification, made small."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import zoo_tokenizers as tokenizers
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
from zoo_tokenizers import Kind

# By model_type, the name of the class.
ARCHITECTURES: Mapping[str, str] = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
# Learned positions end here; the longest of the zoo's texts are cut to it.
POSITIONS = 128
# Shorter than most of the zoo's texts, so that what is beyond a window matters.
WINDOW = 8

# What sizes are called, and what they are in the zoo; each applies where a configuration has it.
_WIDTH, _INNER, _LAYERS, _HEADS = 32, 64, 2, 4
SIZES: Mapping[str, int] = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "emb_dim", "embedding_size",
                     "input_embedding_size", "word_embed_proj_dim"), _WIDTH),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "ffn_dim", "encoder_ffn_dim", "d_ff",
                     "decoder_ffn_dim", "d_inner", "dff", "n_inner", "ffn_hidden_size",
                     "feed_forward_size"), _INNER),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers",
                     "decoder_layers", "num_decoder_layers"), _LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads",
                     "encoder_attention_heads", "decoder_attention_heads"), _HEADS),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim", "d_kv", "d_head", "kv_channels", "attention_head_size",
                     "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "linear_key_head_dim",
                     "linear_value_head_dim", "index_head_dim"), _WIDTH // _HEADS),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    # Experts.
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk"), 2),
    **dict.fromkeys(("n_shared_experts", "n_group", "topk_group"), 1),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 32),
    # Windows and blocks.
    **dict.fromkeys(("sliding_window", "local_attention", "window_size", "attention_window",
                     "keep_window_size"), WINDOW),
    # State spaces and linear attention.
    **dict.fromkeys(("mamba_d_state", "mamba_headdim"), 8),
    "mamba_dt_rank": 4,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), POSITIONS),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is special about an architecture.

    Args:
        tokenizer: the kind that its checkpoints come with.
        config: values of its configuration beside `SIZES`.
        why: the reason for these values.
        note: what the documents say of it.
        impossible: why it cannot be made, or why transformers' pipeline cannot use it.
        refused: why the program refuses it, although the pipeline has answers.
        remembers: whether a text changes what it says of later ones, in the pipeline too; compared
            with a pipeline that has seen no other text.
        rounded: what a precision may lose, where that is more than usual.
    """

    tokenizer: Kind = tokenizers.LLAMA
    config: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    note: str = ""
    impossible: str = ""
    refused: str = ""
    remembers: bool = False
    rounded: Mapping[str, float] = field(default_factory=dict)


def _all(kind: Kind, *model_types: str, note: str = "") -> dict[str, Case]:
    return dict.fromkeys(model_types, Case(kind, note=note))


_MIXED = ["linear_attention", "full_attention"]
_WINDOWED = ["sliding_attention", "full_attention"]
_BOTH = "Two layers, one of each kind."
_NO_GROUPS = {"num_key_value_heads": _HEADS}
_UNGROUPED = "Its attention has as many keys as queries."
_NO_HEAD_DIM = {"head_dim": _WIDTH // _HEADS}
_HEAD_DIM = "Its default is None, with which it cannot be made."
_EYE = {"image_size": 28, "patch_size": 14, "num_channels": 3}
_SPARSE = {"block_size": 4, "num_random_blocks": 1}
_ABOVE_28 = "Texts of more than 28 tokens take its sparse attention."
_SMALL_EYE = "It sees too; nothing is shown to it."
# What the documents say.
_TEXT_ALONE = "texts alone, without images"
_NO_PLACES = "texts alone, without places on a page"
_PYTHON_TOKENIZER = "its usual tokenizer is Python's, without a `tokenizer.json`"

# By model_type; those that are not named are of the usual kind: a decoder with LLaMA's tokenizer.
CASES: Mapping[str, Case] = {
    **_all(tokenizers.BERT, "bert", "convbert", "electra", "ernie", "megatron-bert", "nomic_bert",
           "roformer"),
    **_all(tokenizers.ALBERT, "albert", "rembert", "deberta-v2", "yoso", "nystromformer"),
    **_all(tokenizers.ROBERTA, "bart", "data2vec-text", "ibert", "longformer", "roberta",
           "roberta-prelayernorm", "mvp", "deberta", "eurobert", "modernbert",
           "modernbert-decoder", "ultrabert"),
    **_all(tokenizers.ROBERTA, "modernvbert", "ultravbert", note=_TEXT_ALONE),
    **_all(tokenizers.BERT, "layoutlm", note=_NO_PLACES),
    **_all(tokenizers.XLM_ROBERTA, "camembert", "gte", "xlm-roberta", "xlm-roberta-xl"),
    **_all(tokenizers.XLM, "mpnet"),
    **_all(tokenizers.XLM, "xlm", "flaubert", note=_PYTHON_TOKENIZER),
    **_all(tokenizers.T5, "mt5", "umt5"),
    **_all(tokenizers.MBART, "mbart", "plbart"),
    **_all(tokenizers.GPT, "bloom", "falcon", "gpt2", "gpt-sw3", "gpt_bigcode", "gpt_neox", "mpt",
           "phi", "stablelm", "starcoder2", "olmo", "olmo2", "gpt_oss"),
    **_all(tokenizers.OLD_GPT, "openai-gpt"),
    **_all(tokenizers.OLD_GPT, "ctrl", note=_PYTHON_TOKENIZER),
    **_all(tokenizers.QWEN, "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"),
    **_all(tokenizers.GEMMA, "gemma"),
    **_all(tokenizers.OPT, "opt"),
    **_all(tokenizers.OPT, "biogpt", note=_PYTHON_TOKENIZER),
    **_all(tokenizers.GLM, "glm", "glm4"),
    "axk1": Case(config=_NO_GROUPS, why=_UNGROUPED),
    "axk2": Case(config=_NO_GROUPS | {"index_topk": WINDOW, "index_n_heads": 2},
                 why="Each token looks at few others."),
    "big_bird": Case(tokenizers.ALBERT, _SPARSE, _ABOVE_28, remembers=True),
    "bigbird_pegasus": Case(tokenizers.T5, _SPARSE, _ABOVE_28, remembers=True),
    "canine": Case(impossible="it reads code points: no `tokenizer.json`"),
    "cohere_compass_text": Case(
        tokenizers.GEMMA,
        {"layer_types": _WINDOWED,
         "rope_parameters": {kind: {"rope_type": "default", "rope_theta": 10000.0,
                                    "mrope_section": [2, 1, 1]} for kind in _WINDOWED}},
        "It has no default for these."),
    "deepseek_v2": Case(config=_NO_GROUPS | {"first_k_dense_replace": 1, "num_experts_per_tok": 2},
                        why=_BOTH),
    "deepseek_v3": Case(config=_NO_GROUPS | {"first_k_dense_replace": 1}, why=_BOTH),
    "distilbert": Case(replace(tokenizers.BERT, type_ids=False)),
    "esm": Case(tokenizers.XLM,
                {"position_embedding_type": "rotary", "token_dropout": True,
                 "mask_token_id": tokenizers.XLM.ids["mask_token_id"]},
                "As ESM-2 has it.", note=_PYTHON_TOKENIZER),
    "esmc": Case(tokenizers.XLM, _NO_GROUPS, _UNGROUPED),
    "exaone4": Case(config={"layer_types": _WINDOWED}, why=_BOTH),
    "fnet": Case(replace(tokenizers.ALBERT, type_ids=True, mask=False)),
    "funnel": Case(tokenizers.BERT,
                   {"block_sizes": [1, 1], "block_repeats": [1, 1], "num_decoder_layers": 1},
                   "A layer before pooling and one behind it."),
    "gemma2": Case(tokenizers.GEMMA, {"layer_types": _WINDOWED}, _BOTH),
    "gemma3": Case(tokenizers.GEMMA,
                   {"text_config": {"layer_types": _WINDOWED}, "vision_config": _EYE,
                    "mm_tokens_per_image": 4}, _SMALL_EYE, note=_TEXT_ALONE),
    "gemma3_text": Case(tokenizers.GEMMA, {"layer_types": _WINDOWED}, _BOTH),
    "gpt_neo": Case(tokenizers.GPT, {"attention_types": [[["global", "local"], 1]]}, _BOTH),
    "gptj": Case(tokenizers.GPT, {"rotary_dim": 4}, "Of a head's 8 features."),
    "hunyuan_v1_dense": Case(config=_NO_HEAD_DIM, why=_HEAD_DIM),
    "hunyuan_v1_moe": Case(config=_NO_HEAD_DIM, why=_HEAD_DIM),
    "jamba": Case(config={"attn_layer_period": 2, "attn_layer_offset": 1}, why=_BOTH),
    "jina_embeddings_v3": Case(tokenizers.XLM_ROBERTA),
    "layoutlmv2": Case(impossible="needs images and detectron2"),
    "layoutlmv3": Case(tokenizers.ROBERTA, {"coordinate_size": 6, "shape_size": 4,
                                            "max_2d_position_embeddings": 8, "input_size": 32},
                       "Four coordinates and two sizes make the width.", note=_NO_PLACES),
    "lilt": Case(tokenizers.ROBERTA, {"hidden_size": 48, "max_2d_position_embeddings": 8},
                 "Six coordinates share the width.", note=_NO_PLACES),
    "luke": Case(tokenizers.ROBERTA, {"entity_vocab_size": 8, "entity_emb_size": 8},
                 "Half a million entities.", note="texts alone, without entities"),
    "markuplm": Case(tokenizers.ROBERTA,
                     {"max_xpath_tag_unit_embeddings": 8, "max_xpath_subs_unit_embeddings": 8,
                      "tag_pad_id": 6, "subs_pad_id": 7, "max_depth": 2},
                     "Large tables of the places in a page.", note=_NO_PLACES),
    "minicpm3": Case(config=_NO_GROUPS, why=_UNGROUPED),
    "minimax": Case(config={"layer_types": _MIXED, "block_size": WINDOW, **_NO_HEAD_DIM},
                    why=_BOTH),
    "ministral": Case(config={"layer_types": _WINDOWED, **_NO_HEAD_DIM}, why=_HEAD_DIM),
    "mistral4": Case(
        config=_NO_GROUPS | {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                                 "partial_rotary_factor": 0.5,
                                                 "original_max_position_embeddings": POSITIONS,
                                                 "llama_4_scaling_beta": 0.1}},
        why="Its default is for its own head size."),
    "mobilebert": Case(tokenizers.BERT, {"intra_bottleneck_size": 32, "true_hidden_size": 32},
                       "Its blocks are as wide as the model."),
    "mra": Case(tokenizers.ROBERTA, refused="its attention is zero without a kernel of the hub's"),
    "nemotron": Case(config=_NO_GROUPS, why="Its default is None, with which it cannot be made."),
    "olmo3": Case(tokenizers.GPT, {"layer_types": _WINDOWED}, _BOTH),
    "perceiver": Case(impossible="it reads bytes: no `tokenizer.json`"),
    "qwen3_5": Case(tokenizers.QWEN, {"text_config": {"layer_types": _MIXED},
                                      "vision_config": _EYE}, _SMALL_EYE, note=_TEXT_ALONE),
    "qwen3_5_text": Case(tokenizers.QWEN, {"layer_types": _MIXED}, _BOTH),
    "qwen3_next": Case(tokenizers.QWEN, {"layer_types": _MIXED}, _BOTH),
    "reformer": Case(
        tokenizers.T5,
        {"attn_layers": ["local", "lsh"], "axial_pos_embds_dim": [8, 24],
         "axial_pos_shape": [8, POSITIONS // 8], "hash_seed": 0, "num_buckets": 4,
         "local_attn_chunk_length": WINDOW, "lsh_attn_chunk_length": WINDOW},
        "Without a seed its hashes are random, and with them its answers.",
        note="needs `hash_seed` in `config.json`"),
    "roc_bert": Case(tokenizers.BERT, {"pronunciation_vocab_size": 8, "shape_vocab_size": 8,
                                       "pronunciation_embed_dim": 8, "shape_embed_dim": 8},
                     "Large tables of how signs sound and look.", note=_PYTHON_TOKENIZER),
    "squeezebert": Case(tokenizers.BERT),
    "t5": Case(tokenizers.T5, {"decoder_start_token_id": 0}, "As all its checkpoints have it."),
    "t5gemma": Case(tokenizers.GEMMA, {"encoder": {"layer_types": _WINDOWED},
                                       "decoder": {"layer_types": _WINDOWED}}, _BOTH),
    "t5gemma2": Case(
        tokenizers.GEMMA,
        {"encoder": {"text_config": {"layer_types": _WINDOWED}, "vision_config": _EYE,
                     "mm_tokens_per_image": 4},
         "decoder": {"layer_types": _WINDOWED}}, _SMALL_EYE, note=_TEXT_ALONE),
    "tapas": Case(replace(tokenizers.BERT, type_ids=False),
                  why="A table's types are seven a token.",
                  note=f"texts alone, without tables; {_PYTHON_TOKENIZER}"),
    "xlnet": Case(tokenizers.XLNET),
    "xmod": Case(tokenizers.XLM_ROBERTA, {"default_language": "en_XX"},
                 "Without it the pipeline cannot say which language it is.",
                 note="needs `default_language` in `config.json`"),
    "zamba": Case(
        config={"layers_block_type": ["linear_attention", "hybrid", "hybrid"],
                "num_hidden_layers": 3}, why="Its attention is shared by two layers at least.",
        note="int8 costs much: its activations have outliers",
        rounded={"int8": 0.25}),
    "zamba2": Case(config={"layers_block_type": ["linear_attention", "hybrid"],
                           "chunk_size": WINDOW}, why=_BOTH),
}  # fmt: skip


def possible() -> list[str]:
    """The architectures that the program classifies with."""
    cases = {model_type: CASES.get(model_type, Case()) for model_type in ARCHITECTURES}
    return [name for name, case in cases.items() if not (case.impossible or case.refused)]
