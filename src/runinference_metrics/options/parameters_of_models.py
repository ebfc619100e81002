"""The parameters of the model and of what it runs on."""

from runinference_metrics.options import choices, form, label_names, values
from runinference_metrics.options.accelerators import TAKES
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.values import AUTO, LARGEST_BATCH_TOKENS

MODEL: tuple[Parameter, ...] = (
    Parameter(
        "model",
        "Model",
        "The folder, gs:// or local (on Dataflow: in the image), of any sequence-classification "
        "model in transformers' own format: config.json, model.safetensors, tokenizer.json. The "
        "default, bundled, is the model in the image (outside of an image: models/demo). A run on "
        "this machine also takes owner/name@revision of the Hugging Face hub.",
        values.BUNDLED,
        "bundled, a folder with config.json, model.safetensors and tokenizer.json, or "
        "owner/name@revision of the hub",
        values.model,
        "TEXT",
        form.MODEL,
        regex=form.FIELD,
    ),
    Parameter(
        "label_names",
        "Label names",
        "Names for the model's labels, in the order of its outputs, such as 0=neg,1=pos; or a "
        "file with them. Leave it empty to take the model's own.",
        "",
        label_names.TAKES,
        label_names.value,
        "TEXT",
        form.MODEL,
        regex=form.FIELD,
    ),
    Parameter(
        "device",
        "Device",
        "What the model runs on. With GPU the job fails when no usable GPU is there; it never "
        "falls back to the CPU. CPU workers on Dataflow are n4-standard-4 where each zone of the "
        "region has it, unless you name a machine type.",
        "CPU",
        "CPU or GPU",
        values.one_of(*choices.values_of(choices.DEVICES)),
        "ENUM",
        form.MODEL,
        choices.DEVICES,
    ),
    Parameter(
        "accelerator",
        "GPU type",
        "The GPU of each Dataflow worker. The machine type that goes with it is chosen too, unless "
        "you set one.",
        "nvidia-l4",
        TAKES,
        str.lower,
        "ENUM",
        form.MODEL,
        choices.GPUS,
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "gpu_placement",
        "GPU placement",
        "Which workers have a GPU: all, or only those that classify. The latter is worth it when "
        "reading or writing takes most of the time.",
        "all_workers",
        "all_workers or inference_step",
        values.one_of(*choices.values_of(choices.PLACEMENTS)),
        "ENUM",
        form.MODEL,
        choices.PLACEMENTS,
        shown_with=("device", "GPU"),
    ),
    Parameter(
        "precision",
        "Precision",
        "The arithmetic of the model. Less precision can be faster, and changes a few labels. auto "
        "suits the device; float32 is for exact comparisons; int8, on a CPU only, is the fastest "
        "on one without AMX.",
        AUTO,
        "auto, float32, bfloat16, float16 or int8",
        values.one_of(*choices.values_of(choices.PRECISIONS)),
        "ENUM",
        form.MODEL,
        choices.PRECISIONS,
    ),
    Parameter(
        "max_length",
        "Maximum tokens of a text",
        "Longer texts are cut to this many tokens, and counted; auto is the model's own limit. "
        "Lower it to trade the ends of long texts for speed.",
        AUTO,
        "auto or a whole number from 3 up to the model's own limit",
        values.whole_number_or_auto(LARGEST_BATCH_TOKENS),
        "TEXT",
        form.MODEL,
        regex=form.WHOLE_NUMBER_OR_AUTO,
    ),
)
