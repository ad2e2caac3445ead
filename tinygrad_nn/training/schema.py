"""The schema of a run's file: its tables and columns, and how each version came from the one before."""

from __future__ import annotations

APPLICATION = 0x6E6E6462  # "nndb": tells a run from any other SQLite file

# The columns, in their order. A field more in a record is a column more here, and a migration.
RUN = ("id", "name", "source", "metric", "data", "started", "ended", "writer", "writer_began", "constant_loss")
BRANCH = ("id", "name", "parent", "step", "epoch", "edge", "hyperparameters", "inherited")
EPOCH = ("epoch", "step", "train_loss", "train_metric", "val_loss", "val_metric", "lr", "seconds")
LAYER = (
    *("index", "name", "label", "parameters", "gradient_norm", "gradient_rms", "gradient_max", "weight_norm"),
    *("weight_rms", "update_ratio", "activation_mean", "activation_std", "zero_fraction", "saturated_fraction"),
)
HISTOGRAMS = ("weights", "gradients", "activations")  # one after another in a BLOB, as `runlog` packs them
CHANGE = ("branch", "number", "step", "epoch", "name", "before", "after")
FINDING = ("branch", "epoch", "number", "rule", "severity", "finding")
PARTS = (("layer", ("epoch", "histograms", *LAYER), '"index"'), ("finding", FINDING[1:], "number"))  # of an epoch

# Each brings a file from the version before it, the first from an empty one. What has been released is never edited.
MIGRATIONS = (
    # 1: REAL columns are figures, NULL where they are NaN; times are seconds since 1970; JSON where it says TEXT of
    # source, edge, hyperparameters, before, after, finding. `inherited` epochs of a branch lie with its parent.
    """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, source TEXT NOT NULL, metric TEXT NOT NULL,
        data TEXT NOT NULL, started REAL NOT NULL, ended REAL, writer INTEGER
    );
    CREATE TABLE branch (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES branch, step INTEGER NOT NULL,
        epoch REAL NOT NULL, edge TEXT NOT NULL, hyperparameters TEXT NOT NULL, inherited INTEGER NOT NULL
    );
    CREATE TABLE epoch (
        branch INTEGER NOT NULL REFERENCES branch, epoch INTEGER NOT NULL, step INTEGER NOT NULL, train_loss REAL,
        train_metric REAL, val_loss REAL, val_metric REAL, lr REAL, seconds REAL, written REAL NOT NULL,
        PRIMARY KEY (branch, epoch)
    ) WITHOUT ROWID;
    CREATE TABLE layer (
        branch INTEGER NOT NULL, epoch INTEGER NOT NULL, "index" INTEGER NOT NULL, name TEXT NOT NULL,
        label TEXT NOT NULL, parameters INTEGER NOT NULL, gradient_norm REAL, gradient_rms REAL, gradient_max REAL,
        weight_norm REAL, weight_rms REAL, update_ratio REAL, activation_mean REAL, activation_std REAL,
        zero_fraction REAL, saturated_fraction REAL, histograms BLOB NOT NULL,
        PRIMARY KEY (branch, epoch, "index"), FOREIGN KEY (branch, epoch) REFERENCES epoch
    );
    CREATE TABLE change (
        branch INTEGER NOT NULL REFERENCES branch, number INTEGER NOT NULL, step INTEGER NOT NULL, epoch REAL NOT NULL,
        name TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, PRIMARY KEY (branch, number)
    ) WITHOUT ROWID;
    CREATE TABLE finding (
        branch INTEGER NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL,
        severity TEXT NOT NULL, finding TEXT NOT NULL, PRIMARY KEY (branch, epoch, number),
        FOREIGN KEY (branch, epoch) REFERENCES epoch
    );
    CREATE TABLE snapshot (
        branch INTEGER NOT NULL REFERENCES branch, step INTEGER NOT NULL, packed BLOB NOT NULL,
        PRIMARY KEY (branch, step)
    );
    """,
    # 2: when the writing process began tells it from a later one of the same number
    "ALTER TABLE run ADD COLUMN writer_began TEXT;",
    # 3: the loss of the best guess that is the same for every example
    "ALTER TABLE run ADD COLUMN constant_loss REAL;",
    # 4: seals, see `_seal`; NULL where an older version wrote
    """
    ALTER TABLE run ADD COLUMN seal INTEGER;
    ALTER TABLE branch ADD COLUMN seal INTEGER;
    ALTER TABLE epoch ADD COLUMN seal INTEGER;
    ALTER TABLE epoch ADD COLUMN parts_seal INTEGER; -- over the epoch's layers and findings
    ALTER TABLE snapshot ADD COLUMN seal INTEGER;
    """,
)
