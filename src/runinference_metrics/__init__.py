"""Text classification with Apache Beam's RunInference, and what the inference cost."""

__version__ = "0.1.0"
