// Who holds what: devices by hardware id, packed, and licenses by id. Each device has a number, so that a license
// points to its device without a second copy of the hardware id. Neither is ever removed.

import type { Device } from './license.ts';
import { LicenseIndex } from './license-index.ts';
import { packDevice, rowHas, unpackDevice } from './packed-rows.ts';
import type { Table } from './table.ts';
import type { StringPool } from './string-pool.ts';

export class DeviceTable implements Table<Device> {
  private readonly strings: StringPool;
  private readonly numbers: Map<string, number>;
  private readonly hardwareIds: string[];
  private readonly rows: string[];

  constructor(
    words: StringPool,
    numbers = new Map<string, number>(),
    hardwareIds: string[] = [],
    rows: string[] = [],
  ) {
    this.strings = words;
    this.numbers = numbers;
    this.hardwareIds = hardwareIds;
    this.rows = rows;
  }

  get(hardwareId: string): Device | undefined {
    const row = this.rows[this.numbers.get(hardwareId) ?? -1];
    return row === undefined ? undefined : unpackDevice(row, hardwareId, this.strings);
  }

  set(hardwareId: string, device: Device): void {
    this.setRow(hardwareId, packDevice(device, this.strings));
  }

  setRow(hardwareId: string, row: string): void {
    const known = this.numbers.get(hardwareId);
    if (known === undefined) {
      this.numbers.set(hardwareId, this.rows.length);
      this.hardwareIds.push(hardwareId);
      this.rows.push(row);
    } else {
      this.rows[known] = row;
    }
  }

  *keys(): Generator<string> {
    for (let n = 0; n < this.rows.length; n += 1) yield this.idAt(n);
  }

  *values(): Generator<Device> {
    for (const [hardwareId, row] of this.entries()) yield unpackDevice(row, hardwareId, this.strings);
  }

  /** Hardware ids with their packed rows. */
  *entries(): Generator<[string, string]> {
    for (const [n, row] of this.rows.entries()) yield [this.idAt(n), row];
  }

  /** Devices in whose row each of these texts stands, in whatever case: more than have such a name, but found without unpacking all. */
  *withTexts(texts: readonly string[]): Generator<Device> {
    const needles = texts.map((text) => JSON.stringify(text).slice(1, -1).toLowerCase());
    for (const [hardwareId, row] of this.entries()) {
      const lower = needles.length === 0 ? '' : row.toLowerCase();
      if (needles.every((n) => lower.includes(n))) yield unpackDevice(row, hardwareId, this.strings);
    }
  }

  numberOf(hardwareId: string): number | undefined {
    return this.numbers.get(hardwareId);
  }

  idAt(n: number): string {
    const id = this.hardwareIds[n];
    if (id === undefined) throw new Error(`there is no device ${n}`);
    return id;
  }

  rowAt(n: number): string {
    return this.rows[n] ?? '';
  }

  /** The table as it stands now, at the cost of copying one reference a device: rows are replaced, never changed. */
  freeze(): DeviceTable {
    return new DeviceTable(this.strings, this.numbers, this.hardwareIds, this.rows.slice());
  }
}

/** License id to hardware id, for devices that are in the table. */
export class OwnerTable implements Table<string> {
  private readonly devices: DeviceTable;
  private readonly index = new LicenseIndex();

  constructor(devices: DeviceTable) {
    this.devices = devices;
  }

  get(licenseId: string): string | undefined {
    const n = this.index.find(licenseId, (device) => rowHas(this.devices.rowAt(device), licenseId));
    return n === undefined ? undefined : this.devices.idAt(n);
  }

  /** A license stays with its device: another one for a known license is not taken. */
  set(licenseId: string, hardwareId: string): void {
    const n = this.devices.numberOf(hardwareId);
    if (n === undefined) throw new Error(`no device ${hardwareId} for license ${licenseId}`);
    this.index.add(licenseId, n);
  }

  *keys(): Generator<string> {
    for (const device of this.devices.values()) for (const l of device.licenses) yield l.licenseId;
  }
}
