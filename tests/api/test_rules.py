"""Addresses are built as werkzeug builds them, and compiled when they are first asked for."""

from flask import Flask, url_for
from werkzeug.routing import Rule

from limner.api.rules import LazyRule


def application(rule_class: type[Rule]) -> Flask:
    app = Flask("addresses", static_folder=None)
    app.url_rule_class = rule_class
    for endpoint, rule in (("one", "/projects/<int:project_id>"), ("all", "/projects"), ("file", "/files/<path:name>")):
        app.add_url_rule(rule, endpoint, lambda **_: "")
    return app


def built(app: Flask) -> list[str]:
    with app.test_request_context():
        return [
            url_for("one", project_id=7),
            url_for("one", project_id=7, order="name", state=["waiting", "approved"]),
            url_for("all", _anchor="last", _external=True),
            url_for("file", name="a folder/ä&b.jpg", download=1),
        ]


def test_addresses_are_those_of_werkzeug() -> None:
    assert built(application(LazyRule)) == built(application(Rule))


def test_nothing_is_compiled_before_an_address_is_built(monkeypatch) -> None:
    compiled = []
    compile_builder = Rule._compile_builder

    def watched(rule: Rule, append_unknown: bool = True):
        compiled.append((rule.endpoint, append_unknown))
        return compile_builder(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", watched)
    app = application(LazyRule)
    assert app.test_client().get("/projects/3").status_code == 200
    assert compiled == []
    with app.test_request_context():
        assert url_for("one", project_id=7) == url_for("one", project_id=7) == "/projects/7"
    assert compiled == [("one", True)]
