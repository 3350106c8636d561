"""Starts the platform on free ports, signs in as its admin, and lets schemathesis loose on the document it serves."""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

import jsonschema_rs

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is no matter of the document: a wrong method is 404 by contract, a value that a schema refuses may be one that the
# contract reads (booleans as "true"), and the other way round (a start that is in the past).
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
SHORT = 1_500


def call(base: str, host: str, method: str, body: dict) -> dict:
    request = urllib.request.Request(
        f"{base}/enterprise_api/{method}",
        json.dumps(body).encode(),
        {"content-type": "application/json", "host": host},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def served(base: str, host: str) -> dict:
    """The document."""
    request = urllib.request.Request(f"{base}/enterprise_api/openapi.json", headers={"host": host})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def wrong_examples(document: dict) -> list[str]:
    """Which of the document's examples are not what it says beside them."""
    examples = [
        (name, {"$ref": f"#/components/schemas/{name}"}, example)
        for name, schema in document["components"]["schemas"].items()
        for example in schema.get("examples", [])
    ]
    for path in document["paths"].values():
        for operation in path.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                examples.append((operation["operationId"], content["schema"], content["example"]))
    wrong = []
    for name, schema, example in examples:
        # Nothing that is not described, either.
        whole = {"allOf": [schema], "unevaluatedProperties": False, "components": document["components"]}
        errors = jsonschema_rs.Draft202012Validator(whole).iter_errors(example)
        wrong += [f"the example of {name}, at {list(error.instance_path)}: {error.message}" for error in errors]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", nargs="?", type=int, default=SHORT, help="about how many requests are sent")
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, help="of a run that is to be repeated")
    options = parser.parse_args()
    if options.requests == SHORT and options.seed is None:
        # What decides whether a change lands shall say the same twice; long runs look further.
        options.seed = 1
    with tempfile.TemporaryDirectory() as data:
        run = [options.binary, "run", "--port", "0", "--json", "--data", data, "--web", ROOT / "web/dist"]
        run += ["--rates", "100000000", "--failures", "100000000"]
        with subprocess.Popen(run, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as platform:
            try:
                return fuzz(json.loads(platform.stdout.readline()), options)
            finally:
                platform.send_signal(signal.SIGINT)
                platform.wait(20)


def fuzz(about: dict, options: argparse.Namespace) -> int:
    host = about["admin_url"].removeprefix("http://")
    base = f"http://127.0.0.1:{host.rsplit(':', 1)[1]}"
    token = call(base, host, "authenticate", {"email": about["email"], "password": about["password"]})["auth_token"]
    known = {
        "email": [about["email"], "nobody@x.test"],
        "password": [about["password"], "wrong password"],
        "start": ["2027-03-28 01:30:00", "2027-02-30 10:00:00", "2027-06-01T10:00:00+02:00"],
        "time_zone": ["Europe/London", "US/Eastern", "Mars/Base"],
        "company_id": [1],
        "host_id": [1],
        "contact_id": [1],
        "conference_id": [],
        "code": [],
        "token": [],
        "login_token_public_key": [],
    }
    for n in range(3):
        made = call(base, host, "host/create", {"auth_token": token, "company_id": 1, "name": f"H{n}", "email": f"h{n}@x.test"})
        meeting = call(base, host, "conference/create/reservationless", {"auth_token": token, "host_id": made["host_id"]})
        known["host_id"].append(made["host_id"])
        known["contact_id"] += meeting["participants"]
        known["conference_id"].append(meeting["conference_id"])
        known["code"].append(made["access_code"]["number"])
        known["token"].append(made["password_creation_link"].rsplit("/", 1)[1])
        known["login_token_public_key"].append(made["login_token_public_key"])
    document = served(base, host)
    if wrong := wrong_examples(document):
        print(*wrong, "========= 1 failed in 0.0s =========", sep="\n")
        return 1
    operations = sum(len(methods) for methods in document["paths"].values())
    # Some operations have few cases to make up, so the others make up more.
    each = max(1, options.requests * 3 // (2 * operations))
    command = ["schemathesis", "run", f"{base}/enterprise_api/openapi.json", "--url", base, "--checks", CHECKS]
    command += ["-H", f"Host: {host}", "-H", f"Authorization: AuthToken {token}", "-H", f"Origin: http://{host}", "--exclude-operation-id", "SignOut"]
    command += ["--max-examples", str(each), "--phases", "examples,fuzzing", "--suppress-health-check", "all", "--workers", "1"]
    command += ["--continue-on-failure", "--no-color", "--request-timeout", "20"]
    if options.seed is not None:
        command += ["--seed", str(options.seed)]
    environment = os.environ | {
        "CONVOKE_KNOWN": json.dumps(known),
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(pathlib.Path(__file__).parent),
    }
    # What it keeps of a run goes with the folder that it runs in.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder)
    print(done.stdout)
    sent = re.search(r"([\d,]+) generated", done.stdout)
    if done.returncode != 0 or sent is None:
        print("========= 1 failed in 0.0s =========")
        return 1
    print(f"{sent.group(1)} requests generated")
    print("========= 1 passed in 0.0s =========")
    return 0


if __name__ == "__main__":
    sys.exit(main())
