"""The published clients against `convoke run`."""

from published_clients import *  # noqa: F403
