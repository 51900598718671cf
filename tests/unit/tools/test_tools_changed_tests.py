"""Which tests `make test-changed` runs for a change."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
TREE = {
    "operator/shop/__init__.py": "",
    "operator/shop/price.py": "TAX = 1",
    "operator/shop/bill.py": "from shop.price import TAX",
    "operator/shop/post.py": "def send():\n    from shop import bill\n    return bill",
    "operator/shop/name.py": "",
    "tests/conftest.py": "",
    "tests/support/world.py": "import shop.post\nFILE = 'crds/order.yaml'",
    "tests/unit/test_price.py": "from shop.price import TAX",
    "tests/unit/test_bill.py": "import shop.bill",
    "tests/unit/test_world.py": "from support import world",
    "tests/unit/test_name.py": "from shop import name",
    "tests/unit/test_docs.py": "PAGE = ROOT / 'docs' / 'shop.md'",
    "tests/contract/test_tree.py": "",
}
CONTRACT = "test_tree"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("changed_tests", ROOT / "tools" / "changed_tests.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("operator/shop/price.py", {"test_price", "test_bill", "test_world"}),
        ("operator/shop/bill.py", {"test_bill", "test_world"}),
        ("operator/shop/post.py", {"test_world"}),
        ("operator/shop/__init__.py", {"test_price", "test_bill", "test_world", "test_name"}),
        ("operator/shop/deleted.py", set()),
        ("tests/unit/test_name.py", {"test_name"}),
        ("crds/order.yaml", {"test_world"}),
        ("crds/new.yaml", {"test_world"}),
        ("docs/shop.md", {"test_docs"}),
        ("pyproject.toml", {"test_price", "test_bill", "test_world", "test_name", "test_docs"}),
    ],
)
def test_a_change_reaches_what_imports_or_names_it(
    tool: ModuleType, checkout: Path, changed: str, tests: set[str]
) -> None:
    found = tool.reached(tool.read_tree(checkout), [changed])
    assert {Path(path).stem for path in found} == tests | {CONTRACT}


def test_what_a_deleted_module_was_imported_by_is_reached(tool: ModuleType, checkout: Path) -> None:
    (checkout / "operator/shop/price.py").unlink()
    found = tool.reached(tool.read_tree(checkout), ["operator/shop/price.py"])
    assert "tests/unit/test_price.py" in found


def test_without_a_change_nothing_is_reached(tool: ModuleType, checkout: Path) -> None:
    assert tool.reached(tool.read_tree(checkout), []) == set()


def test_every_source_folder_is_on_the_import_path(tool: ModuleType, pytestconfig: pytest.Config) -> None:
    assert set(tool.SOURCES) == {Path(path).name for path in pytestconfig.getini("pythonpath")}


def test_changes_are_those_since_the_fork_committed_or_not(tool: ModuleType, checkout: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=checkout, check=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    git("checkout", "-q", "-b", "work")
    (checkout / "operator/shop/price.py").write_text("TAX = 2", encoding="utf-8")
    git("commit", "-q", "-a", "-m", "b")
    git("mv", "operator/shop/bill.py", "operator/shop/invoice.py")
    (checkout / "new.txt").write_text("", encoding="utf-8")
    assert set(tool.changed_paths(checkout, "main")) == {
        "operator/shop/price.py",
        "operator/shop/bill.py",
        "operator/shop/invoice.py",
        "new.txt",
    }
