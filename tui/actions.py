"""The one table of keys: the footer, the help and the command palette read it, so they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True)
class Action:
    """A key (or several, separated by commas), what it does, and how that is said."""

    keys: str
    name: str  # the method `action_<name>` of the app
    label: str  # in the footer
    help: str
    group: str
    footer: bool = True
    display: str | None = None

    @property
    def bindings(self) -> list[Binding]:
        """One for each key; the footer tells the first alone, since a field to type in takes only some of them."""
        return [
            Binding(
                key,
                self.name,
                self.label,
                show=self.footer and number == 0,
                key_display=self.display if number == 0 else None,
                priority=key == "ctrl+c",
                tooltip=self.help,
            )
            for number, key in enumerate(self.keys.split(","))
        ]


ACTIONS = (
    Action("space", "toggle_run", "run", "Train until the last epoch, or pause after the batch under way.", "Run"),
    Action("s", "step", "step", "Train on one batch, then pause; the layers show that batch.", "Run"),
    Action("n", "next", "epoch", "Train to the end of the epoch, then pause.", "Run"),
    Action("c", "continue", "continue", "Train on to the next breakpoint, or to the last epoch.", "Run", footer=False),
    Action("u", "until", "until", "Train to the end of an epoch that you name, then pause.", "Run", footer=False),
    Action("less_than_sign", "pace(-1)", "slower", "Train at half the pace.", "Run", footer=False, display="<"),
    Action(
        "greater_than_sign",
        "pace(1)",
        "faster",
        "Train at twice the pace, up to full speed.",
        "Run",
        footer=False,
        display=">",
    ),
    Action("r", "restart", "restart", "Back to epoch 0 of the branch; what was seen stays.", "Run"),
    Action("b", "break", "break", "The breakpoints: conditions at which the run stops, at the very step.", "Run"),
    Action(
        "left", "scrub(-1)", "scrub", "Look at the epoch before; a running session is paused.", "Time", display="← →"
    ),
    Action("right", "scrub(1)", "epoch after", "Look at the epoch after.", "Time", footer=False, display="→"),
    Action("home", "scrub_to_end(0)", "epoch 0", "Look at epoch 0.", "Time", footer=False),
    Action("end", "scrub_to_end(1)", "newest", "Look at the newest moment of the branch.", "Time", footer=False),
    Action(
        "left_curly_bracket",
        "scrub_to_mark(-1)",
        "mark before",
        "Look at the finding, breakpoint stop or change before.",
        "Time",
        footer=False,
        display="{",
    ),
    Action(
        "right_curly_bracket",
        "scrub_to_mark(1)",
        "mark after",
        "Look at the finding, breakpoint stop or change after.",
        "Time",
        footer=False,
        display="}",
    ),
    Action("f", "fork", "fork", "A branch from the moment looked at, with changes or without.", "Time"),
    Action("x", "fix", "fix", "Try the fix of the gravest finding, on a branch from before it.", "Time"),
    Action("v", "branches", "branches", "The branches and their losses; enter goes to one.", "Time"),
    Action("e", "edit", "edit", "Change the selected hyperparameter; the run goes on meanwhile.", "Values"),
    Action(
        "left_square_bracket",
        "nudge(-1)",
        "nudge",
        "The selected hyperparameter one step down, ] one step up.",
        "Values",
        display="[ ]",
    ),
    Action(
        "right_square_bracket",
        "nudge(1)",
        "nudge up",
        "The selected hyperparameter one step up.",
        "Values",
        footer=False,
        display="]",
    ),
    Action(
        "g",
        "graph",
        "graph",
        "The computation graph of a step, by module, with gradients; w writes a picture.",
        "View",
        footer=False,
    ),
    Action("y", "toggle_log", "log", "The loss on a logarithmic or a linear axis.", "View"),
    Action("z", "toggle_maximized", "zoom", "The focused pane over the whole screen, and back.", "View"),
    Action("1", "pane(1)", "layers", "Go to the layers.", "View", footer=False),
    Action("2", "pane(2)", "flow", "Go to the gradient flow.", "View", footer=False),
    Action("3", "pane(3)", "histograms", "Go to the histograms of the selected layer.", "View", footer=False),
    Action("4", "pane(4)", "loss", "Go to the loss and the metric.", "View", footer=False),
    Action("5", "pane(5)", "findings", "Go to the findings.", "View", footer=False),
    Action("6", "pane(6)", "values", "Go to the hyperparameters.", "View", footer=False),
    Action("question_mark,f1", "explain", "help", "What the focused pane shows, and all keys.", "General", display="?"),
    Action("ctrl+o", "open", "open", "Recorded runs: look at one, or go on with it.", "General", footer=False),
    Action(
        "ctrl+s",
        "picture",
        "picture",
        "Write a picture of the screen (SVG) into the current folder.",
        "General",
        footer=False,
    ),
    Action("ctrl+c", "interrupt", "pause/quit", "Pause a running session, quit a paused one.", "General", footer=False),
    Action("q", "leave", "quit", "Quit.", "General"),
)

WITHIN_PANES = (
    ("↑ ↓ or k j", "Select a layer or a hyperparameter, scroll the findings."),
    ("tab, shift+tab", "The next pane, the one before."),
    ("enter", "Edit the selected hyperparameter; in the field, apply it. esc leaves it as it was."),
    ("ctrl+p", "All of this by name."),
)


@dataclass(frozen=True)
class Explanation:
    """What a pane shows and how to read it."""

    title: str
    text: str

    @property
    def paragraphs(self) -> str:
        """The text, each paragraph in one line for the screen to wrap."""
        return "\n\n".join(" ".join(part.split()) for part in self.text.strip().split("\n\n"))


EXPLANATIONS = {
    "layers": Explanation(
        "Layers",
        """
        One row for each layer that has parameters, in the order of the forward pass.

        |∇| RMS is the root mean square of the layer's gradient, sqrt(Σg²/n), over the epoch (or over the batch you
        stepped to); the small curve is its logarithm epoch by epoch, on one scale for all layers. |Δw|/|w| is how
        far the last step moved the weights, as a share of their length. zero is the share of ReLU outputs that are
        0, sat the share of sigmoid or tanh outputs within 5% of a limit.

        Healthy: gradients of the same order from the first layer to the last, |Δw|/|w| near 1e-3, about half of the
        ReLU outputs zero. ● marks a layer with a fault, ◐ one with a warning, ○ one without.
        """,
    ),
    "flow": Explanation(
        "Gradient flow",
        """
        Rows are layers, columns are epochs, and the colour is log10 of the gradient's RMS: bright is large, dark is
        small.

        A healthy network is an even picture that darkens slowly as it converges. Rows that get darker from the last
        layer up to the first are a vanishing gradient: each layer multiplies it by its weights and by the slope of
        its activation, and where that product is below 1 the early layers learn nothing. Rows that get brighter
        instead are an exploding one.
        """,
    ),
    "histograms": Explanation(
        "Histograms",
        """
        The selected layer's weights, its gradient and its activations, now (bright) over epoch 0 (dim).

        Weights should spread slowly from where they began; a layer whose two histograms stay equal does not learn.
        Activations piled up at both ends of tanh or sigmoid are saturated, their slope is near 0. A single spike
        at 0 after ReLU and no other is a dead layer.
        """,
    ),
    "loss": Explanation(
        "Loss and metric",
        """
        Solid: the mean over the batches of each epoch, as seen while training. Dashed: the validation data, at the
        end of the epoch. Epoch 0 is the network before its first step. ◆ marks a hyperparameter that you changed.
        While you look at the past a line stands there, and what came after it is faint.

        Training loss that swings: the learning rate is too high. One that falls steadily by little: too low.
        Validation loss that turns and rises while the training loss falls: overfitting. A flat loss near
        log(number of classes): the network guesses.
        """,
    ),
    "timeline": Explanation(
        "The timeline",
        """
        The line above the keys is the branch from epoch 0 to the last planned one: ● is the moment that you look at,
        ┄ what is still to come. ◆ is a change, ▲ a warning and ✖ a fault where it began, ■ a stop at a breakpoint,
        ⑂ a branch that leaves; with more room the branches are drawn as a tree. A click goes there.

        All panes show the moment looked at, as it was. Going on from the past gives the same numbers again; what you
        change there makes a branch of its own, and nothing that was seen is lost.
        """,
    ),
    "findings": Explanation(
        "Findings",
        """
        What the rules say is wrong, with the numbers that show it, and what would mend it. A symptom alone is no
        fault: rules on gradients speak only where the run does not learn. An empty pane is good news.

        x tries the first fix that hyperparameters make, on a branch: from epoch 0 where it takes another network, else
        from before the finding. v shows what has come of it, compared with the original.
        """,
    ),
    "hyperparameters": Explanation(
        "Hyperparameters",
        """
        Select one and press e (or enter) to type a value, [ and ] to go one step down or up. Those marked ~ change
        in flight, from the next batch on, and are marked on the loss curve; the others make another network or other
        data and ask for a fork from epoch 0. A value out of range is refused, and the run is not disturbed.
        """,
    ),
}
