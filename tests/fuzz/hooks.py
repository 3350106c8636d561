"""Puts things that are there into what schemathesis makes up, so that it comes past "no such object"."""

import json
import os
import random
import zlib

import schemathesis

KNOWN = json.loads(os.environ["CONVOKE_KNOWN"])


def chance(value) -> random.Random:
    """The same for the same case, so that a seed repeats a run."""
    return random.Random(zlib.crc32(json.dumps(value, sort_keys=True, default=str).encode()))


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    dice = chance(body)
    for name in set(body) & set(KNOWN):
        if dice.random() < 0.8:
            body[name] = dice.choice(KNOWN[name])
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if isinstance(path_parameters, dict):
        dice = chance(path_parameters)
        for name in set(path_parameters) & set(KNOWN):
            if dice.random() < 0.8:
                path_parameters[name] = dice.choice(KNOWN[name])
    return path_parameters
