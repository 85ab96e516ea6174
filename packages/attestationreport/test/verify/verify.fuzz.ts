import { encodeUtf8 } from '@cmc/bytes';
import { fuzzDecoder } from '@cmc/testkit';
import { expect } from 'vitest';
import { decodeReport } from '../../src/codec/index.ts';
import { explain } from '../../src/explain.ts';
import { createScene, imageDescription, manifestOf } from '../support/scene.ts';
import { containerReference } from '../support/software.ts';

const scenes = await Promise.all([createScene('json'), createScene('cbor')]);
const metadata = [imageDescription(['rtm']), manifestOf('rtm', 'rtm', [containerReference()])];

for (const scene of scenes) {
  const signed = await Promise.all(metadata.map((item) => scene.sign(item)));
  const plain = await scene.report({ metadata: signed });
  fuzzDecoder({
    name: `verify, ${scene.serialization}`,
    seeds: [
      plain,
      await scene.report({ metadata: signed, signer: scene.signer }),
      await scene.report({ metadata: [] }),
      ...signed,
      encodeUtf8('{"version":"3.3.0","type":"Attestation Report","encoding":"b64","context":""}'),
    ],
    decode: async (bytes) => {
      const { ok, result } = await scene.verify(bytes);
      const sentences = explain(result);
      expect(sentences[0]?.endsWith(ok ? 'certification level 1.' : 'is refused.')).toBe(true);
      // Nothing but a report that says the same is accepted.
      if (ok)
        expect(decodeReport(bytes).report.context).toEqual(decodeReport(plain).report.context);
    },
  });
}
