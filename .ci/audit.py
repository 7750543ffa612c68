"""Look the pinned dependencies up among known vulnerabilities, with pip-audit in an environment of its own.

Fails for a known vulnerability alone. Where the data cannot be reached, it says so: then nothing is known, good or bad.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

ENVIRONMENT = Path(".audit")
AUDIT = ENVIRONMENT / "bin" / "pip-audit"
OPTIONS = ["--requirement", "requirements.txt", "--no-deps", "--disable-pip", "--format", "json"]


def main() -> None:
    if not AUDIT.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        install = [ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet", "pip-audit"]
        if subprocess.run(install, check=False).returncode:
            print("pip-audit cannot be installed from here: nothing was audited")
            return
    audit = subprocess.run([AUDIT, *OPTIONS], capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(audit.stdout)["dependencies"]
    except ValueError:
        print(audit.stderr.strip().rpartition("\n")[2])
        print("the data of known vulnerabilities cannot be reached from here: nothing was audited")
        return
    sys.exit(judged(dependencies))


def judged(dependencies: list[dict[str, object]]) -> bool:
    """Whether any dependency is known to be vulnerable; prints what was found."""
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    vulnerable = [each for each in dependencies if each.get("vulns")]
    print(f"{len(dependencies) - len(skipped)} of {len(dependencies)} dependencies were looked up")
    if skipped:
        print("not looked up, for there are no data on them here:", ", ".join(map(str, skipped)))
    for each in vulnerable:
        print(f"{each['name']} {each['version']} is vulnerable: {each['vulns']}")
    return bool(vulnerable)


if __name__ == "__main__":
    main()
