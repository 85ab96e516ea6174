import { explain, verify } from '@cmc/attestationreport';
import { inspectSnpReport } from '@cmc/attestationreport/snp';
import { parseCertificate } from '@cmc/attestationreport/x509';
import { fromBase64 } from '@cmc/bytes';

/** What the page is asked; bytes in base64. */
export interface SnpQuestion {
  readonly report: string;
  readonly certificates: readonly string[];
  /** RFC 3339. */
  readonly at: string;
}

/** What the page is asked about a whole report; bytes in base64. */
export interface ReportQuestion {
  readonly report: string;
  readonly nonce: string;
  readonly root: string;
  /** RFC 3339. */
  readonly at: string;
}

/** What the bundle offers to the page. */
export interface Page {
  inspectSnp(question: SnpQuestion): Promise<{ readonly verdict: string }>;
  /** Median of the milliseconds that a verification with a known chain takes. */
  timeSnp(question: SnpQuestion, runs: number): Promise<number>;
  verifyReport(question: ReportQuestion): Promise<{ readonly ok: boolean; readonly why: string }>;
}

const page: Page = {
  async inspectSnp({ report, certificates, at }) {
    const { verdict } = await inspectSnpReport(fromBase64(report), {
      certificates: certificates.map((der) => parseCertificate(fromBase64(der))),
      now: new Date(at),
    });
    return { verdict };
  },
  async timeSnp({ report, certificates, at }, runs) {
    const bytes = fromBase64(report);
    const chain = certificates.map((der) => parseCertificate(fromBase64(der)));
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      await inspectSnpReport(bytes, { certificates: chain, now: new Date(at) });
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? Number.NaN;
  },
  async verifyReport({ report, nonce, root, at }) {
    const { ok, result } = await verify(fromBase64(report), {
      nonce: fromBase64(nonce),
      metadataRoots: [parseCertificate(fromBase64(root))],
      now: new Date(at),
    });
    return { ok, why: explain(result).join('\n') };
  },
};

Object.assign(globalThis, { cmc: page });
