/**
 * What is kept of a password: H(username:realm:password) in hex, once for MD5 and once for SHA-256
 * (RFC 7616 §3.4.2). The password itself is never stored.
 */
export type Credentials = {
  readonly username: string;
  readonly realm: string;
  readonly md5: string;
  readonly sha256: string;
};
