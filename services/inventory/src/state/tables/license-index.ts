// Finds the device of a license by the license's id, without keeping the id: an open hash table of device numbers, where
// whoever asks says whether a device has the license. License ids are random, so that nobody can make them collide.

const START = 1_024;

const hashOf = (id: string): number => {
  let h = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) h = Math.imul(h ^ id.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
};

export class LicenseIndex {
  private size = 0;
  private hashes = new Uint32Array(START);
  /** Device numbers, from 1; 0 is an empty place. */
  private devices = new Uint32Array(START);

  find(licenseId: string, has: (device: number) => boolean): number | undefined {
    const hash = hashOf(licenseId);
    const mask = this.devices.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const device = (this.devices[at] ?? 0) - 1;
      if (device < 0) return undefined;
      if (this.hashes[at] === hash && has(device)) return device;
    }
  }

  /** For a license that is not in the index yet. */
  add(licenseId: string, device: number): void {
    if (this.size * 4 >= this.devices.length * 3) this.grow();
    this.size += 1;
    this.place(hashOf(licenseId), device + 1);
  }

  private place(hash: number, device: number): void {
    const mask = this.devices.length - 1;
    let at = hash & mask;
    while (this.devices[at] !== 0) at = (at + 1) & mask;
    this.hashes[at] = hash;
    this.devices[at] = device;
  }

  private grow(): void {
    const { hashes, devices } = this;
    this.hashes = new Uint32Array(hashes.length * 2);
    this.devices = new Uint32Array(devices.length * 2);
    for (const [at, device] of devices.entries()) if (device !== 0) this.place(hashes[at] ?? 0, device);
  }
}
