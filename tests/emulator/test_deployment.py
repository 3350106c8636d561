"""What was deployed is what the binary says it can do: functions, routes, roles."""

import json
import os
import subprocess
import sys

import deploy as deployment
import pytest


@pytest.fixture(scope="module")
def listed() -> dict:
    """`bootstrap --list`: all() and workers() as JSON."""
    return json.loads(subprocess.run([os.environ["CONVOKE_BOOTSTRAP"], "--list"], check=True, capture_output=True).stdout)


@pytest.fixture(scope="module")
def functions(stack) -> dict[str, dict]:
    return stack.functions


def policies(stack, function: dict) -> list[dict]:
    iam = stack.target.client("iam")
    role = function["Role"].rsplit("/", 1)[1]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return [statement for document in documents for statement in document["Statement"]]


def test_every_endpoint_and_worker_is_a_function(listed, functions):
    wanted = {entry["handler"] for entry in listed["routes"] + listed["workers"]}
    assert set(functions) == wanted


def test_every_endpoint_has_its_route_to_its_function(stack, listed, functions):
    gateway = stack.target.client("apigatewayv2")
    api = stack.outputs["ApiId"]
    integrations = {item["IntegrationId"]: item["IntegrationUri"] for item in gateway.get_integrations(ApiId=api)["Items"]}
    routes = {item["RouteKey"]: integrations[item["Target"].split("/")[1]] for item in gateway.get_routes(ApiId=api)["Items"]}
    wanted = {f"{route['method']} {route['path']}": functions[route["handler"]]["FunctionArn"] for route in listed["routes"]}
    assert routes == wanted


def test_roles_are_one_each_and_narrow(stack, functions):
    roles = [function["Role"] for function in functions.values()]
    assert len(set(roles)) == len(roles)
    for handler, function in functions.items():
        for statement in policies(stack, function):
            if statement["Action"] == "dynamodb:ListStreams" and handler in ("dispatch", "tell-webhooks"):
                # What reads a stream must be allowed to list them, and that action knows no resource.
                continue
            if statement["Action"] == "acm:RequestCertificate" and handler in ("domain-advance", "operator-domain"):
                # What is asked for has no name yet.
                continue
            if statement["Action"] == "sns:Publish" and handler == "dispatch":
                # Phone numbers are no resources; topics are, and it may write to none.
                assert statement["NotResource"].endswith(":sns:*:*:*")
                continue
            assert statement["Resource"] != "*", handler
            assert not any("*" in action for action in statement["Action"]), handler
            # The table's stream is a resource of its own, without keys.
            stream = "/stream/" in str(statement["Resource"])
            if any(action.startswith("dynamodb:") for action in statement["Action"]) and not stream:
                assert statement["Condition"], f"{handler} reaches every item"


def test_secrets_are_where_they_are_needed_only(listed, functions):
    for entry in listed["routes"] + listed["workers"]:
        variables = functions[entry["handler"]]["Environment"]["Variables"]
        for need, name in (("signing_key", "CONVOKE_SIGNING_KEY"), ("sealing_key", "CONVOKE_SEALING_KEY")):
            assert (name in variables) == (need in entry["needs"]), f"{entry['handler']} {name}"


def test_an_unchanged_stack_deploys_to_the_same(stack, functions):
    again = deployment.keys(stack.target, "convoke")
    assert again == stack.keys
    assert stack.deploy() == stack.outputs
    found = stack.target.client("lambda").get_paginator("list_functions").paginate()
    now = {function["Handler"]: function["FunctionArn"] for page in found for function in page["Functions"]}
    assert now == {handler: function["FunctionArn"] for handler, function in functions.items()}


def test_an_unknown_handler_is_a_clear_failure():
    environment = os.environ | {"_HANDLER": "company-destroy"}
    started = subprocess.run([os.environ["CONVOKE_BOOTSTRAP"]], env=environment, capture_output=True, text=True, timeout=20)
    assert started.returncode == 1
    assert 'no endpoint or worker is called \\"company-destroy\\"' in started.stdout


def test_rates_that_do_not_read_are_a_clear_failure():
    environment = os.environ | {"_HANDLER": "authenticate", "CONVOKE_RATES": "session_per_minute=many"}
    started = subprocess.run([os.environ["CONVOKE_BOOTSTRAP"]], env=environment, capture_output=True, text=True, timeout=20)
    assert started.returncode == 1
    assert "CONVOKE_RATES must be like session_per_minute=600" in started.stdout


TOPIC = "arn:aws:sns:us-east-1:222222222222:operators"


def test_the_command_deploys_what_it_is_told_and_nothing_the_second_time(stack):
    # Another account: the stack that the other tests call stays the only one in theirs.
    access = {"AWS_ACCESS_KEY_ID": "222222222222", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    target = deployment.Target(
        stack.endpoint, aws_access_key_id="222222222222", aws_secret_access_key="test", region_name="us-east-1"
    )

    def run(*options: str) -> subprocess.CompletedProcess:
        command = [sys.executable, deployment.ROOT / "deploy/deploy.py", "--emulator", stack.endpoint, "--stack", "second"]
        command += ["--bootstrap", os.environ["CONVOKE_BOOTSTRAP"], "--architecture", "x86_64", *options]
        return subprocess.run(command, env=os.environ | access, capture_output=True, text=True, timeout=120)

    def functions() -> dict[str, dict]:
        pages = target.client("lambda").get_paginator("list_functions").paginate()
        return {function["Handler"]: function for page in pages for function in page["Functions"]}

    for option, value in (("--join-concurrency", "many"), ("--alarm-topic", "operators"), ("--rates", "session_per_minute=0")):
        refused = run(option, value)
        assert refused.returncode == 2 and f"argument {option}: must be " in refused.stderr, refused.stderr
    assert functions() == {}

    limits = ["--join-concurrency", "5", "--alarm-topic", TOPIC, "--rates", "session_per_minute=700,pin_failures=3"]
    first = run(*limits)
    assert first.returncode == 0, first.stderr
    told = dict(line.split(" = ", 1) for line in first.stdout.splitlines())
    assert {"ApiId", "ApiDomain", "TableName", "OperatorInit"} <= set(told)
    made = functions()
    assert made["operator-init"]["FunctionName"] == told["OperatorInit"]
    assert set(made) == set(stack.functions)

    def as_told():
        for function in functions().values():
            variables = function["Environment"]["Variables"]
            assert variables["CONVOKE_RATES"] == "session_per_minute=700,pin_failures=3", function["Handler"]
        # The emulator reserves nothing; what the template makes of the parameter is tested with it.
        known = target.client("cloudformation").describe_stacks(StackName="second")["Stacks"][0]["Parameters"]
        assert {"ParameterKey": "JoinConcurrency", "ParameterValue": "5"} in known
        alarms = target.client("cloudwatch").describe_alarms()["MetricAlarms"]
        assert len(alarms) > 5 and all(alarm["AlarmActions"] == [TOPIC] for alarm in alarms)

    as_told()
    second = run()
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr
    assert functions() == made
    as_told()
