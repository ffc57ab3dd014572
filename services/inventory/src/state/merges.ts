// Devices that an operator merged (M1): the ledger maps one hardware id to the device that holds its licenses.

import type { LicenseFacts } from '@calbus/contracts/license';
import type { State } from './state.ts';
import { factsOf, type License } from './tables/license.ts';

/** The hardware id under which the ledger holds the licenses of this one. */
export const holderOf = (state: Pick<State, 'merges'>, hardwareId: string): string => {
  let holder = hardwareId;
  for (;;) {
    const into = state.merges.get(holder)?.into;
    if (into === undefined || into === null) return holder;
    holder = into;
  }
};

/** A license as the device `askedAs` gets it: under its own hardware id, and with the holder where that is another device. */
export const licenseFactsFor = (askedAs: string, license: License): LicenseFacts => {
  const facts = factsOf(license);
  const { hardwareId: holder } = license;
  return holder === askedAs ? facts : { ...facts, hardwareId: askedAs, holder };
};
