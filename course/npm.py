"""What site and deck serve from other projects: MathJax, reveal.js and the runtime of the live page, from npm."""

import shutil
import subprocess

from course.execution import BUILD
from course.readme import DOCS
from cs_utils.exceptions import CourseError

NPM = BUILD / "npm"


def fetch_packages() -> None:
    """Fetch what ``docs/package-lock.json`` pins into ``build/npm``, unless it is there.

    Raises:
        CourseError: there is no npm, or it has failed.
    """
    lock = (DOCS / "package-lock.json").read_bytes()
    done = NPM / "fetched.json"
    if done.exists() and done.read_bytes() == lock:
        return
    if not (npm := shutil.which("npm")):
        raise CourseError("npm is missing: the site serves its runtime from npm packages; install Node.js")
    NPM.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(DOCS / name, NPM / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, cwd=NPM, check=False).returncode:  # noqa: S603 (our own words)
        raise CourseError("npm could not fetch the packages of docs/package-lock.json: is there a network?")
    done.write_bytes(lock)
