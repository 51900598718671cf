"""Writes what is generated from the definitions and the exporter: three pages, the chart's copies, types and
fields, and what is printed of reasons.

`python tools/docs/generate.py` writes, `--check` only compares and exits 1 when something is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "node_exporter"), str(ROOT / "operator")]

from tools.docs import crd_types, exporter_page, reason_help, resources_page, values_page  # noqa: E402  # likewise

from sunward.domain.reasons import Reason  # noqa: E402  # found by the path above


def generated() -> dict[Path, str]:
    """Every generated file with the text it should have."""
    definitions = sorted((ROOT / "crds").glob("*.yaml"))
    copies = {ROOT / "helm/sunward/crds" / path.name: path.read_text(encoding="utf-8") for path in definitions}
    objects = ROOT / "operator/sunward/cluster/objects"
    return {
        objects / "crd_types.py": crd_types.types(definitions),
        objects / "crd_fields.py": crd_types.fields(definitions),
        ROOT / "docs/resources.md": resources_page.page(definitions),
        ROOT / "docs/exporter-metrics.md": exporter_page.page(),
        ROOT / "docs/chart-values.md": values_page.page(ROOT / "helm/sunward/values.yaml"),
        ROOT / "operator/sunward/cli/explaining/reason_help.json": reason_help.help_of(
            ROOT, frozenset(reason.value for reason in Reason)
        ),
        **copies,
    }


def main(arguments: list[str]) -> int:
    """Write or compare; says each file that differs."""
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run python tools/docs/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(generated()[path], encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
