import type {
  AttestationResult,
  BooleanMatch,
  MeasurementResult,
  VersionCheck,
} from '@cmc/attestationreport';
import { toHex } from '@cmc/bytes';
import { type Html, html } from './html.ts';

interface Row {
  readonly name: string;
  readonly demanded: string;
  readonly measured: string;
  readonly success: boolean;
}

/** Firmware, TCB and policy of confidential VMs, registers of TPMs. */
export function platformSection({ measurements }: AttestationResult): Html {
  const tables = (measurements ?? []).flatMap((measurement) => {
    const rows = [...snpRows(measurement), ...tpmRows(measurement)];
    return rows.length === 0 ? [] : [table(measurement.type, rows)];
  });
  return html`<section id="platform" aria-labelledby="h-platform">
<h2 id="h-platform">Platform</h2>
${tables.length === 0 ? html`<p>The result says nothing about firmware, TCB or registers.</p>` : tables}
</section>`;
}

function table(caption: string, rows: readonly Row[]): Html {
  return html`<table><caption>${caption}</caption>
<thead><tr><th scope="col">What</th><th scope="col">Demanded</th><th scope="col">Measured</th><th scope="col">State</th></tr></thead>
<tbody>${rows.map(
    ({ name, demanded, measured, success }) =>
      html`<tr class="${success ? 'good' : 'bad'}"><th scope="row">${name}</th><td><code>${demanded}</code></td><td><code>${measured}</code></td><td>${success ? 'as demanded' : 'differs'}</td></tr>
`,
  )}</tbody></table>`;
}

function snpRows({ snpResult }: MeasurementResult): readonly Row[] {
  if (snpResult === undefined) return [];
  const { fwCheck, tcbCheck, policyCheck } = snpResult;
  const { fmc, bl, tee, snp, ucode } = tcbCheck;
  const { abi, smt, migration, debug, singleSocket } = policyCheck;
  return [
    version('Firmware', fwCheck),
    ...Object.entries({ fmc, bl, tee, snp, ucode }).map(([name, check]) =>
      version(`TCB ${name}`, check),
    ),
    version('Guest policy ABI', abi),
    ...Object.entries({ smt, migration, debug, singleSocket }).map(([name, check]) =>
      bit(`Guest policy ${name}`, check),
    ),
  ];
}

function version(name: string, { claimed, measured, success }: VersionCheck): Row {
  const dotted = (parts: readonly number[] | null): string => parts?.join('.') ?? '';
  return { name, demanded: `at least ${dotted(claimed)}`, measured: dotted(measured), success };
}

function bit(name: string, { claimed, measured, success }: BooleanMatch): Row {
  const word = (value: boolean): string => (value ? 'yes' : 'no');
  return { name, demanded: word(claimed), measured: word(measured), success };
}

function tpmRows({ tpmResult }: MeasurementResult): readonly Row[] {
  return (tpmResult?.pcrMatch ?? []).map(({ index, digest, measured, success }) => {
    const value = digest === undefined ? '' : toHex(digest);
    return { name: `PCR ${index}`, demanded: value, measured: measured ?? value, success };
  });
}
