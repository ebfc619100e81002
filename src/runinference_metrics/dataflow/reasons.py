"""What to do about what Dataflow says, where its words give the reason away."""

import re

# Said of an answer to a launch too.
MORE_QUOTA = (
    "Wait, take fewer workers (--max_num_workers), or ask for more on the console's page of quotas."
)
ROLES = "The roles that a launch needs stand in docs/launching.md; a project's owner grants them."

# The words are those of Google's page "Troubleshoot Dataflow errors" (common-errors), of March
# 2026, and of messages that people published; the more precise ones come first.
_REASONS = tuple(
    (re.compile(words, re.IGNORECASE), advice)
    for words, advice in (
        (
            r"RESOURCE_POOL_EXHAUSTED|not have enough resources available to fulfill",
            "The zone has no such machine just now: start the job again without --worker_zone, in "
            "another --region, with another machine type, or later.",
        ),
        (r"QUOTA_EXCEEDED|insufficient quota|Quota '[^']*' exceeded", MORE_QUOTA),
        (
            r"failed to bring up any of the desired",
            f"{MORE_QUOTA} Or an organisation's policy forbids such a machine, as one with an "
            "address of its own (--no_use_public_ips).",
        ),
        (
            r"guest accelerators do not support live migration",
            "Name the GPU by the parameters device and accelerator, and not by a machine type "
            "alone.",
        ),
        (
            r"has not been used in project|SERVICE_DISABLED|Cloud APIs need to be enabled",
            "Enable the APIs that README names under its first steps on Dataflow, wait a minute, "
            "then try again.",
        ),
        (
            r"PERMISSION_DENIED|does not have [\w.]+ (?:access|permission)|\b403 (?:GET|POST|PUT) ",
            f"{ROLES} On a worker it is the workers' own account (--service_account_email).",
        ),
        (
            r"ImagePullBackOff|ErrImagePull|(?:unable|failed) to pull image",
            "The workers cannot pull the image: is its name right, does it lie in a registry that "
            "their account may read, and do they have a way to it (Private Google Access)?",
        ),
        (
            r"No space left on device|marshal data too short",
            "Give the workers a larger disk (--disk_size_gb).",
        ),
        (
            r"Failed to attach disk",
            "The machine type needs another disk (--worker_disk_type); docs/workers.md says which.",
        ),
        (
            r"OutOfMemory|out of memory|Timed out waiting for an update from the worker"
            r"|lost contact with the service",
            "A worker has too little memory, most likely: take a machine type with more a vCPU.",
        ),
    )
)


def advice_on(said: str) -> str:
    """What to do about it, in a sentence or two; empty where that is not known.

    Args:
        said: a message of Dataflow's. Those of this program's own errors name the next step
            themselves, and match nothing here unless they quote a service.
    """
    return next((advice for words, advice in _REASONS if words.search(said)), "")
