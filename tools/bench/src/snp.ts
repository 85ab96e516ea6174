import { generateKeyPairSync, sign, verify as verifyNow } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appraiseSnp, parseSnpCertificate, parseSnpReport } from '@cmc/attestationreport/snp';
import { parsePemCertificates, verifyChain } from '@cmc/attestationreport/x509';
import { vectorsDir } from '@cmc/testkit';
import { atMost, type Figure, median, shown, timeEach } from './benchmark.ts';

const RUNS = 400;
const CASE = 'milan-v3-tav';
const AT = new Date('2026-03-07T01:04:33Z');
const WARM_RATIO = 1.25;
const COLD_MS = 4;

/** Verification of a genuine SEV-SNP report, compared with one bare P-384 verification. */
export async function snp(): Promise<readonly Figure[]> {
  const read = (path: string): Uint8Array =>
    new Uint8Array(readFileSync(join(vectorsDir(), ...path.split('/'))));
  const report = read(`snp/${CASE}/report.bin`);
  const chain = [
    parsePemCertificates(new TextDecoder().decode(read(`snp/${CASE}/vcek.pem`)))[0]?.raw,
    read('trust-anchors/amd/milan/ask.der'),
    read('trust-anchors/amd/milan/ark.der'),
  ].map((der) => der ?? new Uint8Array());
  const verifyAt = async (now: Date): Promise<void> => {
    const [leaf = new Uint8Array(), ...others] = chain;
    const certificates = [parseSnpCertificate(leaf), ...others.map(parseSnpCertificate)] as const;
    const appraisal = await appraiseSnp(parseSnpReport(report), certificates, { now });
    if (!appraisal.signed || appraisal.chain.chainProblem !== undefined) {
      throw new Error('the report was refused');
    }
  };

  const [first = 0] = await timeEach(1, () => verifyAt(AT));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const message = report.subarray(0, 0x2a0);
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha384', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const bare = async (): Promise<void> => {
    if (!verifyNow('sha384', message, key, signature)) throw new Error('P-384 does not verify');
  };
  const warm = (): Promise<void> => verifyAt(AT);
  await timeEach(RUNS, bare);
  await timeEach(RUNS, warm);
  const bareMs = median(await timeEach(RUNS, bare));
  const warmMs = median(await timeEach(RUNS, warm));
  const coldMs = median(await coldChains(chain));
  return [
    shown('one P-384 verification', bareMs, 'ms'),
    shown('SNP report, chain known', warmMs, 'ms'),
    atMost('  times one P-384 verification', warmMs / bareMs, 'x', WARM_RATIO),
    shown('first verification of the process', first, 'ms'),
    atMost('a chain that is not known costs, more', coldMs, 'ms', COLD_MS),
  ];
}

/** Milliseconds that the chain takes, each time asked in another way: with roots of others, too. */
async function coldChains(chain: readonly Uint8Array[]): Promise<readonly number[]> {
  const [leaf, ask, ark] = chain.map(parseSnpCertificate);
  const [genoa, turin] = ['genoa', 'turin'].map((name) =>
    parseSnpCertificate(
      new Uint8Array(readFileSync(join(vectorsDir(), 'trust-anchors', 'amd', name, 'ark.der'))),
    ),
  );
  if (!leaf || !ask || !ark || !genoa || !turin) throw new Error('certificates are missing');
  const questions = [
    [ark],
    [ark, genoa],
    [ark, turin],
    [genoa, ark],
    [turin, ark],
    [ark, genoa, turin],
    [ark, turin, genoa],
    [genoa, ark, turin],
    [genoa, turin, ark],
    [turin, ark, genoa],
    [turin, genoa, ark],
  ];
  const times: number[] = [];
  for (const roots of questions) {
    times.push(
      ...(await timeEach(1, async () => {
        const { ok } = await verifyChain({ leaf, intermediates: [ask], roots, now: AT });
        if (!ok) throw new Error('the chain was refused');
      })),
    );
  }
  return times.slice(1);
}
