"""What holds for every test: one thread of BLAS, and no property that fails because the machine is busy."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("afluente", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("afluente")
