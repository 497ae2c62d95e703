import { createCipheriv } from 'node:crypto';

/** The crypto suites of RFC 4568 §6.2, RFC 6188 and RFC 7714 that are spoken here. */
export type SrtpSuite =
  | 'AES_CM_128_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_32'
  | 'AES_256_CM_HMAC_SHA1_80'
  | 'AES_256_CM_HMAC_SHA1_32'
  | 'AEAD_AES_128_GCM'
  | 'AEAD_AES_256_GCM';

export type SrtpSuiteProfile = {
  readonly aead: boolean;
  /** Octets. */
  readonly keyLength: number;
  readonly saltLength: number;
  readonly rtpTag: number;
  readonly rtcpTag: number;
};

const CM = { aead: false, saltLength: 14, rtcpTag: 10 };
const GCM = { aead: true, saltLength: 12, rtpTag: 16, rtcpTag: 16 };

export const SRTP_SUITES: Readonly<Record<SrtpSuite, SrtpSuiteProfile>> = Object.freeze({
  AES_CM_128_HMAC_SHA1_80: { ...CM, keyLength: 16, rtpTag: 10 },
  AES_CM_128_HMAC_SHA1_32: { ...CM, keyLength: 16, rtpTag: 4 },
  AES_256_CM_HMAC_SHA1_80: { ...CM, keyLength: 32, rtpTag: 10 },
  AES_256_CM_HMAC_SHA1_32: { ...CM, keyLength: 32, rtpTag: 4 },
  AEAD_AES_128_GCM: { ...GCM, keyLength: 16 },
  AEAD_AES_256_GCM: { ...GCM, keyLength: 32 },
});

export function isSrtpSuite(name: string): name is SrtpSuite {
  return Object.hasOwn(SRTP_SUITES, name);
}

/** Master key and salt of one direction, as an a=crypto line carries them. */
export type SrtpMaster = {
  readonly suite: SrtpSuite;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  /** Master key identifier in every packet, if the line asks for one (RFC 3711 §3.1). */
  readonly mki?: Uint8Array;
};

export type SrtpSessionKeys = {
  readonly cipher: Buffer;
  readonly auth: Buffer;
  readonly salt: Buffer;
};

/** Labels of RFC 3711 §4.3.2: for RTP these, for RTCP three more. */
const LABEL_ENCRYPTION = 0;
const LABEL_AUTHENTICATION = 1;
const LABEL_SALT = 2;
const RTCP_LABELS = 3;
const AUTH_KEY_LENGTH = 20;
const KDF_SALT_LENGTH = 14;

/** Session keys for RTP or RTCP, with a key derivation rate of zero (RFC 3711 §4.3, RFC 7714 §11). */
export function deriveSrtpKeys(master: SrtpMaster, protocol: 'rtp' | 'rtcp'): SrtpSessionKeys {
  const { keyLength, saltLength } = SRTP_SUITES[master.suite];
  const first = protocol === 'rtp' ? 0 : RTCP_LABELS;
  const derive = (label: number, length: number) => {
    // RFC 7714 §11: a salt of 96 bits is filled up with zeros to the 112 bits of the derivation.
    const counter = Buffer.alloc(KDF_SALT_LENGTH + 2);
    counter.set(master.salt.subarray(0, saltLength));
    counter[7]! ^= label;
    const cipher = createCipheriv(keyLength === 16 ? 'aes-128-ctr' : 'aes-256-ctr', master.key, counter);
    return cipher.update(Buffer.alloc(length));
  };
  return {
    cipher: derive(first + LABEL_ENCRYPTION, keyLength),
    auth: derive(first + LABEL_AUTHENTICATION, AUTH_KEY_LENGTH),
    salt: derive(first + LABEL_SALT, saltLength),
  };
}
