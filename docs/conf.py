"""The documentation's site: `sphinx-build -W docs OUT`, with tabgraft installed. Nothing is fetched."""

import atexit
import os
import pathlib
import re
import shutil
import tempfile

import tabgraft

project = "tabgraft"
author = "the tabgraft authors"
release = version = tabgraft.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["schema"]
myst_heading_anchors = 4
napoleon_google_docstring = False
autodoc_member_order = "bysource"
html_theme = "pydata_sphinx_theme"
html_title = "tabgraft"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False, "secondary_sidebar_items": ["page-toc"]}
html_copy_source = True
html_sourcelink_suffix = ""
html_show_sphinx = False
# Where pictures are made, which are no part of the repository.
pictures = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, pictures, ignore_errors=True)
html_static_path = [str(pictures), "assets"]
html_css_files = ["site.css"]
# Pages that stand alone have nothing to list beside them.
html_sidebars = {name: [] for name in ["index", "examples", "api", "benchmarks", "gallery", "promises", "format", "upgrading", "changes"]}


def gallery(app):
    """Runs the blocks of the gallery, which write its pictures."""
    import matplotlib

    matplotlib.use("agg")
    docs = pathlib.Path(app.srcdir)
    text = (docs / "gallery.md").read_text(encoding="utf-8")
    shutil.copy(docs.parent / "fixtures" / "german_credit.csv", pictures / "credit.csv")
    program = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    before = os.getcwd()
    os.chdir(pictures)
    try:
        exec(compile(program, "gallery.md", "exec"), {})
    finally:
        os.chdir(before)
    (pictures / "credit.csv").unlink()


def twins(app, error):
    """Beside each page its text as Markdown, and `llms.txt`, which lists them."""
    if error or app.builder.format != "html":
        return
    out, lines = pathlib.Path(app.outdir), []
    for name in sorted(app.env.found_docs):
        text = pathlib.Path(app.env.doc2path(name)).read_text(encoding="utf-8")
        twin = out / f"{name}.md"
        twin.parent.mkdir(parents=True, exist_ok=True)
        twin.write_text(text, encoding="utf-8")
        title = app.env.titles[name].astext()
        lines.append(f"- [{title}]({name}.md)")
    head = "# tabgraft\n\n> Grows a trained embedding space of a table by grafting new columns onto it.\n\n"
    (out / "llms.txt").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def setup(app):
    app.connect("builder-inited", gallery)
    app.connect("build-finished", twins)
