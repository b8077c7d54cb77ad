"""The wheel takes what lies at the top of the repository as the data package pipeline.workspace; see core/workspace.py.

All else is in pyproject.toml. Weights are the nets that this project trained, never what `weights get` fetched.
"""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

WORKSPACE = "pipeline.workspace"
SYSTEMS = ("cali-sketch-faces", "cali-sketch-photo", "cali-sketch-lite", "cali-sketch-edit")
NETS = ("contour_drawer", "edge_detector", "face_points", "line_cleaner", *SYSTEMS)
FILES = ("params.yaml", "dvc.yaml", ".dvcignore", ".gitignore", "profiles/*.yaml", "data/.gitignore")
CARDS = ("data/weights/README.md", "data/weights/.gitignore", "data/weights/*/.gitkeep")
WEIGHTS = (*CARDS, *(f"data/weights/{net}/*" for net in NETS))


class BuildPy(build_py):
    """The workspace's folder is the whole repository: data alone is taken from it, no module."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        return [] if package == WORKSPACE else super().find_package_modules(package, package_dir)


setup(
    cmdclass={"build_py": BuildPy},
    packages=[*find_packages(include=["pipeline*", "models*"]), WORKSPACE],
    package_dir={WORKSPACE: "."},
    package_data={
        "": ["*.yaml", "*.j2", "*.html", "*.css", "*.js", "*.svg"],
        "pipeline.apps.studio": ["page/**"],
        "pipeline.helpers.face_points": ["*.csv"],
        WORKSPACE: [*FILES, *WEIGHTS],
    },
    include_package_data=False,
)
