"""The published clients against `convoke run`."""

from oauth_clients import *  # noqa: F403
from published_clients import *  # noqa: F403
