"""What pyproject.toml cannot say: archives that are the same each time, and nothing left behind."""

import gzip
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.sdist import sdist

for linked in ("agents", "baselines", "scripts"):
    if not Path("cpu_gpu_env", linked, "__init__.py").is_file():
        sys.exit(
            f"error: cpu_gpu_env/{linked} is no link to {linked}/: Git or the file system made "
            "none. Allow symbolic links and check out again (on Windows: developer mode and git "
            "config core.symlinks true), or install a wheel or source archive, which have none."
        )

# What a wheel's files are dated; any day does, as long as it is the same at each build.
os.umask(0o022)
DATE = int(os.environ.setdefault("SOURCE_DATE_EPOCH", "1577836800"))


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out of an archive who packed it, when, and with which umask."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = DATE, 0, 0, "", ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


class SameSdist(sdist):
    """A source archive that is the same, byte by byte, for the same sources."""

    def make_archive(self, base_name: str, *args: Any, base_dir: str, **kwargs: Any) -> str:
        """Write the archive; return its name."""
        name = f"{base_name}.tar.gz"
        with (
            open(name, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=DATE) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            archive.add(base_dir, filter=_anonymous)
        return name


with tempfile.TemporaryDirectory() as scratch:
    # A build/ left in the source would bring deleted modules back into the next wheel.
    setup(cmdclass={"sdist": SameSdist}, options={"build": {"build_base": scratch}})
