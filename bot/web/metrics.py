"""Metrics page, in the text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import accumulate

from bot.runtime.liveness import Histogram, Pulse
from bot.storage.queue_ages import Lag
from bot.web.health import percentile

Sample = tuple[Mapping[str, str], float]
QUANTILES = (0.5, 0.95, 0.99)
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render(
    waits: Mapping[str, timedelta],
    lags: Sequence[Lag],
    states: Mapping[tuple[str, str], int],
    outcomes: Mapping[str, int],
    pulse: Pulse,
    problems: Sequence[str],
    lengths: Mapping[str, int],
    hubs: Mapping[str, int],
) -> str:
    """Return the page. `waits` and `lengths` are by queue, `states` by (kind, state), `hubs` by state."""
    families: list[tuple[str, str, str, Sequence[Sample]]] = [
        ("up", "gauge", "1 while nothing is wrong.", [({}, float(not problems))]),
        (
            "queue_age_seconds",
            "gauge",
            "How long the oldest of a queue has been waiting.",
            [({"queue": name}, wait.total_seconds()) for name, wait in waits.items()],
        ),
        (
            "queue_length",
            "gauge",
            "How many are waiting: web pages that are still to be read.",
            [({"queue": name}, length) for name, length in lengths.items()],
        ),
        (
            "hub_subscriptions",
            "gauge",
            "Subscriptions to WebSub hubs: live, or asked for.",
            [({"state": name}, number) for name, number in sorted(hubs.items())],
        ),
        (
            "publish_to_delivery_seconds",
            "summary",
            "From an entry's publication to its message, over the last hour.",
            _lag_samples(lags),
        ),
        (
            "deliveries",
            "gauge",
            "Messages by state; those that ended more than 30 days ago are gone.",
            [({"kind": kind, "state": state}, count) for (kind, state), count in sorted(states.items())],
        ),
        (
            "sends_total",
            "counter",
            "Attempts to send since the start, by what became of them.",
            [({"outcome": name}, count) for name, count in sorted(outcomes.items())],
        ),
    ]
    families.append(
        ("updates_parked_total", "counter", "Updates that could not be applied, since the start.", [({}, pulse.parked)])
    )
    lag = _histogram("loop_lag_seconds", "How late the event loop ran, twice a second since the start.", pulse.lateness)
    text = "The same without waits for a processor: work or GIL in its way."
    own = _histogram("loop_blocked_seconds", text, pulse.blocked)
    return "".join(_family(*family) for family in families) + lag + own


def _lag_samples(lags: Sequence[Lag]) -> list[Sample]:
    grouped: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    for lag in lags:
        grouped[lag.source_id, lag.kind].append(lag.took.total_seconds())
    return [
        ({"source": str(source_id), "kind": kind, "quantile": str(part)}, percentile(sorted(values), part))
        for (source_id, kind), values in sorted(grouped.items())
        for part in QUANTILES
    ]


def _family(name: str, kind: str, text: str, samples: Sequence[Sample]) -> str:
    lines = [f"# HELP watchword_{name} {text}", f"# TYPE watchword_{name} {kind}"]
    lines += [f"watchword_{name}{_labels(labels)} {value:g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _histogram(name: str, text: str, values: Histogram) -> str:
    full = f"watchword_{name}"
    bounds = [*(f"{bound:g}" for bound in values.bounds), "+Inf"]
    lines = [f"# HELP {full} {text}", f"# TYPE {full} histogram"]
    lines += [
        f"{full}_bucket{_labels({'le': bound})} {count}"
        for bound, count in zip(bounds, accumulate(values.counts), strict=True)
    ]
    lines += [f"{full}_sum {values.total:g}", f"{full}_count {sum(values.counts)}"]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""
