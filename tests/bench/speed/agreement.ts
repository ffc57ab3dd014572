// What the license server of the benchmark has bought: more than is asked for, but for one version, of which a single CAL is there.

import type { LocalTerminalServer } from '@calbus/local/deployment';
import type { LicensingMode } from '@calbus/contracts/tokens';
import type { ProductVersion } from '@calbus/contracts/versions';

export const PLENTY: ProductVersion = '2022';
export const SCARCE: ProductVersion = '2025';

export const agreement = {
  program: 'select',
  agreementNumber: '7654321',
  company: 'Bench Ltd',
  covers: [
    { version: PLENTY, mode: 'per-device', quantity: 2_000_000 },
    { version: SCARCE, mode: 'per-device', quantity: 1 },
    { version: PLENTY, mode: 'per-user', quantity: 100_000 },
  ],
} as const;

const { program, agreementNumber } = agreement;
const purchase = (version: ProductVersion, mode: LicensingMode, quantity: number) =>
  ({ program, agreementNumber, version, mode, quantity }) as const;

export const packs = [
  purchase(PLENTY, 'per-device', 1_000_000),
  purchase(PLENTY, 'per-device', 1_000_000),
  purchase(SCARCE, 'per-device', 1),
  purchase(PLENTY, 'per-user', 100_000),
];

export const terminalServers: Readonly<Record<string, LocalTerminalServer>> = {
  plenty: { mode: 'per-device', version: PLENTY },
  scarce: { mode: 'per-device', version: SCARCE },
  users: { mode: 'per-user', version: PLENTY },
};
