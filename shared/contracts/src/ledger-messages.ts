// Messages about the ledger itself: its pages, the acceptance of a loss, and the restore of a backup.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { why } from './inventory-command-messages.ts';
import { generation, instant, ledgerPosition, name, sha256, token } from './tokens.ts';

/** The most messages one command of a restore carries. */
export const MAX_RESTORE_MESSAGES = 500;

/** A place of the ledger with its hash; the ledger's end, or null where it is empty. */
export const ledgerEnd = z.object({ generation, sequence: z.int().min(1), hash: sha256 }).nullable();
export type LedgerEnd = z.infer<typeof ledgerEnd>;

export const inventoryAcceptLoss = contract(
  'inventory.accept-loss',
  1,
  'An operator accepts that what witnesses have seen beyond the end of the ledger is lost: a new generation begins.',
  z.object({
    commandId: token,
    /** Where the ledger ended when the operator was shown what is lost. */
    survives: ledgerEnd,
    by: name,
    why,
  }),
);

/** The most bytes of messages that one command of a restore carries, before base64. */
export const MAX_RESTORE_BYTES = 786_432;

export const inventoryRestore = contract(
  'inventory.restore',
  1,
  'An operator puts messages of a backup back into an empty ledger, in order and as they were; with the last of them a new generation begins.',
  z.object({
    commandId: token,
    /** Where the ledger of the backup ends; the same in each command of one restore. */
    upTo: ledgerEnd.unwrap(),
    messages: z
      .array(z.object({ sequence: z.int().min(1), bytes: z.string().max(400_000) }))
      .max(MAX_RESTORE_MESSAGES),
    /** Given once all messages are back. */
    finish: z.object({ backup: z.object({ madeAt: instant, madeBy: name }) }).optional(),
    by: name,
    why,
  }),
  2_097_152,
);

/** The most messages one answer to inventory.query.ledger carries; their bytes are bounded, too. */
export const MAX_LEDGER_PAGE = 2_000;

export const MAX_LEDGER_PAGE_BYTES = 786_432;

export const queryLedger = contract(
  'inventory.query.ledger',
  1,
  'The messages of the ledger as they are stored, VOID ones included, from a sequence on.',
  z.object({
    from: z.int().min(1),
    limit: z.int().min(1).max(MAX_LEDGER_PAGE).default(MAX_LEDGER_PAGE),
  }),
  1_024,
);

export const ledgerMessage = z.object({
  sequence: z.int().min(1),
  /** When NATS stored it; the batch within says its ledger time. */
  storedAt: instant,
  /** Base64. */
  bytes: z.string().max(400_000),
});

export const inventoryLedger = contract(
  'inventory.ledger',
  1,
  'A page of the ledger. Fewer messages than asked for are not the end of it; the end is `last`.',
  z.object({
    messages: z.array(ledgerMessage).max(MAX_LEDGER_PAGE),
    /** The sequence of the last message; 0 in an empty ledger. */
    last: z.int().min(0),
    /** How far the replica that answers has folded. */
    position: ledgerPosition,
    hash: sha256,
  }),
  2_097_152,
);
