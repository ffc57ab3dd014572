// A device in the reports on identities.

/** A device as its last record has it. */
export type DeviceHistory = {
  readonly hardwareId: string;
  name: string;
  user: string | null;
  readonly firstAt: number;
  lastAt: number;
  /** When its name was last recorded. */
  nameAt: number;
  kind: 'temporary' | 'full';
  /** The end of its license; earlier where that was ended early. */
  until: number;
};
