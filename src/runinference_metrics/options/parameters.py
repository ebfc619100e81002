"""Every parameter of the template, declared once, in the order of the Cloud console's form.

The command line, its help and its checks, and metadata.json come from `PARAMETERS`. Values arrive
as strings, as the Flex Template launcher sends them.
"""

from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.parameters_of_files import FILES
from runinference_metrics.options.parameters_of_limits import LIMITS
from runinference_metrics.options.parameters_of_models import MODEL

PARAMETERS: tuple[Parameter, ...] = (*FILES, *MODEL, *LIMITS)
