/** A device by its last record, for the identity report. */
export type DeviceHistory = {
  readonly hardwareId: string;
  name: string;
  user: string | null;
  readonly firstAt: number;
  lastAt: number;
  /** The time of the last record of its name. */
  nameAt: number;
  kind: 'temporary' | 'full';
  /** The end of its license, or the time at which an operator ended it. */
  until: number;
};
