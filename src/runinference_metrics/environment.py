"""The environment variables that the program reads; the image sets the first two."""

# The image's own name, with which Dataflow starts the workers.
IMAGE_VARIABLE = "RUNINFERENCE_METRICS_IMAGE"
# Where the image's model lies.
MODEL_VARIABLE = "RUNINFERENCE_METRICS_MODEL"
# Where downloaded models lie; a folder that several containers of a machine mount serves them all.
CACHE_VARIABLE = "RUNINFERENCE_METRICS_CACHE"
