"""Gates find what they are there for, and the bill of materials holds what is locked."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.tree.static_gates import SAFETY_PACKAGE, secrets, secrets_in

ROOT = Path(__file__).parents[3]
LOCK = """# comment
first-one==1.2.3 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
Second.One==4.5 ; python_version < "3.13" \\
    --hash=sha256:{a}
""".format(a="a" * 64, b="b" * 64)


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sbom"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN EC " + "PRIVATE KEY-----\n" + "A" * 48, "private key"),
        ("key = AKIA" + "ABCDEFGHIJKLMNOP", "cloud key"),
        ("ghp_" + "a1" * 18, "code host token"),
        ("url: https://user:" + "hunter2hunter2@host.org", "password in an address"),
        ('api_key = "' + "0123456789abcdef" + '"', "password in a setting"),
    ],
)
def test_what_looks_like_a_secret_is_found(text: str, kind: str) -> None:
    assert list(secrets_in(text)) == [kind]


@pytest.mark.parametrize(
    "text", ["password: null", "secret: {name: token}", "https://example.org:8443/path", "sk-short"]
)
def test_what_only_speaks_of_secrets_is_not(text: str) -> None:
    assert list(secrets_in(text)) == []


def test_the_repository_holds_no_secret() -> None:
    assert secrets() == []


def test_every_file_of_the_safety_package_is_there() -> None:
    assert [name for name in SAFETY_PACKAGE if not (ROOT / "operator" / "sunward" / name).exists()] == []


def test_a_bill_names_every_locked_package_with_its_hashes(sbom: ModuleType) -> None:
    made = sbom.bill("operator", LOCK, "0.1.0")
    urls = [(one["purl"], len(one["hashes"])) for one in made["components"]]
    assert urls == [("pkg:pypi/first-one@1.2.3", 2), ("pkg:pypi/second-one@4.5", 1)]


@pytest.mark.parametrize("image", ["operator", "exporter", "agent", "trainer"])
def test_every_image_has_its_bill(sbom: ModuleType, image: str) -> None:
    lock = (ROOT / "requirements" / f"{image}.txt").read_text()
    assert len(sbom.bill(image, lock, "0")["components"]) == sum("==" in line for line in lock.splitlines())
