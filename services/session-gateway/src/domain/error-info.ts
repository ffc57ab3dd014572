// Set Error Info (MS-RDPBCGR 2.2.5.1): the reason why the server closes the connection. Clients show it to their users.

import { concat, u32le } from './bytes.ts';
import { encodeSendIndication } from './mcs.ts';

/** ERRINFO_LICENSE_… of MS-RDPBCGR. */
export const errorInfo = {
  noLicenseServer: 0x101,
  noLicense: 0x102,
  hardwareId: 0x104,
} as const;
export type ErrorInfo = (typeof errorInfo)[keyof typeof errorInfo];

const SHARE = [0x16, 0x00, 0x17, 0x00, 0xea, 0x03, 0xea, 0x03, 0x01, 0x00] as const;
const SET_ERROR_INFO = [0x00, 0x01, 0x16, 0x00, 0x2f, 0x00, 0x00, 0x00] as const;

export const encodeSetErrorInfo = (channel: number, code: ErrorInfo): Uint8Array =>
  encodeSendIndication(channel, concat(SHARE, SET_ERROR_INFO, u32le(code)));
