"""Configuration of Sphinx: `sphinx-build -W --keep-going -b html docs docs/_build/html`."""

import io
import os
import re
import shutil
import sys
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

import cpu_gpu_env

ROOT = Path(__file__).parents[1]
API = ROOT / "docs" / "api"
FOLDERS = [path.parent for path in ROOT.glob("*/__init__.py")]

project = "HybridCluster"
author = "HybridCluster authors"
project_copyright = author
release = cpu_gpu_env.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"HybridCluster {release}"
html_show_sphinx = False
html_math_renderer = "mathml"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_type_aliases = {
    alias: alias
    for alias in ("Actions", "Features", "FloatArray", "IntArray", "Memory", "Observation")
}
ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
autodoc_typehints_format = "short"
maximum_signature_line_length = 88
# What only type checkers import is named without its module, and two classes may share a name.
suppress_warnings = ["ref.python"]
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# What the helps are printed with: a width that fits the page, and no path of this machine.
os.environ.update(COLUMNS="88", XDG_CACHE_HOME="~/.cache")


def write_api() -> None:
    """Write a page for each package with all its modules, so that no list is kept by hand."""
    shutil.rmtree(API, ignore_errors=True)
    API.mkdir()
    packages: dict[str, list[str]] = {}
    for folder in FOLDERS:
        if folder.name not in ("scripts", "tests"):
            root = "cpu_gpu_env" if folder.name == "cpu_gpu_env" else f"cpu_gpu_env.{folder.name}"
            for path in folder.rglob("*.py"):
                inner = path.relative_to(folder).with_suffix("").parts
                if "migrations" in inner:  # Alembic alone can run them
                    continue
                module = ".".join([root, *(part for part in inner if part != "__init__")])
                packages.setdefault(".".join([root, *inner[:-1]]), []).append(module)
    for package, modules in packages.items():
        text = [_heading(package, "="), f".. automodule:: {package}", "   :no-members:", ""]
        # What a package passes on is shown where it is defined.
        imported = import_module(package)
        for name in getattr(imported, "__all__", ()):
            home = getattr(getattr(imported, name), "__module__", None)
            text += [f"- :py:obj:`{name} <{home}.{name}>`"] if home else []
        text.append("")
        for module in sorted(set(modules) - {package}):
            text += [_heading(module.removeprefix(f"{package}."), "-")]
            text += [f".. automodule:: {module}", "   :members:", ""]
        (API / f"{package}.rst").write_text("\n".join(text))
    index = ["API", "===", "", ".. toctree::", "   :titlesonly:", ""]
    # Short names fit beside the pages.
    index += [f"   {name.removeprefix('cpu_gpu_env.')} <{name}>" for name in sorted(packages)]
    (API / "index.rst").write_text("\n".join(index))


def _heading(name: str, line: str) -> str:
    return f"``{name}``\n{line * (len(name) + 4)}\n"


def write_help() -> None:
    """Write down what each command says of itself."""
    text = ["# Help of the commands", ""]
    for script in sorted((ROOT / "scripts").glob("*.py")):
        if '\nif __name__ == "__main__":' in script.read_text():
            printed = io.StringIO()
            sys.argv[0] = script.name
            with redirect_stdout(printed), suppress(SystemExit):
                import_module(f"cpu_gpu_env.scripts.{script.stem}").main(["--help"])
            text += [f"## `{script.name}`", "", "```text", printed.getvalue().rstrip(), "```", ""]
    (API / "help.md").write_text("\n".join(text))


def adapt_docstring(_app: Sphinx, what: str, *rest: Any) -> None:
    """Take the ``## Heading`` lines of Gymnasium's docstrings, and shapes of attributes."""
    lines = rest[-1]
    lines[:] = re.sub(r"(?m)^## (.*)$", r".. rubric:: \1\n", "\n".join(lines)).split("\n")
    # napoleon takes "(n,): the rest" of an attribute for its type.
    shape = [line for line in lines if line.startswith(":type: ")]
    if what in ("attribute", "data", "property") and shape:
        lines.remove(shape[0])
        lines[0] = f"{shape[0].removeprefix(':type: ')}: {lines[0]}"


def name_aliases(_app: Sphinx, *rest: Any) -> tuple[str | None, str | None]:
    """Name aliases within other types, too, as Sphinx does on their own."""
    signature, returns = (text and ALIAS.sub(r"\1", text) for text in rest[-2:])
    return signature, returns


def write_mathml(translator: Any, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers draw without a script from elsewhere."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(f"<div>{formula}</div>" if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Write the generated pages, and register the above."""
    write_api()
    write_help()
    app.connect("autodoc-process-docstring", adapt_docstring, priority=900)
    app.connect("autodoc-process-signature", name_aliases)
    app.add_html_math_renderer("mathml", (write_mathml, None), (write_mathml, None))
