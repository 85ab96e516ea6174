import { createNonce, explain, generate, verify } from '@cmc/attestationreport';
import { parsePemCertificates } from '@cmc/attestationreport/x509';

// The verifier: a challenge, and who may sign metadata.
const nonce = createNonce();
const metadataRoots = parsePemCertificates(`-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUQCC0KFlm1TyfjiGcLzFFBiYvg/4wCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMRXhhbXBsZSBSb290MCAXDTI2MTEyNDA2MTEyNVoYDzIxMjYx
MDMxMDYxMTI1WjAXMRUwEwYDVQQDDAxFeGFtcGxlIFJvb3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASB4to8cFxKx7vpoYrGuiu7CSHooG53brPH6J9OjLMTvPDC
3VOArUb2Uz5GnwPYTMWFc0FgtbBEh2WKt6gwhPsbo2MwYTAdBgNVHQ4EFgQUX4Sw
lI6BysbaKUqe2tc8Kx1ExgQwHwYDVR0jBBgwFoAUX4SwlI6BysbaKUqe2tc8Kx1E
xgQwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0EAwID
SAAwRQIgMrqcgR71R36kx+5XGetSuPoRjyElkxiB/CO6UO9//0gCIQDMpzHR3xTT
sr9C//UudHtCxv0BySOOzK+JIlZuXmTj1g==
-----END CERTIFICATE-----
`);

// The prover: a driver would go here; this one measures nothing.
const collateral = [{ type: 'SW Evidence' }];
const measure = async () => [{ type: 'SW Evidence', evidence: new Uint8Array() }];
const driver = { name: 'toy', prepare: async () => ({ collateral, measure }) };
const report = await generate({ measurers: [driver], nonce, name: 'toaster' });

// The verifier again.
const { ok, result } = await verify(report, { nonce, metadataRoots });
console.log(ok); // false: nobody vouches for a toaster
for (const sentence of explain(result)) console.log(sentence);
