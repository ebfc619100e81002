"""Where a run's time goes: the stages of the classifier, and torch's operations below them.

    python bench/profile_run.py [--device=CPU] [--precision=auto] [--texts=512] [--model=FOLDER]

Without --model, a model of DistilBERT's size with random weights.
"""

import argparse
import tempfile
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from material import machine, make_model, make_texts
from runinference_metrics.classifier.classifier import ClassifierSpec

ROWS = 15


def main() -> None:
    """Profiles and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="CPU", choices=("CPU", "GPU"))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--model")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.model or str(make_model(Path(temporary)))
        classifier = ClassifierSpec(folder, given.device, given.precision).load()
        texts = make_texts(given.texts)
        classifier.classify(texts)
        activities = [ProfilerActivity.CPU]
        if given.device == "GPU":
            activities.append(ProfilerActivity.CUDA)
        stats = classifier.classify(texts).stats
        with profile(activities=activities) as profiled:
            classifier.classify(texts)
    effective = classifier.effective
    total = stats.tokenize_micro_secs + stats.wait_micro_secs + stats.forward_micro_secs
    print(machine())
    print(f"{effective.device_name}, {effective.precision}, {effective.threads} threads, "
          f"{effective.max_batch_tokens} tokens a forward pass")  # fmt: skip
    print(f"{stats.texts} texts, {stats.tokens} tokens, {stats.micro_batches} forward passes: "
          f"{stats.texts / total * 1e6:,.1f} texts/s")  # fmt: skip
    for name in ("tokenize", "wait", "forward"):
        micro_secs = getattr(stats, f"{name}_micro_secs")
        print(f"  {name:10}{micro_secs / 1e6:8.3f} s  {micro_secs / total:6.1%}")
    key = "self_cuda_time_total" if given.device == "GPU" else "self_cpu_time_total"
    print(profiled.key_averages().table(sort_by=key, row_limit=ROWS, max_name_column_width=40))


if __name__ == "__main__":
    main()
