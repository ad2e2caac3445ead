"""The line at the top: what runs, how far it is, how it does."""

from __future__ import annotations

from tui.drawing import FAULT, MUTED, NONE, WARNING, Canvas, format_number
from tui.protocol import Snapshot

from .charts import Chart

STATES = {
    "starting": ("… starting", MUTED),
    "running": ("▶ running", NONE),
    "paused": ("▮▮ paused", NONE),
    "finished": ("✔ finished", NONE),
    "failed": ("✖ failed", FAULT),
    "cut off": ("▲ cut off", WARNING),
}


class StatusLine(Chart):
    """Experiment, epoch, step, speed, loss and metric, and at the right the state."""

    snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.redraw()

    def draw(self, canvas: Canvas) -> None:
        s = self.snapshot
        if s is None:
            return
        width = canvas.region.width
        sign, colour = STATES[s.state]
        if s.trained_by is not None and s.state == "paused":
            sign = "▮▮ view paused"
        canvas.text(width - len(sign) - 1, 0, sign, colour, bold=True)
        past = len(s.history) < len(s.known)
        parts = [f"epoch {s.epoch}/{s.hyperparameters.epochs}"] if s.known or s.state != "starting" else ["loading"]
        if past:
            parts = [f"◀ epoch {s.epoch} of {len(s.known) - 1} seen"]
        if s.state != "running" and s.batch:
            parts.append(f"batch {s.batch}/{s.batches}")
        if s.history:
            parts.append(f"{s.metric_name} {format_number(s.history[-1].val_metric)}")
        if s.state == "running":
            parts.append(f"{format_number(round(s.steps_per_second))} steps/s")
        if s.trained_by is not None:
            parts.append(f"trained by process {s.trained_by}")
        elif s.state == "running":
            parts.append("full speed" if s.pace is None else f"at most {s.pace:g} epochs/s")
        if s.known or s.state != "starting":
            parts.append(f"step {format_number(s.steps)}")
        if past and not s.batch:
            parts.append(f"train loss {format_number(s.history[-1].train_loss)}")
        elif s.steps:
            parts.append(f"batch loss {format_number(s.loss)}")
        if len(s.branches) > 1:
            parts.append(next(branch.title for branch in s.branches if branch.id == s.branch))
        canvas.text(1, 0, "nn-debug", MUTED)
        canvas.text(10, 0, s.experiment, bold=True)
        x, room = 12 + len(s.experiment), width - len(sign) - 3
        while parts and x + len(" · ".join(parts)) > room:
            parts.pop()
        canvas.text(x, 0, " · ".join(parts))
