"""Write the locked packages' bill of materials, and look up their known vulnerabilities.

    make audit                           python scripts/audit.py FOLDER, with scripts/requirements/audit.txt installed
    make audit AUDIT_ARGS="-s osv"       with options for pip-audit, such as another service

FOLDER/sbom.json is CycloneDX, for all platforms, made without the network. FOLDER/vulnerabilities.json holds the
answer of pip-audit. Exit status: 0 when every package was looked up and none is vulnerable; 1 when some are
vulnerable; 2 when some could not be looked up (for example without a network), so that the result is unknown.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKED = ROOT / "scripts" / "requirements" / "locked.txt"
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


def bill_of_materials(file: Path) -> None:
    """Write the locked packages, with versions and hashes, as CycloneDX.

    Raises CalledProcessError when cyclonedx_py fails.
    """
    words = ["-W", "ignore::UserWarning", "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    words += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-format", "JSON", "--output-file", str(file)]
    subprocess.run([sys.executable, *words, str(LOCKED)], check=True)


def look_up(file: Path, options: list[str]) -> str:
    """Write pip-audit's answer to a file; return its messages.

    Without an answer pip-audit writes no file, only messages.
    """
    words = ["-m", "pip_audit", "--requirement", str(LOCKED), "--require-hashes", "--disable-pip"]
    words += ["--progress-spinner", "off", "--format", "json", "--output", str(file), *options]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def verdict(answer: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit status and the report for a service's answer on each package.

    pip-audit reports "No known vulnerabilities" also when it could not look up any package; here that is UNKNOWN.
    """
    found = [one for one in answer if one.get("vulns")]
    skipped = [one for one in answer if "skip_reason" in one]
    lines = [
        f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {_releases(vulnerability)}"
        for one in found
        for vulnerability in one["vulns"]
    ]
    if skipped:
        first = skipped[0]["skip_reason"]
        lines.append(f"Not looked up: {len(skipped)} of {len(answer)} packages. The first: {first}")
    if not answer or len(skipped) == len(answer):
        return UNKNOWN, "\n".join([*lines, "The vulnerability service answered for no package: the result is unknown."])
    if found:
        return VULNERABLE, "\n".join(lines)
    if skipped:
        return UNKNOWN, "\n".join([*lines, "None of the others has known vulnerabilities."])
    return CLEAN, f"{len(answer)} packages, no known vulnerability."


def _releases(vulnerability: dict[str, Any]) -> str:
    return " or ".join(vulnerability.get("fix_versions") or ["no release yet"])


def main(words: list[str]) -> int:
    """Run the audit; return the exit status that the module's docstring explains."""
    folder = Path(words[0])
    folder.mkdir(parents=True, exist_ok=True)
    sbom, file = folder / "sbom.json", folder / "vulnerabilities.json"
    bill_of_materials(sbom)
    print(f"{sbom}: the bill of materials (CycloneDX)")
    file.unlink(missing_ok=True)
    messages = look_up(file, words[1:])
    if not file.exists():
        last = messages.splitlines()[-1] if messages else "pip-audit ended without a message"
        print(f"The vulnerability service could not be reached, so the result is unknown: {last}", file=sys.stderr)
        return UNKNOWN
    status, report = verdict(json.loads(file.read_text())["dependencies"])
    print(report, file=sys.stdout if status == CLEAN else sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
