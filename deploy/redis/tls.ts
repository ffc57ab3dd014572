// The lines of Redis' configuration that permit only TLS. User and password authenticate clients, not certificates.

export type RedisTlsFiles = { readonly certificateFile: string; readonly keyFile: string };

export const redisTls = (port: number, { certificateFile, keyFile }: RedisTlsFiles): string[] => [
  'port 0',
  `tls-port ${port}`,
  `tls-cert-file ${JSON.stringify(certificateFile)}`,
  `tls-key-file ${JSON.stringify(keyFile)}`,
  'tls-auth-clients no',
];
