"""The API's description is complete and sound, and the site serves it."""

import io

import yaml
from django.core.management import call_command
from django.test import Client


def test_the_description_is_valid_and_has_no_warning() -> None:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    described = yaml.safe_load(out.getvalue())
    assert described["openapi"].startswith("3.1")
    assert {"/api/v1/orders", "/api/v1/documents", "/api/v1/verifications", "/api/v1/tickets"} <= set(
        described["paths"]
    )


def test_every_answer_that_refuses_is_described_as_a_problem() -> None:
    out = io.StringIO()
    call_command("spectacular", stdout=out)
    for address, verbs in yaml.safe_load(out.getvalue())["paths"].items():
        for verb, operation in verbs.items():
            refusals = [code for code in operation["responses"] if code >= "400"]
            assert refusals or verb == "get", f"{verb} {address} describes no refusal"
            for code in refusals:
                schema = next(iter(operation["responses"][code]["content"].values()))["schema"]
                assert schema["$ref"].endswith("/ProblemShown"), f"{verb} {address} {code}"


def test_the_site_serves_its_description(client: Client) -> None:
    assert client.get("/api/v1/schema/").status_code == 200
