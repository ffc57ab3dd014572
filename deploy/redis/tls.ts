// The lines of Redis' configuration by which it speaks TLS and nothing else. Clients are known by user and password, not by certificates.

export type RedisTlsFiles = { readonly certificateFile: string; readonly keyFile: string };

export const redisTls = (port: number, { certificateFile, keyFile }: RedisTlsFiles): string[] => [
  'port 0',
  `tls-port ${port}`,
  `tls-cert-file ${JSON.stringify(certificateFile)}`,
  `tls-key-file ${JSON.stringify(keyFile)}`,
  'tls-auth-clients no',
];
