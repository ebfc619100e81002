"""The names of all metrics, and their namespaces."""

# Beam's own names, under the namespace of its base handler.
BEAM_NAMESPACE = "RunInference"
NUM_INFERENCES = "num_inferences"
FAILED_BATCHES = "failed_batches_counter"
BATCH_SIZE = "inference_request_batch_size"
BATCH_BYTES = "inference_request_batch_byte_size"
LATENCY = "inference_batch_latency_micro_secs"
MODEL_BYTES = "model_byte_size"
LOAD_LATENCY = "load_model_latency_milli_secs"
BEAM_DISTRIBUTIONS = (BATCH_SIZE, BATCH_BYTES, LATENCY, MODEL_BYTES, LOAD_LATENCY)

OWN_NAMESPACE = "runinference_metrics"
READ = "records_read"
BLANK = "records_blank"
PREDICTED = "records_predicted"
DEAD_LETTERED = "records_dead_lettered"
# Dead letters by reason are counters of this prefix and the reason.
REASON_PREFIX = "dead_letters."
TOKENS = "tokens"
PADDING_TOKENS = "padding_tokens"
TRUNCATED_TEXTS = "truncated_texts"
MICRO_BATCHES = "micro_batches"
# Predicted texts whose row has a label of the model's, and those of them that got it.
LABELLED_TEXTS = "labelled_texts"
RIGHT_TEXTS = "right_texts"
TOKENIZE = "tokenize_micro_secs"
WAIT = "wait_micro_secs"
FORWARD = "forward_micro_secs"
STAGES = (TOKENIZE, WAIT, FORWARD)
# Of a batch on a GPU.
GPU_COMPUTE = "gpu_compute_micro_secs"
GPU_LAUNCH = "gpu_launch_micro_secs"
GPU_TIMES = (GPU_COMPUTE, GPU_LAUNCH)
# Calls of the classifier beyond the first for a batch, while the texts that fail are found.
RECLASSIFICATIONS = "reclassifications"
TIMEOUTS = "timeouts"
OUT_OF_MEMORY_RETRIES = "out_of_memory_retries"
FLOAT32_RETRIES = "float32_retries"
FAULTS = (RECLASSIFICATIONS, TIMEOUTS, OUT_OF_MEMORY_RETRIES, FLOAT32_RETRIES)
# The token budget that was left of max_batch_tokens; in metrics.json alone.
LOWEST_BATCH_TOKENS = "lowest_batch_tokens"

# From a process's start to its first forward pass; with LOAD_LATENCY between the two.
BEFORE_LOAD = "before_load_milli_secs"
FIRST_PASS = "first_pass_milli_secs"
TO_FIRST_PASS = "to_first_pass_milli_secs"
STARTUP = (BEFORE_LOAD, FIRST_PASS, TO_FIRST_PASS)
