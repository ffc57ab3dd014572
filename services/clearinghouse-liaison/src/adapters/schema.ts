/** Each step leads to the next version of the schema; steps are added, never edited. */
export const schema = [
  `
  CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    product_id TEXT NOT NULL,
    sealed_key TEXT NOT NULL,
    self_certificate TEXT NOT NULL,
    server_id TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,
    chain TEXT,
    witness TEXT,
    CHECK ((server_id IS NULL) = (epoch = 0) AND (server_id IS NULL) = (chain IS NULL))
  ) STRICT;
  CREATE TABLE commands (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    command_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    by TEXT NOT NULL,
    jws TEXT NOT NULL,
    stage TEXT NOT NULL,
    state TEXT NOT NULL,
    answered TEXT
  ) STRICT;
  CREATE INDEX commands_by_stage ON commands (stage, sequence);
  CREATE TABLE agreements (
    command_id TEXT PRIMARY KEY REFERENCES commands (command_id),
    key_pack_id TEXT NOT NULL,
    key_pack TEXT NOT NULL,
    purchase TEXT NOT NULL,
    kept_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE issuing_keys (
    kid TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    chain TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    sealed TEXT
  ) STRICT;
  `,
  // How far the ledger was seen: the furthest of each generation. One that was kept before had no time.
  `
  CREATE TABLE witnesses (
    generation TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    time INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO witnesses
    SELECT json_extract(witness, '$.generation'), json_extract(witness, '$.sequence'), json_extract(witness, '$.hash'), 0, 0
    FROM identity WHERE witness IS NOT NULL;
  UPDATE identity SET witness = NULL;
  `,
  // The key of a reactivation that is not answered yet, whether the activation in force was ended, by which road a command goes,
  // and whether inventory withholds the CALs that it needs.
  `
  ALTER TABLE identity ADD COLUMN next_key TEXT;
  ALTER TABLE identity ADD COLUMN deactivated INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE commands ADD COLUMN road TEXT NOT NULL DEFAULT 'automatic';
  ALTER TABLE commands ADD COLUMN prepared INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE agreements RENAME TO agreements_before;
  CREATE TABLE agreements (
    key_pack_id TEXT PRIMARY KEY,
    key_pack TEXT NOT NULL,
    kept_at INTEGER NOT NULL
  ) STRICT;
  INSERT OR REPLACE INTO agreements SELECT key_pack_id, key_pack, kept_at FROM agreements_before ORDER BY kept_at;
  DROP TABLE agreements_before;
  `,
] as const;
