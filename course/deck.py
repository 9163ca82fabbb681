"""The deck: the talk slide by slide, with the course's figures and verdicts, shown by reveal.js without a network.

``docs/deck/slides.md`` holds the slides in Markdown. ``{figure NAME}`` stands for a figure of the lessons,
``{verdicts SUBJECT}`` for the verdicts on what the talk says under that line, ``{summary}`` for all of them
counted.
"""

import html
import re
import shutil
from pathlib import Path

from course.claims import list_claims
from course.execution import BUILD, write_figures
from course.npm import NPM, fetch_packages
from course.readme import DOCS, verdicts_summary
from course.sections import list_figures, list_notebooks
from cs_utils.exceptions import unknown

SLIDES = DOCS / "deck" / "slides.md"
RUNTIME = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "dist/plugin/markdown.js", "dist/plugin/notes.js")
"""The files of reveal.js that are used."""
PLACE = re.compile(r"^\{(figure|verdicts|summary) ?(.*)\}$", re.MULTILINE)


def build_deck(out: Path) -> Path:
    """Write the deck into a folder; return the path of its page.

    Raises:
        CourseError: the slides name a figure or a subject that there is not, or npm is missing.
    """
    fetch_packages()
    shutil.rmtree(out, ignore_errors=True)
    (out / "reveal").mkdir(parents=True)
    for name in RUNTIME:
        shutil.copyfile(NPM / "node_modules" / "reveal.js" / name, out / "reveal" / Path(name).name)
    shutil.copyfile(DOCS / "deck" / "deck.css", out / "deck.css")
    text = SLIDES.read_text(encoding="utf-8")
    wanted = {name for kind, name in PLACE.findall(text) if kind == "figure"}
    pictures = {}
    for notebook in list_notebooks():
        for path in write_figures(notebook, out / "figures"):
            if path.stem in wanted:
                pictures[path.stem] = f"figures/{path.name}"
            else:
                path.unlink()
    text = fill_slides(text, pictures)
    page = (
        (DOCS / "deck" / "index.html").read_text(encoding="utf-8").replace("{{slides}}", html.escape(text, quote=False))
    )
    (out / "index.html").write_text(page, encoding="utf-8")
    return out / "index.html"


def fill_slides(text: str, pictures: dict[str, str]) -> str:
    """The slides with figures and verdicts in their places, in Markdown.

    Args:
        text: the slides.
        pictures: by the name of a figure, where its picture lies.

    Raises:
        CourseError: a figure or a subject is unknown.
    """

    def fill(found: re.Match) -> str:
        kind, name = found.groups()
        if kind == "summary":
            return verdicts_summary()[0]
        return list_verdicts(name) if kind == "verdicts" else show(name, pictures)

    return PLACE.sub(fill, text)


def show(figure: str, pictures: dict[str, str]) -> str:
    """A figure in Markdown."""
    if figure not in pictures:
        raise unknown("figure", figure, pictures)
    return f"![{list_figures()[figure].alts[figure]}]({pictures[figure]})"


def list_verdicts(subject: str) -> str:
    """The verdicts on the claims that stand under a line of the talk, in Markdown."""
    claims = [claim for claim in list_claims() if claim.under == subject]
    if not claims:
        raise unknown("subject", subject, {claim.under for claim in list_claims()})
    verdicts = [(claim.question, claim.verdict()) for claim in claims]
    return "\n".join(f"- {question} **{verdict.word}**: {verdict.because}" for question, verdict in verdicts)


if __name__ == "__main__":
    print(build_deck(BUILD / "deck"))
