import type { Headers } from './signaling.ts';

/** What phones may send us inside a dialog. */
export const allowedMethods =
  'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, NOTIFY, REFER';

/** Extensions that we understand, as an INVITE or its answer says them. */
export const supportedExtensions = ['timer', 'replaces', '100rel'] as const;

/** What we say of ourselves in INVITEs and 2xx. */
export const capabilities: Headers = {
  Allow: allowedMethods,
  Supported: supportedExtensions.join(', '),
};
