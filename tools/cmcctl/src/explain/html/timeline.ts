import type { AttestationResult } from '@cmc/attestationreport';
import { itemTitle, metadataItems, nameText, signaturesOf } from '../result-parts.ts';
import { type Html, html } from './html.ts';

const DAY_MS = 86_400_000;
const SHOWN_DAYS = 400;
const MAX_PERIODS = 100;
const WIDTH = 1000;
const ROW_HEIGHT = 22;
const LABEL_WIDTH = 300;
const MAX_LABEL = 40;

interface Period {
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** When metadata and certificates are valid, and when the report was verified. */
export function timelineSection(result: AttestationResult): Html {
  const created = Date.parse(result.created ?? '');
  const periods = periodsOf(result).slice(0, MAX_PERIODS);
  return html`<section id="timeline" aria-labelledby="h-timeline">
<h2 id="h-timeline">Timeline</h2>
${Number.isNaN(created) || periods.length === 0 ? html`` : picture(periods, created)}
<table><caption>Verified ${isoText(created)}</caption>
<thead><tr><th scope="col">What</th><th scope="col">Valid from</th><th scope="col">Valid until</th><th scope="col">State then</th></tr></thead>
<tbody>${periods.map(
    ({ label, from, to }) =>
      html`<tr><th scope="row"><bdi>${label}</bdi></th><td>${isoText(from)}</td><td>${isoText(to)}</td><td>${stateAt(created, from, to)}</td></tr>
`,
  )}</tbody></table>
</section>`;
}

function periodsOf(result: AttestationResult): readonly Period[] {
  const items = metadataItems(result).flatMap((item): readonly Period[] => {
    const { validity } = item;
    if (validity === undefined) return [];
    return [
      {
        label: itemTitle(item),
        from: Date.parse(validity.notBefore),
        to: Date.parse(validity.notAfter),
      },
    ];
  });
  const certificates = signaturesOf(result)
    .flatMap(({ signature }) => (signature.certs ?? []).flatMap((chain) => chain ?? []))
    .map(({ subject, validity }) => ({
      label: `Certificate ${nameText(subject)}`,
      from: goTime(validity.notBefore),
      to: goTime(validity.notAfter),
    }));
  const unique = new Map(certificates.map((one) => [JSON.stringify(one), one]));
  return [...items, ...unique.values()];
}

/** Milliseconds since 1970 of `2006-01-02 15:04:05 +0000 UTC`. */
function goTime(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
}

function isoText(time: number): string {
  // Beyond this there is no date.
  return Math.abs(time) <= 8.64e15 ? `${new Date(time).toISOString().slice(0, 19)}Z` : 'unknown';
}

function stateAt(now: number, from: number, to: number): string {
  if (now < from) return 'not yet valid';
  return now > to ? 'expired' : 'valid';
}

/** For the eye only: the table says the same. */
function picture(periods: readonly Period[], now: number): Html {
  const start = now - SHOWN_DAYS * DAY_MS;
  const scale = (WIDTH - LABEL_WIDTH) / (2 * SHOWN_DAYS * DAY_MS);
  const x = (time: number): number =>
    Math.round(Math.min(Math.max((time - start) * scale, 0), WIDTH - LABEL_WIDTH)) + LABEL_WIDTH;
  const height = (periods.length + 1) * ROW_HEIGHT;
  const bars = periods.map(({ label, from, to }, i) => {
    const y = i * ROW_HEIGHT;
    const state = stateAt(now, from, to).replaceAll(' ', '-');
    const isBar = from <= to;
    const width = isBar ? Math.max(x(to) - x(from), 2) : 0;
    return html`<text x="${LABEL_WIDTH - 8}" y="${y + 15}" text-anchor="end">${shortened(label)}</text>${isBar ? html`<rect class="${state}" x="${x(from)}" y="${y + 4}" width="${width}" height="${ROW_HEIGHT - 8}"/>` : html``}
`;
  });
  return html`<svg viewBox="0 0 ${WIDTH} ${height}" aria-hidden="true" focusable="false">${bars}<line x1="${x(now)}" x2="${x(now)}" y1="0" y2="${height - ROW_HEIGHT}"/><text x="${x(now)}" y="${height - 6}" text-anchor="middle">verified</text></svg>`;
}

function shortened(label: string): string {
  return label.length <= MAX_LABEL ? label : `${label.slice(0, MAX_LABEL - 1)}…`;
}
