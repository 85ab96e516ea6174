import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  type Component,
  generate,
  type Measurer,
  type Metadata,
  verify,
} from '@cmc/attestationreport';
import { encodeStruct, metadataSchema } from '@cmc/attestationreport/codec';
import { signPayload } from '@cmc/attestationreport/sign';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { ByteWriter, concatBytes } from '@cmc/bytes';
import { createFakeCa, type FakeKey } from '@cmc/testkit';
import { encodeTpmlPcrSelection, encodeTpmtSignature } from 'tpm2-ts/verify';
import { atMost, type Figure, median, shown, timeEach } from './benchmark.ts';

const EVENTS = 100_000;
const RUNS = 5;
const IMA_PCR = 10;
const DAY_MS = 86_400_000;
const NONCE = new Uint8Array(32).fill(1);

/**
 * Verification of a report whose IMA list has 100,000 files, all of them known. In CBOR: as JSON such
 * a report, with the reference values in it, is longer than what verifiers take.
 */
export async function verifyIma(): Promise<readonly Figure[]> {
  const half = await timeOf(EVENTS / 2);
  const whole = await timeOf(EVENTS);
  return [
    atMost('100,000 IMA events', whole.ms, 'ms', 1000),
    atMost('time of 100,000 to that of 50,000', whole.ms / half.ms, 'x', 2.5),
    shown('size of the report', whole.bytes / 1e6, 'MB'),
  ];
}

/** Milliseconds of a verification, and size of the report. */
async function timeOf(events: number): Promise<{ readonly ms: number; readonly bytes: number }> {
  const ca = createFakeCa({ commonName: 'Benchmark CA' });
  const roots = [parseCertificate(ca.certificate)];
  const { signer } = await ca.issue({ commonName: 'Developer', extendedKeyUsage: ['codeSigning'] });
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key: FakeKey = { algorithm: 'EC256', ...pair };
  const { certificate } = await ca.issue({
    commonName: 'AK',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['2.23.133.8.3'],
    key,
  });
  const components = Array.from({ length: events }, (_, i) => imaComponent(i));
  const metadata = await Promise.all(
    metadataOf(components).map((item) =>
      signPayload(encodeStruct(metadataSchema, item, 'cbor'), [signer], 'cbor'),
    ),
  );
  const measurers = [tpmMeasurer(components, certificate, key)];
  const report = await generate({ measurers, nonce: NONCE, metadata, serialization: 'cbor' });
  const run = async (): Promise<void> => {
    const { ok, result } = await verify(report, { nonce: NONCE, metadataRoots: roots });
    if (!ok) throw new Error(`the report is refused: ${result.summary.details}`);
  };
  await run();
  return { ms: median(await timeEach(RUNS, run)), bytes: report.length };
}

function imaComponent(number: number): Component {
  const name = `file-${number}.so`;
  return {
    type: 'application',
    name,
    hashes: [{ alg: 'SHA-256', content: sha256(new TextEncoder().encode(name)) }],
    optional: true,
    description: `/usr/lib/x86_64-linux-gnu/package/${name}`,
    properties: [
      { name: 'cmc.ta', value: 'TPM' },
      { name: 'cmc.index', value: String(IMA_PCR) },
    ],
  };
}

function tpmMeasurer(
  events: readonly Component[],
  certificate: Uint8Array,
  key: FakeKey,
): Measurer {
  let value: Uint8Array = new Uint8Array(32);
  for (const event of events) {
    value = sha256(concatBytes(value, event.hashes?.[0]?.content ?? new Uint8Array()));
  }
  const artifacts = [{ type: 'PCR Eventlog', index: IMA_PCR, events }];
  return {
    name: 'tpm',
    prepare: async () => ({
      collateral: [{ type: 'TPM Evidence', certs: [certificate], artifacts }],
      measure: async (nonce) => {
        const evidence = quote(nonce, value);
        const raw = sign('sha256', evidence, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
        const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
        const signature = encodeTpmtSignature({ scheme: 'ECDSA', hash: 'SHA-256', r, s });
        return [{ type: 'TPM Evidence', evidence, signature }];
      },
    }),
  };
}

/** TPMS_ATTEST of PCR 10 (TPM 2.0 Library, Part 2, section 10.12.12). */
function quote(nonce: Uint8Array, value: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u32(0xff544347)
    .u16(0x8018)
    .sized16(concatBytes(Uint8Array.of(0, 0x0b), new Uint8Array(32)))
    .sized16(nonce)
    .u64(1000n)
    .u32(1)
    .u32(0)
    .u8(1)
    .u64(1n)
    .bytes(encodeTpmlPcrSelection([{ bank: 'SHA-256', pcrs: [IMA_PCR] }]))
    .sized16(sha256(value))
    .finish();
}

function metadataOf(components: readonly Component[]): readonly Metadata[] {
  const now = Date.now();
  const common = {
    version: new Date(now).toISOString(),
    validity: {
      notBefore: new Date(now - DAY_MS).toISOString(),
      notAfter: new Date(now + DAY_MS).toISOString(),
    },
  };
  const description = { type: 'Manifest Description', name: 'os.description', manifest: 'os' };
  return [
    { type: 'Image Description', name: 'image', ...common, descriptions: [description] },
    {
      type: 'Manifest',
      name: 'os',
      ...common,
      baseLayers: ['os'],
      certLevel: 3,
      sbom: { bomFormat: 'CycloneDX', specVersion: '1.7', components },
    },
  ];
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
