"""What comes from the process that trains may come in any order with its end: what is shown is the same."""

from __future__ import annotations

import threading
from itertools import combinations, product

import pytest

from tinygrad_nn.records import EpochRecord
from tinygrad_nn.training import Hyperparameters
from tui import mailbox as module
from tui.mailbox import Mailbox
from tui.protocol import Snapshot

KILLED = "the training process has ended by SIGKILL"
REFUSED = "mine.py defines no Experiment"


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 10 * epoch, 1.0, 0.5, 1.0, 0.5, 0.1, 0.01, ())


def sent(state: str, epoch: int, new: int, **more) -> Snapshot:
    """As the process sends it: with the newest `new` epochs only."""
    known = tuple(record(e) for e in range(epoch + 1 - new, epoch + 1))
    return Snapshot(state, "mine", Hyperparameters(), epoch=epoch, known=known, steps_per_second=9.0, **more)


# A process as its messages: they come in this order, since one thread reads them.
RUNNING = [sent("starting", 0, 0), sent("paused", 0, 1), sent("running", 1, 1), sent("running", 3, 2, notice="three")]


def interleaved(messages: list, others: list):
    """Every order in which two threads may bring theirs."""
    for places in combinations(range(len(messages) + len(others)), len(others)):
        rest = iter(messages), iter(others)
        yield [next(rest[i in places]) for i in range(len(messages) + len(others))]


def brought(mailbox: Mailbox, message: Snapshot | str) -> None:
    if isinstance(message, str):
        mailbox.end(message)
    else:
        mailbox.take(message)


@pytest.mark.parametrize("count", range(1, len(RUNNING) + 1))
def test_an_end_is_never_undone_by_a_snapshot_that_comes_late(count):
    for order in interleaved(RUNNING[:count], [KILLED]):
        mailbox = Mailbox()
        for message in order:
            brought(mailbox, message)
        newest = mailbox.newest
        assert (newest.state, newest.error) == ("failed", KILLED)
        assert (newest.steps_per_second, newest.notice, newest.refused) == (0.0, "", False)
        assert [r.epoch for r in newest.known] == list(range(RUNNING[count - 1].epoch + 1))[: len(newest.known)]
        assert len(newest.known) == sum(len(s.known) for s in RUNNING[:count])  # what was seen is still there


@pytest.mark.parametrize("restarted", [False, True])
def test_the_first_to_say_why_it_has_ended_knows_best(restarted):
    for order in ([REFUSED], [REFUSED, KILLED], [REFUSED, KILLED, KILLED]):
        before = sent("running", 3, 4)
        mailbox = Mailbox(before if restarted else None)
        for message in order:
            brought(mailbox, message)
        if restarted:
            assert (mailbox.newest.state, mailbox.newest.error) == ("failed", REFUSED)
        else:
            assert mailbox.first() == REFUSED


def test_a_new_process_knows_nothing_of_the_old_one():
    for order in interleaved([*RUNNING, KILLED], [sent("starting", 0, 0), sent("paused", 0, 1)]):
        old = Mailbox()
        old.take(RUNNING[0])
        new = Mailbox(old.newest)
        assert new.newest.state == "starting"
        for message in order:
            brought(old if message in RUNNING or message == KILLED else new, message)
        assert (new.newest.state, new.newest.error, len(new.newest.known)) == ("paused", "", 1)


def test_a_process_that_answers_nothing_is_told_of_once_until_it_does(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    mailbox = Mailbox()
    mailbox.take(RUNNING[1])
    assert not mailbox.silent
    mailbox.asked()
    told = mailbox.newest
    assert mailbox.silent
    assert "does not answer" in told.notice
    assert mailbox.newest is told
    mailbox.take(RUNNING[2])
    assert (mailbox.silent, mailbox.newest.notice) == (False, "")
    mailbox.end(KILLED)
    mailbox.asked()  # a key that is pressed then asks nobody
    assert (mailbox.silent, mailbox.newest.state) == (False, "failed")


def test_who_waits_for_the_first_is_woken_by_whatever_comes():
    for message in (RUNNING[0], KILLED):
        mailbox, found = Mailbox(), []
        waiting = threading.Thread(target=lambda m=mailbox, f=found: f.append(m.first()))
        waiting.start()
        brought(mailbox, message)
        waiting.join(20)
        assert found
        assert found[0] == (message if message == KILLED else mailbox.newest)


def test_epochs_are_kept_by_branch_whatever_the_end():
    for end in (False, True):
        mailbox = Mailbox()
        for branch, epoch in product((0, 1), (1, 2)):
            mailbox.take(sent("running", epoch, {1: 2, 2: 1}[epoch], branch=branch))
        if end:
            mailbox.end(KILLED)
        mailbox.take(sent("paused", 1, 0, branch=0))  # back in time
        assert [r.epoch for r in mailbox.newest.known] == [0, 1, 2]
        assert [r.epoch for r in mailbox.newest.history] == [0, 1]
