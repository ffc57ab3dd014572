// One release as the test uses it: the code of this checkout, or the earlier release by the modules that its description names.

import path from 'node:path';
import { prepareDeployment, writeProfile } from '@calbus/local/deployment';
import { provisionNats } from '@calbus/local/startup';
import { repositoryRoot } from '@calbus/local/repository';
import type { NatsPlace } from '@calbus/local/servers/nats';
import type { RabbitDefinitions } from '@calbus/local/servers/rabbitmq-definitions';
import { serviceEnvironment } from '@calbus/local/services';
import { readAdmissionList } from '@calbus/operator-client/registrar/admission-list';
import { connect } from '@calbus/terminal-server/client';
import { fileStore } from '@calbus/terminal-server/file-store';
import { earlier, importFrom } from './earlier-release.ts';

export const serviceNames = [
  'clearinghouse',
  'inventory',
  'clearinghouse-liaison',
  'issuer',
  'session-gateway',
] as const;
export type ServiceName = (typeof serviceNames)[number];
export type LocalTerminalServer = { readonly mode: 'per-device' | 'per-user'; readonly version: '2003' };
export type ServerUrls = Readonly<Record<'nats' | 'redis' | 'rabbitmq', { readonly url: string }>>;

/** What both releases call a deployment, as far as the test looks. */
export type Deployment = {
  readonly dataDir: string;
  readonly rootFile: string;
  readonly seedFile: (who: 'inventory-ledger' | { readonly terminalServer: string }) => string;
  readonly configuration: {
    readonly nats: { readonly config: (place: NatsPlace) => string };
    readonly redis: { readonly users: readonly string[] };
    readonly rabbitmq: { readonly definitions: RabbitDefinitions };
  };
};

export type LicenseAnswer = { readonly row: string; readonly outcome: { readonly kind: string } };
export type Question = {
  readonly device: { readonly hardwareId: string; readonly name: string };
  readonly user?: { readonly name: string; readonly domain: string; readonly authenticatedBy: string };
};

/** The library of terminal servers, as far as both releases have it. */
export type LibraryClient = {
  readonly request: (ask: Question) => Promise<LicenseAnswer>;
  readonly validated: (licenseId: string, hardwareId: string) => Promise<LicenseAnswer>;
  readonly close: () => Promise<void>;
};

export type LibraryOptions = LocalTerminalServer & {
  readonly servers: string;
  readonly seed: string;
  readonly terminalServerId: string;
  readonly roots: readonly string[];
  readonly storeFile: string;
};

export type Release = {
  readonly name: string;
  readonly mainOf: (service: ServiceName) => string;
  readonly calbus: string;
  readonly clearinghouse: string;
  /** Makes what is missing in the folder, and renders configurations; starts nothing. */
  readonly prepare: (
    dataDir: string,
    terminalServers: Readonly<Record<string, LocalTerminalServer>>,
  ) => Deployment;
  readonly environment: (service: ServiceName, d: Deployment, servers: ServerUrls) => Record<string, string>;
  readonly provision: (natsUrl: string, d: Deployment) => Promise<void>;
  readonly writeProfile: (d: Deployment, servers: ServerUrls) => void;
  readonly connectLibrary: (o: LibraryOptions) => Promise<LibraryClient>;
  readonly openStore: (file: string) => Store;
  readonly readAdmissionList: (folder: string) => unknown;
};
/** The store of the library. */
export type Store = { readonly load: () => Promise<unknown>; readonly close?: () => Promise<void> };

const mainIn =
  (root: string) =>
  (service: ServiceName): string =>
    path.join(root, 'services', service, 'src', 'main.ts');

type CurrentDeployment = ReturnType<typeof prepareDeployment>;

/** The code of this checkout. */
export const currentRelease: Release = {
  name: 'this checkout',
  mainOf: mainIn(repositoryRoot),
  calbus: path.join(repositoryRoot, 'services/cli/src/main.ts'),
  clearinghouse: path.join(repositoryRoot, 'services/clearinghouse/src/cli/main.ts'),
  prepare: (dataDir, terminalServers) => prepareDeployment(dataDir, terminalServers),
  environment: (service, d, servers) => serviceEnvironment(service, d as CurrentDeployment, servers),
  provision: (natsUrl, d) => provisionNats(natsUrl, d as CurrentDeployment),
  writeProfile: (d, servers) => void writeProfile(d as CurrentDeployment, servers),
  connectLibrary: ({ storeFile, ...o }) => connect({ ...o, store: fileStore(storeFile) }),
  openStore: fileStore,
  readAdmissionList,
};

/** The exports of the earlier release that the test calls; their names are fixed by that release. */
type EarlierModules = {
  readonly deployment: {
    readonly prepareDeployment: Release['prepare'];
    readonly writeProfile: Release['writeProfile'];
  };
  readonly provisioning: { readonly provisionAll: Release['provision'] };
  readonly services: { readonly serviceEnvironment: Release['environment'] };
  readonly terminalServer: {
    readonly connect: (
      o: Omit<LibraryOptions, 'storeFile'> & { readonly store: Store },
    ) => Promise<LibraryClient>;
  };
  readonly admissionList: { readonly readList: Release['readAdmissionList'] };
  readonly fileStore: { readonly fileStore: (file: string) => Store };
};

/** The earlier release, unpacked under `root`. */
export const earlierRelease = async (root: string): Promise<Release> => {
  const load = <K extends keyof EarlierModules>(name: K): Promise<EarlierModules[K]> =>
    importFrom(root, name);
  const [deployment, provisioning, services, terminalServer, store, admissionList] = await Promise.all([
    load('deployment'),
    load('provisioning'),
    load('services'),
    load('terminalServer'),
    load('fileStore'),
    load('admissionList'),
  ]);
  return {
    name: earlier.version,
    mainOf: mainIn(root),
    calbus: path.join(root, earlier.commands.calbus),
    clearinghouse: path.join(root, earlier.commands.clearinghouse),
    prepare: deployment.prepareDeployment,
    environment: services.serviceEnvironment,
    provision: provisioning.provisionAll,
    writeProfile: deployment.writeProfile,
    connectLibrary: ({ storeFile, ...o }) =>
      terminalServer.connect({ ...o, store: store.fileStore(storeFile) }),
    openStore: store.fileStore,
    readAdmissionList: admissionList.readList,
  };
};
