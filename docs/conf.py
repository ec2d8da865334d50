"""The manual: `make docs` builds it from these pages, from the C++ header (Doxygen), the Python package (autodoc) and the
Swift module (DocC); `make generate` writes the pages on the C header. Nothing that a page needs lies outside of the site.
"""

import os
import sys
from pathlib import Path

import batching

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "extensions"))

project = "Batching"
author = "the authors of Batching"
copyright = author  # noqa: A001 # Sphinx calls it so.
version = release = batching.__version__

extensions = [
    "breathe",
    "myst_parser",
    "sphinx.ext.autodoc",
    "public_names",
]
exclude_patterns = ["extensions", "tools"]
nitpicky = True
# Functions and fields in the list of pages would make each page several times as long to build.
toc_object_entries = False

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
# Headings to the third level are targets of links.
myst_heading_anchors = 3

# --- C++ and C --------------------------------------------------------------------------------------------------------

breathe_projects = {"batching": os.environ["BATCHING_DOXYGEN"]}
breathe_default_project = "batching"
breathe_domain_by_extension = {"hpp": "cpp"}
breathe_show_include = False
# Of a longer function each parameter has its line.
c_maximum_signature_line_length = 100
cpp_maximum_signature_line_length = 100

# --- Python -----------------------------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

# --- What no page describes ------------------------------------------------------------------------------------------

nitpick_ignore_regex = [
    # The languages' own types, of whose manuals nothing is fetched.
    ("c:identifier", r"u?int(8|32|64)_t|size_t"),
    ("cpp:identifier", r"(std|u?int(8|32|64)_t|size_t).*"),
    (
        "py:.*",
        r"(numpy|np|npt|collections|ctypes|datetime|enum|os|pathlib|types|matplotlib|typing)\..*",
    ),
    # The namespace itself, what is private to the header, and the C structs, which the C reference describes.
    ("cpp:identifier", r"batching(::detail.*)?|(::)?batching_\w+(::\w+)?"),
    # Names in a default or a template, which Sphinx looks for in the wrong place.
    ("cpp:identifier", r"custom_policy|progress|(accumulator_scope|\w+_reason)::\w+|points_to.*"),
    ("py:class", r"Figure|Mapping|batching\._.*\.(Table|Run|TimeModel|\w+Settings)"),
    # Docstrings also say in words what is raised.
    ("py:exc", r".* .*"),
]

# --- HTML -------------------------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"Batching {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_show_sphinx = False
html_copy_source = False
