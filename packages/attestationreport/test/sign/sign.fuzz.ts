import { encodeUtf8, toBase64url } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import { extractPayload, isSignedReport, signPayload, verifySigned } from '../../src/sign/index.ts';
import { x5cOf } from './jws-messages.ts';
import { createMetadataCa } from './keys.ts';

const ca = await createMetadataCa();
const issued = await ca.issue();
const signers = [issued.signer, (await ca.issue({ commonName: 'two' })).signer];
const payload = encodeUtf8('{"type":"Manifest"}');

for (const serialization of ['json', 'cbor'] as const) {
  const seeds = [
    await signPayload(payload, signers.slice(0, 1), serialization),
    await signPayload(payload, signers, serialization),
  ];

  // What was never signed must never come out as verified.
  fuzzDecoder({
    name: `verifySigned in ${serialization}`,
    seeds,
    decode: async (bytes) => {
      const result = await verifySigned(bytes, ca.trusting);
      if (result.ok && !Buffer.from(result.payload).equals(payload)) throw new Error('accepted');
    },
  });

  fuzzDecoder({
    name: `extractPayload in ${serialization}`,
    seeds,
    decode: (bytes) => {
      isSignedReport(bytes);
      return extractPayload(bytes);
    },
  });
}

// Mutations of a JWS rarely survive its base64: what is inside is mutated here.
fuzzDecoder({
  name: 'verifySigned with a protected header of JWS',
  seeds: [
    encodeUtf8(JSON.stringify({ alg: 'ES256', x5c: x5cOf(issued) })),
    encodeUtf8('{"alg":"ES256","crit":["b64"],"b64":false,"jwk":{}}'),
  ],
  decode: async (bytes) => {
    const message = { payload: 'e30', protected: toBase64url(bytes), signature: 'AAAA' };
    const result = await verifySigned(encodeUtf8(JSON.stringify(message)), ca.trusting);
    if (result.ok) throw new Error('accepted');
  },
});
