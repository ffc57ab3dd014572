// What an operator can do about a connection over TLS that cannot be made. Codes are matched, never texts.

/** The words for one server, in the settings of the client. */
export type TlsNames = {
  readonly server: 'NATS' | 'Redis' | 'RabbitMQ';
  /** The setting with its address, and the one with who may have certified it. */
  readonly url: string;
  readonly caFile: string;
  /** How an address begins that means TLS. */
  readonly scheme: string;
};

const OTHER_AUTHORITY = ({ server, caFile }: TlsNames): string =>
  `${server}'s certificate is not under the authority in ${caFile}.`;
const NO_TLS = ({ server, url, scheme }: TlsNames): string =>
  `${server} speaks no TLS there: turn it on at ${server}, or correct ${url}, which begins with ${scheme}.`;

const advice: Readonly<Record<string, (n: TlsNames) => string>> = {
  CERT_HAS_EXPIRED: ({ server }) => `${server}'s certificate is out of date: renew it there.`,
  CERT_NOT_YET_VALID: ({ server }) => `${server}'s certificate is not in date yet: compare the clocks.`,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ server, url }) =>
    `${server}'s certificate names another host than ${url}: correct the one or the other.`,
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_AUTHORITY,
  CERT_SIGNATURE_FAILURE: OTHER_AUTHORITY,
  INVALID_PURPOSE: ({ server }) =>
    `${server}'s certificate is not one of a server: give it another that may be used for serverAuth.`,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  /** The NATS driver's own word for it. */
  SERVER_OPT_NA: NO_TLS,
};

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? '';

/** Looks at the error and at what caused it. Nothing where no advice is known. */
export const tlsAdvice = (error: unknown, names: TlsNames): { readonly says?: string } => {
  if (!(error instanceof Error)) return {};
  const says = advice[codeOf(error)];
  if (says !== undefined) return { says: says(names) };
  return error.cause === undefined || error.cause === error ? {} : tlsAdvice(error.cause, names);
};
