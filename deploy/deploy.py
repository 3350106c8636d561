"""Brings the template to AWS or to an emulator of it: uploads what it points at, then creates or updates the stack.

The same code serves `scripts/deploy` and the emulator's tests. An emulator differs in its endpoint and in nothing else.
"""

import argparse
import base64
import hashlib
import io
import json
import pathlib
import re
import secrets
import sys
import time
import zipfile

import boto3
import botocore.exceptions
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).resolve().parent.parent

#: What the static files are, by how their names end.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".map": "application/json",
}


class Failed(Exception):
    """The stack could not be made; the message names the resources to blame."""


def bundle(bootstrap: pathlib.Path, web: pathlib.Path) -> bytes:
    """The functions' one zip: the binary, executable, and the HTML pages that it serves."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "bootstrap", bootstrap.read_bytes(), 0o755)
        for page in sorted(web.glob("*.html")):
            _add(archive, f"web/{page.name}", page.read_bytes(), 0o644)
    return packed.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    # A fixed date: the same content gives the same zip, so an unchanged deployment uploads and updates nothing.
    entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def unpack(zipped: bytes, folder: pathlib.Path) -> int:
    """Puts the zip's files where Lambda would, and prints how large it is."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        for entry in archive.infolist():
            (folder / archive.extract(entry, folder)).chmod(entry.external_attr >> 16)
    print(len(zipped))
    return 0


class Target:
    """An account and region, or an emulator at `endpoint`."""

    def __init__(self, endpoint: str | None = None, **session: str):
        self.endpoint = endpoint
        self._session = boto3.Session(**session)

    def client(self, service: str):
        return self._session.client(service, endpoint_url=self.endpoint)

    def url(self, bucket: str, key: str) -> str:
        region = self._session.region_name
        return f"{self.endpoint}/{bucket}/{key}" if self.endpoint else f"https://{bucket}.s3.{region}.amazonaws.com/{key}"

    def upload(self, bucket: str, content: bytes, ending: str) -> str:
        """Stores content under its hash, once. Answers the key."""
        s3 = self.client("s3")
        key = f"{hashlib.sha256(content).hexdigest()[:32]}{ending}"
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except botocore.exceptions.ClientError:
            s3.put_object(Bucket=bucket, Key=key, Body=content)
        return key

    def bucket(self, name: str) -> str:
        s3 = self.client("s3")
        try:
            s3.head_bucket(Bucket=name)
        except botocore.exceptions.ClientError:
            region = self._session.region_name
            place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=name, **place)
        return name


class _Loader(yaml.SafeLoader):
    """Leaves dates such as `2012-10-17` as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: pathlib.Path) -> dict:
    return yaml.load(path.read_text(), _Loader)


def packaged(target: Target, bucket: str) -> str:
    """The root template, with its nested ones uploaded and named by their addresses."""
    root = read(ROOT / "template.yaml")
    for resource in root["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            nested = json.dumps(read(ROOT / resource["Properties"]["TemplateURL"])).encode()
            resource["Properties"]["TemplateURL"] = target.url(bucket, target.upload(bucket, nested, ".json"))
    return json.dumps(root)


def keys(target: Target, stack: str) -> dict[str, str]:
    """The installation's secrets, made at the first deployment and kept in Secrets Manager."""
    store = target.client("secretsmanager")
    name = f"{stack}/keys"
    try:
        return json.loads(store.get_secret_value(SecretId=name)["SecretString"])
    except store.exceptions.ResourceNotFoundException:
        made = {
            "SigningKey": _signing_key(),
            "SealingKey": secrets.token_hex(32),
            "EdgeSecret": secrets.token_hex(32),
        }
        store.create_secret(Name=name, SecretString=json.dumps(made))
        return made


def _signing_key() -> str:
    """A new P-256 private key, PKCS #8, in base64."""
    return base64.b64encode(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    ).decode()


def deploy(target: Target, stack: str, code: bytes, parameters: dict[str, str]) -> dict[str, str]:
    """Creates or updates the stack and waits. Answers its outputs."""
    bucket = target.bucket(parameters.pop("CodeBucket"))
    parameters |= {"CodeBucket": bucket, "CodeKey": target.upload(bucket, code, ".zip")}
    return _settle(target, stack, packaged(target, bucket), parameters)


def deploy_edge(target: Target, stack: str, web: pathlib.Path, parameters: dict[str, str]) -> dict[str, str]:
    """Creates or updates the edge of a stack, with the static files, and waits. Answers its outputs. What no parameter is
    given for stays as it is."""
    outputs = _settle(target, stack, json.dumps(read(ROOT / "deploy/edge.yaml")), parameters)
    upload_assets(target, outputs["Assets"], web)
    return outputs


def upload_assets(target: Target, bucket: str, web: pathlib.Path) -> None:
    """Stores the static files that are not there yet. Former ones stay: pages that are open still ask for them."""
    s3 = target.client("s3")
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="assets/")
    there = {entry["Key"] for page in listed for entry in page.get("Contents", [])}
    for file in sorted((web / "assets").rglob("*")):
        key = file.relative_to(web).as_posix()
        if file.is_file() and key not in there:
            kind = TYPES.get(file.suffix, "application/octet-stream")
            kept = "public, max-age=31536000, immutable"
            s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), ContentType=kind, CacheControl=kept)


def outputs_of(target: Target, stack: str) -> dict[str, str] | None:
    """What a stack has put out; None where it is not there."""
    try:
        state = target.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except botocore.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in state.get("Outputs", [])}


def _settle(target: Target, stack: str, template: str, parameters: dict[str, str]) -> dict[str, str]:
    formation = target.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    request = {
        "StackName": stack,
        "TemplateBody": template,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        formation.create_stack(**request, Parameters=given)
    except formation.exceptions.AlreadyExistsException:
        known = formation.describe_stacks(StackName=stack)["Stacks"][0].get("Parameters", [])
        wanted = json.loads(template)["Parameters"]
        stays = [entry["ParameterKey"] for entry in known if entry["ParameterKey"] in wanted.keys() - parameters.keys()]
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in stays]
        try:
            formation.update_stack(**request, Parameters=given)
        except botocore.exceptions.ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    while True:
        state = formation.describe_stacks(StackName=stack)["Stacks"][0]
        if not state["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(1)
    if state["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise Failed(f"{stack}: {state['StackStatus']}: {_blame(formation, stack)}")
    return {output["OutputKey"]: output["OutputValue"] for output in state.get("Outputs", [])}


def _blame(formation, stack: str) -> str:
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed) or "no reason given"


def _like(pattern: str, wanted: str):
    """Reads an option's text that must look like this."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"must be {wanted}")
        return text

    return read


NUMBER = _like("[0-9]{1,6}", "a number, 0 for none")
TOPIC = _like("(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?", "the ARN of an SNS topic, or '' for none")
RATES = _like("([a-z_]+=[1-9][0-9]*(,[a-z_]+=[1-9][0-9]*)*)?", "like session_per_minute=1200,object_per_minute=120, or '' for the contract's")

TEXTS = _like("(day=[1-9][0-9]*(,\\+[0-9]+=[A-Za-z0-9]{0,11}/[1-9][0-9]*)+)?", "like day=500,+49=Acme/9,+1=/1, or '' for no text messages")
SET = _like("[A-Za-z0-9_-]{0,64}", "the name of a set, or '' for none")
ADDRESSES = _like("([^@, ]+@[^@, ]+(,[^@, ]+@[^@, ]+)*)?", "like no-reply@meet.example.com,no-reply@example.net, or '' for none")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/deploy", description=__doc__)
    parser.add_argument("--stack", default="convoke")
    parser.add_argument("--emulator", metavar="URL", help="an emulator's address in place of AWS")
    parser.add_argument("--bootstrap", type=pathlib.Path, required=True, help="the functions' binary")
    parser.add_argument("--architecture", choices=["arm64", "x86_64"], default="arm64", help="what it was built for")
    parser.add_argument("--web", type=pathlib.Path, default=ROOT / "web/dist", help="the built web client")
    parser.add_argument("--unpack", type=pathlib.Path, metavar="FOLDER", help="deploy nothing: unpack the zip here, print its size")
    limits = parser.add_argument_group("limits and alarms", "named once, these stay as they are")
    limits.add_argument("--join-concurrency", type=NUMBER, metavar="N", help="concurrent joins that are reserved, 0 for none")
    limits.add_argument("--alarm-topic", type=TOPIC, metavar="ARN", help="an SNS topic that hears of alarms, '' for none")
    limits.add_argument("--rates", type=RATES, metavar="NAME=N,...", help="how many requests are let through, '' for the contract's")
    limits.add_argument("--texts", type=TEXTS, metavar="day=CENTS,+COUNTRY=SENDER/CENTS,...", help="where text messages go to, '' for nowhere")
    limits.add_argument("--mail-configuration", type=SET, metavar="NAME", help="the configuration set that mails go out by, '' for none")
    limits.add_argument("--receipt-rules", type=SET, metavar="NAME", help="the set of rules that mails come in by, '' for none")
    limits.add_argument("--receipt-addresses", type=ADDRESSES, metavar="ADDRESS,...", help="whose mail is taken in, '' for nobody's")
    edge = parser.add_argument_group("the edge", "one of these makes it; later they change it, and what is not named stays")
    edge.add_argument("--name", action="append", metavar="HOST", help="answered under, such as meet.example.com and *.meet.example.com")
    edge.add_argument("--certificate", metavar="ARN", help="a certificate of us-east-1 for these names")
    edge.add_argument("--own-names", choices=["true", "false"], help="whether companies may bring host names of their own")
    edge.add_argument("--firewall", choices=["true", "false"], help="whether a firewall stands before everything")
    edge.add_argument("--access-logs", choices=["true", "false"], help="whether requests are logged (true, unless said)")
    options = parser.parse_args()
    if options.unpack:
        return unpack(bundle(options.bootstrap, options.web), options.unpack)
    target, beside = Target(options.emulator), Target(options.emulator, region_name="us-east-1")
    account = target.client("sts").get_caller_identity()["Account"]
    secrets_ = keys(target, options.stack)
    parameters = {"CodeBucket": f"{options.stack}-code-{account}", "Architecture": options.architecture} | secrets_
    named = {
        "JoinConcurrency": options.join_concurrency,
        "AlarmTopic": options.alarm_topic,
        "Rates": options.rates,
        "Texts": options.texts,
        "MailConfiguration": options.mail_configuration,
        "ReceiptRules": options.receipt_rules,
        "ReceiptAddresses": options.receipt_addresses,
    }
    parameters |= {name: value for name, value in named.items() if value is not None}
    asked = {
        "Names": options.name and ",".join(options.name),
        "CertificateArn": options.certificate,
        "OwnNames": options.own_names,
        "Firewall": options.firewall,
        "AccessLogs": options.access_logs,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    stack, code = options.stack, bundle(options.bootstrap, options.web)
    try:
        before = outputs_of(beside, f"{stack}-edge")
        if before:
            # First what the new pages ask for.
            upload_assets(beside, before["Assets"], options.web)
            parameters["OwnDistribution"] = before["OwnDistribution"]
        outputs = deploy(target, stack, code, dict(parameters))
        if before is not None or asked:
            asked |= {"ApiDomain": outputs["ApiDomain"], "EdgeSecret": secrets_["EdgeSecret"]}
            made = deploy_edge(beside, f"{stack}-edge", options.web, asked)
            if made["OwnDistribution"] != parameters.get("OwnDistribution", ""):
                # The functions learn it when it is there.
                outputs = deploy(target, stack, code, parameters | {"OwnDistribution": made["OwnDistribution"]})
            outputs |= {f"Edge{name}": value for name, value in made.items()}
    except Failed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    for name, value in sorted(outputs.items()):
        print(f"{name} = {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
