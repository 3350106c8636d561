"""The edge as the template makes it: what its function tells the API, its files, its firewall, and host names of companies'
own, from their proof to their end."""

import json
import subprocess

import deploy as deployment
import pytest
from conftest import ACCESS, ROOT
from dns_server import Dns

OWN = "meet.acme.example"
COMPANY = "first.edge.test"


@pytest.fixture(scope="module")
def edge(stack) -> dict[str, str]:
    """The edge beside the stack."""
    # The emulator knows no delivery of CloudFront's logs.
    asked = {"OwnNames": "true", "Firewall": "true", "AccessLogs": "false"}
    asked |= {"ApiDomain": stack.outputs["ApiDomain"], "EdgeSecret": stack.keys["EdgeSecret"]}
    made = deployment.deploy_edge(stack.target, "convoke-edge", ROOT / "web/dist", asked)
    again = deployment.deploy_edge(stack.target, "convoke-edge", ROOT / "web/dist", {"ApiDomain": stack.outputs["ApiDomain"]})
    assert again == made, "what is not said stays"
    return made


def visit(headers: dict[str, str], address: str) -> dict[str, str]:
    """What the distribution's function makes of a visitor's headers."""
    code = deployment.read(ROOT / "deploy/edge.yaml")["Resources"]["Visitor"]["Properties"]["FunctionCode"]
    event = {
        "viewer": {"ip": address},
        "request": {"headers": {name: {"value": value, "multiValue": [{"value": value}]} for name, value in headers.items()}},
    }
    program = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(event)}).headers))"
    made = json.loads(subprocess.run(["node", "-e", program], check=True, capture_output=True, text=True).stdout)
    # Of a header with several values, all would be sent.
    return {name: ",".join(value["value"] for value in header.get("multiValue", [header])) for name, header in made.items()}


def test_a_visitor_can_name_neither_tenant_nor_address_nor_prove_to_be_the_edge():
    told = visit(
        {"host": "acme.demo.test", "x-convoke-host": "other.demo.test", "x-convoke-client": "192.0.2.1", "x-convoke-edge": "guess"},
        "2001:db8::7",
    )
    assert told == {"host": "acme.demo.test", "x-convoke-host": "acme.demo.test", "x-convoke-client": "2001:db8::7"}


def test_both_distributions_prove_themselves_and_keep_nothing_but_files(stack, edge):
    cloudfront = stack.target.client("cloudfront")
    distributions = cloudfront.list_distributions()["DistributionList"]["Items"]
    ids = {item["Id"]: item["DomainName"] for item in distributions}
    assert edge["OwnDistribution"] in ids and edge["Host"] in ids.values()
    for name in ids:
        config = cloudfront.get_distribution_config(Id=name)["DistributionConfig"]
        origins = {origin["Id"]: origin for origin in config["Origins"]["Items"]}
        assert origins["functions"]["CustomHeaders"]["Items"] == [
            {"HeaderName": "x-convoke-edge", "HeaderValue": stack.keys["EdgeSecret"]}
        ]
        assert origins["files"]["OriginAccessControlId"]
        assert config["DefaultCacheBehavior"]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        assert [item["EventType"] for item in config["DefaultCacheBehavior"]["FunctionAssociations"]["Items"]] == ["viewer-request"]
        assert [behaviour["PathPattern"] for behaviour in config["CacheBehaviors"]["Items"]] == ["/assets/*"]
        assert config["WebACLId"], "the firewall stands before it"


def test_the_static_files_are_there_as_what_they_are(stack, edge):
    s3 = stack.target.client("s3")
    there = s3.list_objects_v2(Bucket=edge["Assets"])["Contents"]
    built = {file.relative_to(ROOT / "web/dist").as_posix() for file in (ROOT / "web/dist/assets").rglob("*") if file.is_file()}
    assert {entry["Key"] for entry in there} == built
    script = next(key for key in built if key.endswith(".js"))
    head = s3.head_object(Bucket=edge["Assets"], Key=script)
    assert (head["ContentType"], head["CacheControl"]) == ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable")


def test_no_log_of_the_edge_or_the_gateway_can_hold_a_secret(stack):
    resources = deployment.read(ROOT / "deploy/edge.yaml")["Resources"]
    for delivery in ("LogDelivery", "OwnLogDelivery"):
        fields = set(resources[delivery]["Properties"]["RecordFields"])
        assert not fields & {"cs-uri-stem", "cs-uri-query", "cs(Cookie)", "cs(Referer)", "c-ip", "x-forwarded-for"}
    assert '"SampledRequestsEnabled": true' not in json.dumps(resources)
    stage = deployment.read(ROOT / "template.yaml")["Resources"]["Stage"]["Properties"]["AccessLogSettings"]
    logged = set(json.loads(stage["Format"]).values())
    assert logged == {f"$context.{name}" for name in
                      ("requestId", "requestTimeEpoch", "routeKey", "status", "responseLength", "responseLatency", "integrationErrorMessage")}


@pytest.fixture(scope="module")
def dns(stack, edge):
    """A DNS server that the functions look for proofs at, and the distribution that they make tenants of. A parameter of the
    stack names that one; the emulator cannot update a nested stack (it loses the log groups' ARNs), so here it is set by hand."""
    server, functions = Dns(), stack.target.client("lambda")
    for handler in ("operator-domain", "domain-advance"):
        name = stack.functions[handler]["FunctionName"]
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        assert variables["CONVOKE_OWN_DISTRIBUTION"] == ""
        told = {"CONVOKE_OWN_DISTRIBUTION": edge["OwnDistribution"], "CONVOKE_DNS": server.address}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables | told})
    yield server
    server.shutdown()


def test_a_companys_own_name_from_its_proof_to_its_end(stack, edge, dns):
    stack.invoke(
        "operator-init",
        {
            "reseller": {"name": "Edge", "domain": "edge.test"},
            "company": {"subdomain": "first", "name": "First"},
            "admin": {"name": "Admin", "email": "admin@edge.test", "password": "Sup3rSecret!"},
        },
    )
    acm, cloudfront = stack.target.client("acm"), stack.target.client("cloudfront")

    def operate(action: str) -> list[dict]:
        return stack.invoke("operator-domain", {"action": action, "name": OWN, "company": COMPANY})["domains"]

    def certificates() -> list[str]:
        listed = acm.list_certificates()["CertificateSummaryList"]
        return [entry["CertificateArn"] for entry in listed if entry["DomainName"] == OWN]

    added = operate("add")[0]
    proof = added["records"][0]
    assert (added["state"], proof["type"], proof["name"]) == ("unproven", "TXT", f"_convoke.{OWN}")
    assert stack.call("GET", "/login", OWN).status_code == 404
    assert operate("verify")[0]["state"] == "unproven" and certificates() == []

    dns.texts[proof["name"]] = [proof["value"]]
    served = operate("verify")[0]
    assert served["state"] == "serving", served
    assert certificates() == [served["certificate"]]
    tenant = cloudfront.get_distribution_tenant_by_domain(Domain=OWN)["DistributionTenant"]
    assert (tenant["Id"], tenant["DistributionId"]) == (served["place"], edge["OwnDistribution"])
    assert tenant["Customizations"]["Certificate"]["Arn"] == served["certificate"]
    group = cloudfront.get_connection_group(Identifier=tenant["ConnectionGroupId"])["ConnectionGroup"]
    assert {"type": "CNAME", "name": OWN, "value": group["RoutingEndpoint"]} in served["records"]
    assert stack.call("GET", "/login", OWN).ok
    assert set(stack.invoke("domain-advance", {})) == {"looked", "serving", "gone"}

    # CloudFront lets go of a tenant in two steps; the second is the schedule's, or the next look's.
    operate("remove")
    for _ in range(3):
        left = operate("remove")
    assert left == [] and certificates() == []
    with pytest.raises(cloudfront.exceptions.EntityNotFound):
        cloudfront.get_distribution_tenant_by_domain(Domain=OWN)
