"""A rented GPU machine has torch, numpy, OpenCV and little else: training must not need more."""

from __future__ import annotations

import subprocess
import sys

ABSENT = ("pydantic", "pydantic_settings", "click", "flask", "apiflask", "sqlalchemy", "pycocotools", "onnx", "obstore")
PROGRAM = f"""
import sys
for name in {ABSENT!r}:
    sys.modules[name] = None  # importing it now raises ImportError
import limner.train.__main__
import limner.train.baselines
import limner.train.curves
import limner.train.evaluation
import limner.train.finetune.tuning
import limner.train.gpu
import limner.train.pack
import limner.train.published
"""


def test_training_and_measuring_import_no_service_libraries() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
