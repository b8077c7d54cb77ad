"""Where this project's own files are: params.yaml, profiles/, dvc.yaml, the weights of nets that it trained."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = PACKAGE / "workspace"  # a wheel holds the files there (setup.py)
SHIPPED = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent  # a checkout holds them at its top
