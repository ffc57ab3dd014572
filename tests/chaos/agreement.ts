// What the site has bought: pools that run empty within the run, and one that does not.

import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';

export const agreement = {
  program: 'select',
  agreementNumber: '7654321',
  company: 'Chaos Ltd',
  covers: [
    { version: '2003', mode: 'per-device', quantity: 40 },
    { version: '2008', mode: 'per-device', quantity: 20_000 },
    { version: '2022', mode: 'per-device', quantity: 5_000 },
    { version: '2003', mode: 'per-user', quantity: 5 },
  ],
} as const;

type Purchase = {
  readonly program: 'select';
  readonly agreementNumber: string;
  readonly version: ProductVersion;
  readonly mode: LicensingMode;
  readonly quantity: number;
};

const { program, agreementNumber } = agreement;
export const purchase = (version: ProductVersion, mode: LicensingMode, quantity: number): Purchase => ({
  program,
  agreementNumber,
  version,
  mode,
  quantity,
});

/** Installed before the run begins. */
export const firstPacks: readonly Purchase[] = [
  purchase('2003', 'per-device', 30),
  purchase('2008', 'per-device', 10_000),
  purchase('2022', 'per-device', 50),
  purchase('2003', 'per-user', 5),
];

export const terminalServers: Readonly<
  Record<string, { readonly mode: LicensingMode; readonly version: ProductVersion }>
> = {
  ts1: { mode: 'per-device', version: '2003' },
  ts2: { mode: 'per-user', version: '2003' },
  ts3: { mode: 'per-device', version: '2008' },
  ts4: { mode: 'per-device', version: '2022' },
  ts5: { mode: 'per-user', version: '2025' },
};
