"""docs/configuration.md says what the settings read: the same variables, the same defaults."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
READERS = {"text", "number", "flag", "words", "database", "mail"}
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def _calls() -> dict[str, ast.Call]:
    """Every `env.text("NAME", …)` and its like in the settings, by name."""
    found = {}
    for path in sorted((CHECKOUT / "meterai" / "settings").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_reader(node.func):
                assert isinstance(node.args[0], ast.Constant), f"{path.name}: a name that is no constant"
                found[node.args[0].value] = node
    return found


def _is_reader(function: ast.expr) -> bool:
    names = ast.unparse(function).split(".")
    return names[0] == "env" and names[-1] in READERS


def _page() -> dict[str, str]:
    """The defaults in the first table of the page, by name."""
    text = (CHECKOUT / "docs" / "configuration.md").read_text()
    rows = ROW.findall(text.partition("## Which settings")[0])
    return {name: default for name, default, _meaning in rows}


def _default(call: ast.Call) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == "default"), None)


def test_every_variable_that_is_read_is_on_the_page_and_no_other() -> None:
    assert len(_calls()) > 20
    assert set(_page()) == set(_calls())


def test_a_variable_is_called_required_exactly_when_it_has_no_default() -> None:
    required = {name for name, call in _calls().items() if _default(call) is None and call.func.attr != "words"}
    assert {name for name, default in _page().items() if default.startswith("required")} == required


def test_a_default_on_the_page_is_the_default_in_the_code() -> None:
    page, wrong = _page(), {}
    for name, call in _calls().items():
        default = _default(call)
        if default is None:
            continue
        wanted = _words(default)
        if not wanted or any(word not in page[name] for word in wanted):
            wrong[name] = (page[name], wanted)
    assert not wrong


def _words(default: ast.expr) -> list[str]:
    """What the page must name: the value itself, or the texts in an expression such as `str(BASE_DIR / "static")`."""
    try:
        value = eval(compile(ast.Expression(default), "default", "eval"), {"__builtins__": {}})
    except NameError:
        return [node.value for node in ast.walk(default) if isinstance(node, ast.Constant)]
    return [str(value) or "empty"]


def test_one_error_names_every_variable_that_is_missing() -> None:
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "meterai.settings.testing"}
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    done = subprocess.run(
        command, check=False, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    # The sandbox is the default gateway; the others ask for theirs only where GATEWAYS names them.
    required = {name for name, default in _page().items() if default in ("required", "required with `sandbox`")}
    assert {name for name in required if f"{name} " not in done.stderr} == set()


def test_each_gateway_asks_for_what_it_needs_and_an_unknown_one_is_refused() -> None:
    gateways = ["midtrans", "xendit", "doku", "transfer"]
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "meterai.settings.testing"}
    environment["GATEWAYS"] = ",".join([*gateways, "nobody"])
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    done = subprocess.run(
        command, check=False, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60
    )
    needed = {f"required with `{name}`" for name in gateways}
    required = {name for name, default in _page().items() if default in needed}
    assert len(required) == 8
    assert {name for name in required if f"{name} " not in done.stderr} == set()
    assert "GATEWAYS names nobody" in done.stderr
