"""`limner oidc check`, and the file that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from limner.cli.oidc import oidc
from limner.config import Settings
from limner.errors import InvalidFile, InvalidInput, LimnerError, NotFound
from limner.oidc import read_providers
from limner.service.accounts import open_accounts
from limner.store.projects import create_project
from tests.provider import FakeProvider, provider

Check = Callable[..., Result]


@pytest.fixture
def company() -> Iterator[FakeProvider]:
    with provider() as made:
        yield made


@pytest.fixture
def check(tmp_path: Path, company: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path))
    monkeypatch.setenv("COMPANY_SECRET", "a secret")

    def check(*arguments: str, more: str = 'client_secret_env = "COMPANY_SECRET"') -> Result:
        (tmp_path / "oidc.toml").write_text(
            f'[company]\nlabel = "Company"\nissuer = "{company.issuer}"\nclient_id = "limner"\n{more}\n'
        )
        return CliRunner().invoke(oidc, ["check", *arguments])

    return check


def test_a_good_provider_and_what_to_register_there(check: Check) -> None:
    result = check("--address", "https://limner.example.org/x/")
    assert result.exit_code == 0, result.output
    assert "WRONG" not in result.output
    assert "it has 1 key" in result.output
    assert "redirect URI https://limner.example.org/x/login/company\n" in result.output
    assert "post-logout redirect URI https://limner.example.org/x/login\n" in result.output
    assert "a secret was found" in result.output


@pytest.mark.parametrize(
    ("metadata", "more", "said"),
    [
        ({"issuer": "https://elsewhere.example"}, "", "calls itself 'https://elsewhere.example'"),
        ({"jwks_uri": "https://localhost:1/"}, "", "https://localhost:1/: ConnectionRefusedError"),
        ({}, "", "give client_secret_file or client_secret_env"),
        ({}, 'client_secret_env = "NOT_SET"', "NOT_SET does not hold the secret"),
        ({}, 'client_secret_file = "/not/there"', "/not/there"),
        (
            {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
            'client_secret_env = "COMPANY_SECRET"',
            "knows clients by private_key_jwt",
        ),
        ({"code_challenge_methods_supported": ["plain"]}, "", "PKCE"),
        ({"response_types_supported": ["id_token"]}, "", "authorization code flow"),
        ({"scopes_supported": ["openid"]}, "", "profile, email"),
    ],
)
def test_what_is_wrong_is_said(
    check: Check, company: FakeProvider, metadata: dict[str, object], more: str, said: str
) -> None:
    company.metadata = metadata
    result = check(more=more)
    assert result.exit_code == 1
    wrong = [line for line in result.output.splitlines() if "WRONG" in line]
    assert any(said in line for line in wrong), result.output


def test_projects_in_which_claims_give_roles_have_to_be_there_once(check: Check, tmp_path: Path) -> None:
    more = """client_secret_env = "COMPANY_SECRET"
role_claim = "groups"
project_roles = [
  { value = "cats", project = "Cats", role = "annotator" },
  { value = "dogs", project = "Dogs", role = "annotator" },
  { value = "birds", project = 7, role = "viewer" },
]"""
    names = ["Cats", "Dogs", "Dogs"]
    with open_accounts(Settings(home=tmp_path)) as database, database.write() as session:
        for name in names:
            create_project(session, name)
    result = check(more=more)
    assert result.exit_code == 1
    wrong = [line.strip() for line in result.output.splitlines() if "WRONG" in line]
    assert wrong == [
        "WRONG: project_roles for the value 'dogs': 2 projects are called 'Dogs'. Use an id: 2, 3.",
        "WRONG: project_roles for the value 'birds': There is no project 7. There are: 1 'Cats', 2 'Dogs', 3 'Dogs'.",
    ]
    good = check(more=more.replace('"Dogs"', "3").replace("7", '"Cats"'))
    assert good.exit_code == 0, good.output
    assert "the projects in which its claims give roles are here" in good.output


def test_a_provider_that_is_down_or_no_provider_at_all_is_said(check: Check, company: FakeProvider) -> None:
    company.status = 301
    assert "it answered 301" in check().output
    assert isinstance(check("nobody").exception, NotFound)


def test_no_file_is_no_provider_but_a_named_one_must_be_there(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "empty"))
    assert isinstance(CliRunner().invoke(oidc, ["check"]).exception, InvalidInput)
    monkeypatch.setenv("LIMNER_OIDC_FILE", str(tmp_path / "gone.toml"))
    assert isinstance(CliRunner().invoke(oidc, ["check"]).exception, InvalidFile)


GOOD = {"label": '"Company"', "issuer": '"https://id.example.org"', "client_id": '"limner"'}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": None}, "'issuer' of [company]"),
        ({"issuer": '"http://id.example.org"'}, "https://"),
        ({"issuer": '"https://id.example.org/?a=b"'}, "question mark"),
        ({"lable": '"typo"'}, "'lable'"),
        ({"scopes": '["email"]'}, "openid"),
        ({"domains": '["*.example.org"]'}, "no domain"),
        ({"invited": "false"}, "nobody may sign in"),
        ({"role_claim": '"groups"'}, "need each other"),
        ({"role_claim": '"groups"', "roles": '{ a = "manager" }'}, "'owner' or 'member'"),
        ({"project_roles": '[{ value = "a", project = "Cats", role = "viewer" }]'}, "need each other"),
        ({"role_claim": '"g"', "project_roles": '[{ value = "a", project = "Cats", role = "owner" }]'}, "'manager', "),
        ({"role_claim": '"g"', "project_roles": '[{ value = "a", project = 0, role = "viewer" }]'}, "project_roles.0"),
        ({"role_claim": '"g"', "project_roles": '[{ project = "Cats", role = "viewer" }]'}, "project_roles.0.value"),
        ({"role_claim": '"g"', "project_roles": '{ a = "viewer" }'}, "'project_roles'"),
        ({"client_secret_env": '"A"', "client_secret_file": '"b"'}, "not both"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    lines = {**GOOD, **changes}
    path = tmp_path / "oidc.toml"
    path.write_text("[company]\n" + "\n".join(f"{name} = {value}" for name, value in lines.items() if value))
    with pytest.raises(LimnerError) as refused:
        read_providers(path, path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("text", ["[company", 'label = "outside"', "[Company]\nlabel = 'x'", "[a-]\nlabel = 'x'"])
def test_a_file_that_is_no_list_of_providers_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "oidc.toml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=r"oidc\.toml"):
        read_providers(path, path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidFile, match="cannot be read"):
        read_providers(path, path)
