"""The Cloud console's form: its parts, and what the service checks a value against."""

# Regular expressions of the Cloud console's form. The service checks a value against them before it
# starts anything; the program's own check is stricter and has the better message.
GCS_PATTERNS = r"^\s*gs://[^,]+(,\s*gs://[^,]+)*,?\s*$"
GCS_FOLDER = r"^gs://[^\n\r]+$"
GCS_FILE = r"^(gs://[^\n\r]+)?$"
WHOLE_NUMBER_OR_AUTO = r"^(auto|[1-9][0-9]{0,6})$"
FIELD = r"^[^\n\r]+$"
FIELD_OR_NOTHING = r"^[^\n\r]*$"

# The form's parts, in the order in which people look for them.
FILES, MODEL = "Input and output", "Model and device"
LIMITS, BATCHES = "Failures and cost", "Batches"
# No part of the form: nobody waits for a job that a template launched.
COMMAND_LINE = "On the command line only"
