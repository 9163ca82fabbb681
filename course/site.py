"""The site: lessons, verdicts, figures, API, deck and live page, built by Sphinx from stored outputs, never executing.

The pages work without a network: what they use of other projects lies beside them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from course.deck import build_deck
from course.execution import BUILD, write_figures
from course.live import build_live
from course.npm import NPM, fetch_packages
from course.readme import DOCS
from course.sections import list_figures, list_notebooks, list_solutions
from cs_utils.exceptions import CourseError
from cs_utils.settings import ROOT

SITE = BUILD / "site"
SOURCE = BUILD / "site-source"
PAGES = {
    ROOT / "README.md": "index.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "CHANGELOG.md": "changes.md",
    ROOT / "LICENSE-CC-BY-4.0.md": "license.md",
    ROOT / "LICENSE": "license.md",
    ROOT / "data" / "README.md": "data.md",
    ROOT / "results" / "README.md": "results.md",
    ROOT / "results" / "weights": "models.md",
    ROOT / "notebooks" / "solutions": "solutions.md",
}
"""Where the site has what lies outside of docs/ and is no notebook; a page of this name in docs/ comes first."""
PORT = 8000
"""Where `serve_site` shows it on this machine."""
PACKAGES = {"cs_utils": "The helper package", "minicity": "The street generator"}


def build_site() -> Path:
    """Build the whole site into ``build/site``.

    Raises:
        CourseError: npm is missing, or Sphinx has found something to warn of.
    """
    fetch_packages()
    prepare_source()
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(SOURCE), str(SITE)]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 (our own words)
        raise CourseError("the site could not be built: see the warnings above")
    shrink_pictures(SITE)
    build_deck(SITE / "deck")
    build_live(SITE / "live", NPM / "node_modules" / "onnxruntime-web" / "dist")
    return SITE


def shrink_pictures(site: Path) -> None:
    """Store the JPEG pictures of Sphinx's pages as WebP, which takes less than half. The notebooks keep their own."""
    for picture in (site / "_images").glob("*.jpg"):
        with Image.open(picture) as image:
            image.save(picture.with_suffix(".webp"), quality=76, method=6)
        picture.unlink()
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r'(_images/[^"/]+)\.jpg"', r'\1.webp"', text), encoding="utf-8")


def prepare_source() -> None:
    """Lay out what Sphinx reads: the pages of docs/, copies of the notebooks, and the pages that are generated."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(DOCS, SOURCE, ignore=shutil.ignore_patterns("live", "deck", "package*.json"))
    (SOURCE / "_static" / "mathjax").mkdir(parents=True)
    shutil.copyfile(NPM / "node_modules" / "mathjax" / "es5" / "tex-svg.js", SOURCE / "_static/mathjax/tex-svg.js")
    texts = [*list_notebooks(), *list_solutions(), *DOCS.glob("*.md"), *list_cards()]
    for path in [*texts, *(path for path, page in PAGES.items() if path.is_file() and page != "index.md")]:
        target = SOURCE / page_of(path)
        if path.suffix:  # LICENSE is told of by the page of the other licence
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(read_page(path), encoding="utf-8")
    (SOURCE / "solutions.md").write_text(solutions_page(), encoding="utf-8")
    (SOURCE / "models.md").write_text(models_page(), encoding="utf-8")
    (SOURCE / "figures.md").write_text(gallery_page(SOURCE / "_images_of_lessons"), encoding="utf-8")
    (SOURCE / "api.md").write_text(api_page(), encoding="utf-8")
    for package in PACKAGES:
        (SOURCE / f"api-{package}.md").write_text(package_page(package), encoding="utf-8")


def list_cards() -> list[Path]:
    """The model cards."""
    return sorted(path for folder in ("weights", "twins") for path in (ROOT / "results" / folder).glob("*.md"))


def page_of(path: Path) -> str | None:
    """Where the site has a file or folder of the repository, seen from the site's root; None: nowhere."""
    if path in PAGES:
        return PAGES[path]
    if path.suffix == ".ipynb":
        return f"lessons/{path.relative_to(ROOT / 'notebooks').as_posix()}"
    if path in list_cards():
        return f"models/{path.name}"
    return path.relative_to(DOCS).as_posix() if path.is_relative_to(DOCS) else None


def read_page(path: Path) -> str:
    """The text of a file, its links turned by `link_pages`; in a notebook those of the prose."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return link_pages(text, path)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = link_pages("".join(cell["source"]), path)
        elif alt := cell["metadata"].get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
    return json.dumps(notebook, ensure_ascii=False)


def link_pages(text: str, path: Path) -> str:
    """The text of a file with its links to other files of the repository turned to the site's pages.

    What the site does not have is named without a link.
    """
    here = Path(page_of(path)).parent

    def turn(found: re.Match) -> str:
        words, target, anchor = found.groups()
        if target.startswith("http"):
            return found[0]
        page = page_of((path.parent / target).resolve())
        return f"[{words}]({Path(os.path.relpath(page, here)).as_posix()}{anchor})" if page else words

    return re.sub(r"\[([^\]]*)\]\(([^)#\s]+)((?:#[^)\s]*)?)\)", turn, text)


def models_page() -> str:
    """The page that lists the model cards."""
    entries = "\n".join(f"models/{path.stem}" for path in list_cards())
    words = "What the networks that come with the course were trained on, what they reach, and what they cannot do."
    return f"# Model cards\n\n{words}\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"


def solutions_page() -> str:
    """The page that lists the solutions."""
    entries = "\n".join(f"lessons/solutions/{path.stem}" for path in list_solutions())
    return f"# Solutions\n\nTry the exercises first.\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"


def gallery_page(folder: Path) -> str:
    """The page that shows every figure, with the command that draws it again; the pictures are written to a folder."""
    pictures = {path.stem: path for notebook in list_notebooks() for path in write_figures(notebook, folder)}
    lines = ["# Figures", "", "Each figure can be drawn again, with your data, by the command under it.", ""]
    lesson = None
    for name, section in list_figures().items():
        if section.notebook != lesson:
            lesson = section.notebook
            lines += [f"## {title_of(lesson)}", ""]
        if name in pictures:
            lines += [
                "```{figure} " + f"{folder.name}/{pictures[name].name}",
                f":alt: {section.alts[name]}",
                "",
                f"[{section.title}](lessons/{lesson.stem}.ipynb)",
                "```",
                "",
                f"`python -m cs_utils figure {name}`",
                "",
            ]
    return "\n".join(lines)


def title_of(notebook: Path) -> str:
    """The heading of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ").strip()


def api_page() -> str:
    """The page that leads to the packages' own pages."""
    entries = "\n".join(f"api-{package}" for package in PACKAGES)
    return f"# API\n\nMade from the docstrings.\n\n```{{toctree}}\n:maxdepth: 2\n\n{entries}\n```\n"


def package_page(package: str) -> str:
    """The page of a package: every module with its docstrings."""
    lines = [f"# {PACKAGES[package]}: `{package}`", ""]
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__main__":
            continue
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        lines += [f"## `{module}`", "", "```{eval-rst}", f".. automodule:: {module}", "```", ""]
    return "\n".join(lines)


def serve_site() -> None:
    """Show ``build/site`` at an address of this machine, with the headers that WebAssembly's threads need."""
    handler = partial(Isolated, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{PORT}/index.html (Ctrl-C ends it)", flush=True)
        server.serve_forever()


class Isolated(SimpleHTTPRequestHandler):
    """Serves files with the headers that isolate a page from others: only then may its threads share memory."""

    def end_headers(self) -> None:
        """Add the two headers."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve_site()
    else:
        print(build_site() / "index.html")
