"""How much a test tries: little in the quick lane, much in the slow one. CONTRIBUTING.md says what each is for."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

EXAMPLES = {"quick": 10, "usual": 100, "slow": 1000}

for lane, number in EXAMPLES.items():
    settings.register_profile(
        lane, max_examples=number, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )


def examples(n: int) -> settings:
    """`n` drawn examples in the usual lane, a tenth in the quick one and ten times as many in the slow one."""
    return settings(max_examples=max(1, n * settings().max_examples // EXAMPLES["usual"]))
