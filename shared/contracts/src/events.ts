// What is worth an operator's attention: a closed list, with the number that the administrators of Windows' license server
// know it by, where there is one. Raised once per condition, not per request.

import { z } from 'zod';
import { contract } from './envelope.ts';
import { instant, ledgerPosition } from './tokens.ts';

export const events = {
  LOW_STOCK: {
    number: 20,
    says: 'Few CALs of this version and type are left.',
    todo: 'Buy and install more CALs: calbus install.',
  },
  NO_LICENSE_LEFT: {
    number: 21,
    says: 'No CAL of this version and type is left.',
    todo: 'Buy and install more CALs: calbus install.',
  },
  NOTHING_INSTALLED_FOR_PRODUCT: {
    number: 22,
    says: 'A terminal server asked for a license, and no CALs are installed that would serve it.',
    todo: 'Install CALs of its version and mode, or of a later version: calbus install.',
  },
  NOT_ACTIVATED: {
    number: 18,
    says: 'A license was refused or not renewed because the license server is not activated.',
    todo: 'Activate the license server: calbus activate.',
  },
  TERMINAL_SERVER_NOT_IN_GROUP: {
    number: 4141,
    says: 'A terminal server that is not in the security group asked for a license.',
    todo: 'Add it: calbus settings set securityGroup=…',
  },
  CERTIFICATE_BAD: {
    number: 17,
    says: 'The certificate of the license server is out of date: only temporary licenses are issued.',
    todo: 'Activate the license server again: calbus reactivate --reason certificate-expired.',
  },
  KEY_PACK_REMOVED: {
    number: 26,
    says: 'CALs were taken out of a key pack: removed, or changed into the other type.',
    todo: 'Nothing, if this was intended: calbus packs shows the remaining CALs.',
  },
  LEDGER_DAMAGED: {
    number: 4100,
    says: 'The bytes of the ledger differ from the committed bytes.',
    todo: 'calbus ledger verify says where; docs/operations/ledger.md says what to do.',
  },
  LICENSE_RETURN_FAILED: {
    number: 16,
    says: 'CALs of ended licenses could not be returned to their pools.',
    todo: 'Read why in the log of the inventory replica that leads; it tries again by itself.',
  },
  TEMPORARY_EXPIRED: {
    number: 1011,
    says: 'A device was refused because its temporary license has ended and no CAL can be taken.',
    todo: 'Buy and install more CALs: calbus install.',
  },
  RENEWAL_FAILED: {
    number: 1028,
    says: 'A license within its renewal lead could not be renewed.',
    todo: 'Activate the license server: calbus activate.',
  },
  GRACE_ENDING: {
    number: 1009,
    says: 'The grace period of a terminal server ends within seven days.',
    todo: 'Make sure that it is given full licenses: calbus diagnose --terminal-server says what is missing.',
  },
  GRACE_ENDED: {
    number: 1008,
    says: 'The grace period of a terminal server is over: clients without a license are refused.',
    todo: 'Make sure that it is given full licenses: calbus diagnose --terminal-server says what is missing.',
  },
  MODE_NOT_CONFIGURED: {
    number: 1068,
    says: 'A terminal server has no licensing mode.',
    todo: 'Set Per Device or Per User on the terminal server.',
  },
  INVALID_LICENSE_PRESENTED: {
    number: 1003,
    says: 'A client presented a license that is not genuine.',
    todo: 'Look at the device: its license was copied, altered, or is of another license server.',
  },
  QUOTA: {
    number: null,
    says: 'A terminal server has used up its quota of new licenses.',
    todo: 'Look at what it does, or raise the setting quotas.',
  },
  PER_USER_OVER_ALLOCATED: {
    number: null,
    says: 'More users are recorded than Per User CALs of this version are installed.',
    todo: 'Buy and install more Per User CALs: calbus install.',
  },
  CACHE_BEHIND: {
    number: null,
    says: 'The live counts in Redis are behind the ledger.',
    todo: 'Start Redis, or look at its log; counts come back by themselves.',
  },
  LEADER_CHANGED: {
    number: null,
    says: 'Another inventory replica leads.',
    todo: 'Nothing. If it happens often, read the logs of the replicas.',
  },
  CLOCK_SUSPECT: {
    number: null,
    says: "The leader's clock departs from other clocks: no CAL returns to its pool.",
    todo: 'Correct the clock, or run calbus clock confirm.',
  },
  STORAGE_NEARLY_FULL: {
    number: null,
    says: 'The ledger has used 90 % of its storage: no new temporary licenses.',
    todo: 'Give the ledger more storage.',
  },
  CLEARINGHOUSE_UNREACHABLE: {
    number: null,
    says: 'The liaison does not reach the Clearinghouse: commands wait in the outbox.',
    todo: 'Start RabbitMQ, or check the address that the liaison is given; licenses are still issued.',
  },
  CLONE: {
    number: null,
    says: 'A copy is in use: of a device, under its hardware id, or of this license server.',
    todo: 'Of a device: give it an identity of its own, calbus report identities. Of the license server: docs/recovery/clones.md says which one stays.',
  },
  VOID_RECORD: {
    number: null,
    says: 'A message in the ledger does not follow its chain; it changed nothing.',
    todo: 'Find out who holds the identity inventory-ledger; calbus ledger verify names the message.',
  },
} as const satisfies Record<string, { number: number | null; says: string; todo: string }>;

export type EventName = keyof typeof events;
export const eventNames = Object.keys(events) as [EventName, ...EventName[]];

export const operatorEvent = contract(
  'event',
  1,
  "Something worth an operator's attention, once per condition.",
  z.object({
    event: z.enum(eventNames),
    number: z.int().nullable(),
    at: instant,
    position: ledgerPosition,
    /** What it is about: a pool, a device, a terminal server. */
    about: z.string().max(256),
    says: z.string().max(500),
  }),
  8_192,
);
