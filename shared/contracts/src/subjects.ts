// Every subject of calbus, in one place. Names of terminal servers and requests are single tokens.

export type LiaisonCommandName =
  | 'activate'
  | 'install'
  | 'reactivate'
  | 'deactivate'
  | 'recover'
  | 'change-pack'
  | 'restore'
  | 'carry'
  | 'answer';

/** The families of commands that the inventory leader takes. */
export type CommandFamily = 'allocate' | 'activation' | 'install' | 'operate';

export const subjects = {
  license: {
    request: (terminalServerId: string): string => `cal.v1.license.request.${terminalServerId}`,
    /** Several requests in one message. */
    requests: (terminalServerId: string): string => `cal.v1.license.requests.${terminalServerId}`,
    validated: (terminalServerId: string): string => `cal.v1.license.validated.${terminalServerId}`,
    relearn: (terminalServerId: string): string => `cal.v1.license.relearn.${terminalServerId}`,
    stands: (terminalServerId: string): string => `cal.v1.license.stands.${terminalServerId}`,
    /** Whatever a terminal server may publish to the queue. */
    of: (terminalServerId: string): string => `cal.v1.license.*.${terminalServerId}`,
    all: 'cal.v1.license.*.*',
  },
  decision: {
    /** `id`: of the request, or of the message that carried several. */
    of: (terminalServerId: string, id: string): string => `cal.v1.decision.${terminalServerId}.${id}`,
    to: (terminalServerId: string): string => `cal.v1.decision.${terminalServerId}.*`,
    all: 'cal.v1.decision.*.*',
  },
  trust: {
    request: (terminalServerId: string): string => `cal.v1.trust.request.${terminalServerId}`,
    requests: 'cal.v1.trust.request.*',
    snapshot: (terminalServerId: string): string => `cal.v1.trust.snapshot.${terminalServerId}`,
    snapshots: 'cal.v1.trust.snapshot.*',
    changed: 'cal.v1.trust.changed',
  },
  inventory: {
    allocate: (term: number): string => `cal.v1.inventory.allocate.${term}`,
    activation: (term: number): string => `cal.v1.inventory.activation.${term}`,
    install: (term: number): string => `cal.v1.inventory.install.${term}`,
    operate: (term: number): string => `cal.v1.inventory.operate.${term}`,
    /** Every term of one family. */
    family: (family: CommandFamily): string => `cal.v1.inventory.${family}.*`,
    query: (role: string, name: string): string => `cal.v1.inventory.query.${role}.${name}`,
    queries: 'cal.v1.inventory.query.*.*',
    heartbeat: 'cal.v1.inventory.head',
  },
  liaison: {
    command: (name: LiaisonCommandName): string => `cal.v1.liaison.command.${name}`,
    commands: 'cal.v1.liaison.command.*',
    query: (role: string, name: string): string => `cal.v1.liaison.query.${role}.${name}`,
    queries: 'cal.v1.liaison.query.*.*',
  },
  event: (name: string): string => `cal.v1.event.${name}`,
  events: 'cal.v1.event.*',
  dead: (service: string): string => `cal.v1.dead.${service}`,
  deadLetters: 'cal.v1.dead.*',
  ledger: 'cal.v1.ledger',
  /** What decisions saw, so that they can be explained. */
  decisionFacts: 'cal.v1.decision-facts',
  /** Snapshots of inventory's state: each place holds one, its manifest and the pieces of its content. */
  snapshot: {
    manifest: (place: number): string => `cal.v1.snapshot.${place}`,
    piece: (place: number, n: number): string => `cal.v1.snapshot.${place}.${n}`,
    all: 'cal.v1.snapshot.>',
  },
  /** The one value of the bucket CAL_KEYS. */
  issuingKeys: '$KV.CAL_KEYS.issuing',
  /** In the bucket CAL_LEADER: who leads. */
  leader: '$KV.CAL_LEADER.leader',
  /** In the bucket CAL_LEADER: which backup is being put back. */
  restoring: '$KV.CAL_LEADER.restoring',
} as const;

/** The parts of a subject of the license family; undefined for any other subject. */
export const parseLicenseSubject = (
  subject: string,
): { readonly verb: string; readonly terminalServerId: string } | undefined => {
  const match = /^cal\.v1\.license\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})$/.exec(subject);
  return match?.[1] && match[2] ? { verb: match[1], terminalServerId: match[2] } : undefined;
};
