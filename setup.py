"""Builds the wheel: everything is in pyproject.toml, except that `assets` goes into the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithAssets(build_py):
    """Copies the top-level folder `assets` to `lab/_assets` in what is built."""

    def run(self):
        """Build; an editable install reads the assets from the checkout."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "lab" / "_assets"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("assets", target, ignore=shutil.ignore_patterns("screenshots"))


setup(cmdclass={"build_py": BuildWithAssets})
