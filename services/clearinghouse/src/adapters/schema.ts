/** Each step upgrades the schema by one version. Steps are added, never edited. */
export const schema = [
  `
  CREATE TABLE agreements (
    program TEXT NOT NULL,
    number TEXT NOT NULL,
    company TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    PRIMARY KEY (program, number)
  ) STRICT;
  CREATE TABLE covers (
    program TEXT NOT NULL,
    number TEXT NOT NULL,
    version TEXT NOT NULL,
    mode TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    issued INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (program, number, version, mode),
    FOREIGN KEY (program, number) REFERENCES agreements (program, number),
    CHECK (issued >= 0 AND issued <= quantity)
  ) STRICT;
  CREATE TABLE servers (
    product_id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    server_id TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    chain TEXT NOT NULL,
    contact TEXT NOT NULL,
    activated_at INTEGER NOT NULL,
    last_sequence INTEGER,
    witness TEXT
  ) STRICT;
  CREATE TABLE packs (
    key_pack_id TEXT PRIMARY KEY,
    server_id TEXT NOT NULL REFERENCES servers (server_id),
    epoch INTEGER NOT NULL,
    command_id TEXT NOT NULL,
    program TEXT NOT NULL,
    number TEXT NOT NULL,
    version TEXT NOT NULL,
    mode TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    UNIQUE (server_id, command_id),
    FOREIGN KEY (program, number, version, mode) REFERENCES covers (program, number, version, mode)
  ) STRICT;
  CREATE TABLE answers (
    user TEXT NOT NULL,
    command_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (user, command_id)
  ) STRICT;
  CREATE INDEX answers_by_time ON answers (user, answered_at);
  `,
  // The status of a license server, the time when a copy of it was seen, and retail license codes.
  `
  ALTER TABLE servers ADD COLUMN standing TEXT NOT NULL DEFAULT 'active';
  ALTER TABLE servers ADD COLUMN clone_at INTEGER;
  CREATE TABLE codes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    version TEXT NOT NULL,
    mode TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    generated_at INTEGER NOT NULL,
    used_at INTEGER
  ) STRICT;
  `,
  // The CALs that conversions added to a cover or removed from it, and the reason of a rejection, by which guesses are counted.
  `
  ALTER TABLE covers ADD COLUMN converted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE answers ADD COLUMN reason TEXT;
  `,
  // The start of the epoch in force, and the epoch in which a key pack was last handed out: a recovery takes several answers.
  `
  ALTER TABLE servers ADD COLUMN epoch_since INTEGER NOT NULL DEFAULT 0;
  UPDATE servers SET epoch_since = activated_at;
  ALTER TABLE packs ADD COLUMN handed_epoch INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE packs ADD COLUMN handed_at INTEGER NOT NULL DEFAULT 0;
  `,
] as const;
