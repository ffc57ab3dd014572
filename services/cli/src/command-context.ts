// What commands need of their surroundings. Connections are opened only when a command asks for them, and their code is loaded then.

import type { Redis } from 'ioredis';
import type { Command } from 'commander';
import type { OperatorClient } from '@calbus/operator-client/client';
import type { Profile } from '@calbus/operator-client/profile';

export type CommandContext = {
  readonly profile: () => Promise<Profile>;
  readonly withOperator: (act: (operator: OperatorClient) => Promise<void>) => Promise<void>;
  readonly withLiveCounts: (act: (operator: OperatorClient, redis: Redis) => Promise<void>) => Promise<void>;
};

/** Every file of commands exports one as `define`. It adds options, arguments and an action to `command`. */
export type DefineCommand = (command: Command, context: CommandContext) => void;

/** `profileFile` returns the value of `--profile`. */
export const newCommandContext = (profileFile: () => string | undefined): CommandContext => {
  const profile: CommandContext['profile'] = async () => {
    const { loadProfile } = await import('@calbus/operator-client/profile');
    return loadProfile(profileFile());
  };
  const withOperator: CommandContext['withOperator'] = async (act) => {
    const loaded = await profile();
    const { connectOperator } = await import('@calbus/operator-client/client');
    const operator = await connectOperator(loaded);
    try {
      await act(operator);
    } finally {
      await operator.close();
    }
  };
  return {
    profile,
    withOperator,
    withLiveCounts: (act) =>
      withOperator(async (operator) => {
        const { openProfileLiveCounts } = await import('@calbus/operator-client/live-counts');
        const redis = openProfileLiveCounts(await profile());
        try {
          await act(operator, redis);
        } finally {
          redis.disconnect();
        }
      }),
  };
};
