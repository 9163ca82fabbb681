"""How Sphinx builds the site: from the stored outputs, never executing; `make site` calls it on a prepared copy."""

project = "Street scenes, pixel by pixel"
author = "the course's authors"
copyright = "text and figures CC BY 4.0, code MIT"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

myst_heading_slug_func = "course.sections.anchor_of"
nb_mime_priority_overrides = [("html", "image/png", 0), ("html", "image/jpeg", 0)]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
# Not what Matplotlib has written about its own figures.
autodoc_default_options = {"members": True, "undoc-members": False, "exclude-members": "set"}
napoleon_google_docstring = True
napoleon_use_ivar = True
default_role = "code"  # `name` in a docstring is code
suppress_warnings = ["ref.python"]  # two classes may have a field of one name

html_theme = "furo"
html_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
# The pages must work from disk without a network: MathJax lies beside them.
mathjax_path = "mathjax/tex-svg.js"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#a03b12", "color-brand-content": "#a03b12"},
    "dark_css_variables": {"color-brand-primary": "#ffab7a", "color-brand-content": "#ffab7a"},
}
