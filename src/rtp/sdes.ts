import { isSrtpSuite, SRTP_SUITES, type SrtpMaster, type SrtpSuite } from './srtp-suite.ts';

/** An a=crypto line (RFC 4568 §4). */
export type SdesCrypto = SrtpMaster & {
  readonly tag: number;
  /** As written, `2^31` or a number; it is not enforced. */
  readonly lifetime?: string;
  /** Session parameters as written, in order: KDR=…, UNENCRYPTED_SRTCP, …; those that are not understood refuse the line. */
  readonly parameters: readonly string[];
};

const LONGEST_MKI = 128;

/**
 * Reads the value of an a=crypto attribute, `1 AES_CM_128_HMAC_SHA1_80 inline:…`. Undefined if it is not well formed, or
 * asks for what is not done here: another suite, several keys, session parameters other than WSH and FEC order.
 */
export function parseCrypto(value: string): SdesCrypto | undefined {
  const [tag = '', suite = '', keys = '', ...parameters] = value.trim().split(/\s+/);
  if (!/^\d{1,9}$/.test(tag) || !isSrtpSuite(suite) || !parameters.every(bearable)) return undefined;
  const master = parseKeys(suite, keys);
  return master && { tag: Number(tag), parameters, ...master };
}

/** RFC 4568 §6.3: WSH is advice and `-` marks what may be ignored; others change the packets. */
function bearable(parameter: string): boolean {
  return /^WSH=\d+$/.test(parameter) || parameter.startsWith('-');
}

function parseKeys(suite: SrtpSuite, keys: string): (SrtpMaster & { lifetime?: string }) | undefined {
  const inline = /^inline:([A-Za-z0-9+/]+={0,2})((?:\|[^|;]*){0,2})$/.exec(keys);
  if (inline === null) return undefined;
  const { keyLength, saltLength } = SRTP_SUITES[suite];
  const material = Buffer.from(inline[1] ?? '', 'base64');
  const extras = parseExtras((inline[2] ?? '').split('|').slice(1));
  if (material.length !== keyLength + saltLength || extras === undefined) return undefined;
  return { suite, key: material.subarray(0, keyLength), salt: material.subarray(keyLength), ...extras };
}

function parseExtras(fields: readonly string[]): { lifetime?: string; mki?: Buffer } | undefined {
  const extras: { lifetime?: string; mki?: Buffer } = {};
  for (const field of fields) {
    const mki = /^(\d{1,38}):(\d{1,3})$/.exec(field);
    if (mki !== null && extras.mki === undefined) {
      const length = Number(mki[2]);
      if (length < 1 || length > LONGEST_MKI) return undefined;
      const hex = BigInt(mki[1] ?? '0')
        .toString(16)
        .padStart(length * 2, '0');
      if (hex.length > length * 2) return undefined;
      extras.mki = Buffer.from(hex, 'hex');
    } else if (/^(2\^)?\d{1,20}$/.test(field) && extras.mki === undefined && extras.lifetime === undefined) {
      extras.lifetime = field;
    } else return undefined;
  }
  return extras;
}

/** Prints the value of an a=crypto attribute. */
export function printCrypto(crypto: SdesCrypto): string {
  const { tag, suite, key, salt, lifetime, mki, parameters } = crypto;
  const fields = [`inline:${Buffer.concat([key, salt]).toString('base64')}`];
  if (lifetime !== undefined) fields.push(lifetime);
  if (mki !== undefined) fields.push(`${BigInt(`0x${Buffer.from(mki).toString('hex')}`)}:${mki.length}`);
  return [tag, suite, fields.join('|'), ...parameters].join(' ');
}
