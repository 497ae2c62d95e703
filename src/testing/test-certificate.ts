/**
 * A self-signed certificate for localhost, pbx.test, 127.0.0.1 and ::1, valid until 2126, for tests of TLS and WSS.
 * Its key is public; it must never leave the tests. Made anew with:
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 36500
 *   -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:pbx.test,IP:127.0.0.1,IP:::1
 */
export const testCertificate = Object.freeze({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCoak1Q2O/AfHjvhP
5Z3JpfREN82wulC82p+MaiMSIXuhRANCAATZDIiCwhRPS/kQgrNwrXCw0Jn1gEYD
LDsR/hh8cBiHCGV/V6Jo5xpFshuHh2cwIl0V1hLgvAMYKkFQQ3lSwpte
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBuTCCAV+gAwIBAgIUXm1OyTLg2OIj1Rx9FX62B/FIFHswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAzMjA0NloYDzIxMjYxMDI4
MDMyMDQ2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATZDIiCwhRPS/kQgrNwrXCw0Jn1gEYDLDsR/hh8cBiHCGV/V6Jo5xpF
shuHh2cwIl0V1hLgvAMYKkFQQ3lSwpteo4GMMIGJMB0GA1UdDgQWBBSbTLlTYKE+
QfyONuE79yWEwx5AhDAfBgNVHSMEGDAWgBSbTLlTYKE+QfyONuE79yWEwx5AhDAP
BgNVHRMBAf8EBTADAQH/MDYGA1UdEQQvMC2CCWxvY2FsaG9zdIIIcGJ4LnRlc3SH
BH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZIzj0EAwIDSAAwRQIhAIxWxV4G
ZduJ+VxRuKv3iuIkn35bvwkhzuxNwXB2KCoaAiAX6MJMdprL+sTAhamSxb9hxEWd
Wk4PVXBQoMI35IOVeQ==
-----END CERTIFICATE-----
`,
});
