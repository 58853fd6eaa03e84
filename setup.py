"""What pyproject.toml cannot say: a check of the links in the source, and where a build works."""

import sys
import tempfile
from pathlib import Path

from setuptools import setup

for linked in ("agents", "baselines", "scripts"):
    if not Path("cpu_gpu_env", linked, "__init__.py").is_file():
        sys.exit(
            f"error: cpu_gpu_env/{linked} is no link to {linked}/: this file system or Git made "
            "no symbolic links. Allow them and check out again (on Windows: developer mode and "
            "git config core.symlinks true), or install a wheel, which has none."
        )

with tempfile.TemporaryDirectory() as scratch:
    # A build/ left in the source would bring deleted modules back into the next wheel.
    setup(options={"build": {"build_base": scratch}})
