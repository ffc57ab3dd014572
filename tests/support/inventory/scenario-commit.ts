// A commit that takes one command at a time, on the ledger of a scenario.

import type { LedgerRecord } from '@calbus/contracts/ledger';
import type { GroupCommit } from '../../../services/inventory/src/handlers/group-commit.ts';
import type { Scenario } from './scenario.ts';

/** `onRecords` may throw, as a commit fails. */
export const scenarioCommit = (
  scenario: Scenario,
  onRecords: (records: readonly LedgerRecord[]) => void = () => {},
): GroupCommit => ({
  submit: async (command) => {
    const { records, result } = command(scenario.state, scenario.context());
    if (records.length > 0) {
      onRecords(records);
      scenario.append(records);
    }
    const { generation, sequence } = scenario.state.head;
    return { result, position: { generation, sequence } };
  },
  stop: () => {},
});
