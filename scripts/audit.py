"""Write the locked set's bill of materials, and ask which of its packages have known vulnerabilities.

    make audit                               (python scripts/audit.py FOLDER; needs scripts/requirements/audit.txt
    installed) make audit AUDIT_ARGS="-s osv"           what follows is for pip-audit, such as another service

FOLDER/sbom.json is CycloneDX, of all platforms, made without the network. FOLDER/vulnerabilities.json holds the answer
of pip-audit. Exit status: 0 when every package was looked up and none is vulnerable; 1 when some are; 2 when some
or all could not be looked up, as without a network: that is no finding, and no clean bill either.
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
    """Write what is locked, with versions and hashes, as CycloneDX. Raises CalledProcessError when that fails."""
    words = ["-W", "ignore::UserWarning", "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    words += ["--pyproject", str(ROOT / "pyproject.toml"), "--output-format", "JSON", "--output-file", str(file)]
    subprocess.run([sys.executable, *words, str(LOCKED)], check=True)


def look_up(file: Path, options: list[str]) -> str:
    """Write pip-audit's answer to a file; return what it reported, which is all there is when it got no answer."""
    words = ["-m", "pip_audit", "--requirement", str(LOCKED), "--require-hashes", "--disable-pip"]
    words += ["--progress-spinner", "off", "--format", "json", "--output", str(file), *options]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def verdict(answer: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit status and the report for what a service said of each package.

    pip-audit reports "No known vulnerabilities" also when it could look up no package at all; here that is no answer.
    """
    found = [one for one in answer if one.get("vulns")]
    skipped = [one for one in answer if "skip_reason" in one]
    lines = [
        f"{one['name']} {one['version']}: {vulnerability['id']}, mended in {_releases(vulnerability)}"
        for one in found
        for vulnerability in one["vulns"]
    ]
    if skipped:
        first = skipped[0]["skip_reason"]
        lines.append(f"Not looked up: {len(skipped)} of {len(answer)} packages. The first: {first}")
    if not answer or len(skipped) == len(answer):
        return UNKNOWN, "\n".join([*lines, "The vulnerability service answered for no package: nothing is known."])
    if found:
        return VULNERABLE, "\n".join(lines)
    if skipped:
        return UNKNOWN, "\n".join([*lines, "None of the others has known vulnerabilities."])
    return CLEAN, f"{len(answer)} packages, no known vulnerability."


def _releases(vulnerability: dict[str, Any]) -> str:
    return " or ".join(vulnerability.get("fix_versions") or ["no release yet"])


def main(words: list[str]) -> int:
    """Return the exit status that the module's docstring explains."""
    folder = Path(words[0])
    folder.mkdir(parents=True, exist_ok=True)
    sbom, file = folder / "sbom.json", folder / "vulnerabilities.json"
    bill_of_materials(sbom)
    print(f"{sbom}: the bill of materials (CycloneDX)")
    file.unlink(missing_ok=True)
    said = look_up(file, words[1:])
    if not file.exists():
        last = said.splitlines()[-1] if said else "pip-audit ended without a word"
        print(f"The vulnerability service could not be reached, so nothing is known: {last}", file=sys.stderr)
        return UNKNOWN
    status, report = verdict(json.loads(file.read_text())["dependencies"])
    print(report, file=sys.stdout if status == CLEAN else sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
