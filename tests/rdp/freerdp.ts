// Stock FreeRDP as a device, with a name and a folder for its license. It runs on the terminal server machine, with the same Debian.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ManagedProcess } from '@calbus/local/managed-process';
import { eventually } from '@calbus/test-support/eventually';
import type { Machine } from './machine.ts';

export type VirtualDisplay = {
  readonly display: string;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Starts Xvfb on a free display. */
export const startVirtualDisplay = async (machine: Machine): Promise<VirtualDisplay> => {
  const tied = await machine.start(
    'Xvfb',
    ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  let number = '';
  tied.child.stdio[3]?.on('data', (chunk: Buffer) => (number += chunk.toString()));
  await eventually('Xvfb prints its display', () => number.endsWith('\n'), { withinMs: 60_000 });
  return {
    display: `:${number.trim()}`,
    [Symbol.asyncDispose]: async () => {
      await tied.stop();
    },
  };
};

export type Connection = {
  /** The output of the client so far. */
  readonly output: () => string;
  /** Waits up to a minute for the client to exit by itself. */
  readonly exitCode: () => Promise<number | null>;
  readonly disconnect: () => Promise<void>;
};

export type FreeRdpClient = {
  readonly name: string;
  /** FreeRDP derives it from the name. */
  readonly hardwareId: string;
  /** The stored license; undefined if there is none. */
  readonly license: () => string | undefined;
  readonly storeLicense: (license: string) => void;
  readonly connect: (
    port: number,
    who: { readonly user: string; readonly password: string },
  ) => Promise<Connection>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex');

export type FreeRdpOptions = {
  readonly machine: Machine;
  readonly screen: VirtualDisplay;
  readonly client: string;
};

export const createFreeRdpClient = (
  name: string,
  { machine, screen, client }: FreeRdpOptions,
): FreeRdpClient => {
  const dir = mkdtempSync(path.join(tmpdir(), 'calbus-desk-'));
  const licenses = path.join(dir, 'freerdp', 'licenses');
  const file = path.join(licenses, `${hash('sha1', name)}.cal`);
  const running = new Set<ManagedProcess>();
  return {
    name,
    hardwareId: `00000104${hash('md5', name)}`,
    license: () => (existsSync(file) ? readFileSync(file, 'latin1') : undefined),
    storeLicense: (license) => {
      mkdirSync(licenses, { recursive: true });
      writeFileSync(file, license, 'latin1');
    },
    connect: async (port, { user, password }) => {
      const args = [`/v:127.0.0.1:${port}`, `/u:${user}`, `/p:${password}`, `/client-hostname:${name}`];
      const tied = await machine.start(client, [...args, '/cert:ignore', '/size:800x600', '/timeout:30000'], {
        env: { HOME: dir, XDG_CONFIG_HOME: dir, DISPLAY: screen.display },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.add(tied);
      let output = '';
      for (const stream of [tied.child.stdout, tied.child.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
      let closed = false;
      tied.child.once('close', () => (closed = true));
      return {
        output: () => output,
        exitCode: async () => {
          // `close` comes after the last output.
          await eventually('the client exits by itself', () => closed, { withinMs: 60_000 });
          return (await tied.ended).code;
        },
        disconnect: () => tied.stop(),
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const tied of running) await tied.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
