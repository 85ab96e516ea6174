import type { AttestationResult, DigestResult } from '@cmc/attestationreport';
import { findings } from '@cmc/attestationreport';
import { toHex } from '@cmc/bytes';
import { itemTitle, metadataItems, nameText, signaturesOf } from '../explain/result-parts.ts';
import { eventName } from './report-entries.ts';
import type { Entry } from './snapshot.ts';

/** What a verifier said about a report. */
export function resultEntries(result: AttestationResult): readonly Entry[] {
  const { summary, certLevel, measurements } = result;
  const verdict = (name: string, value: string): Entry => ({ section: 'verdict', name, value });
  return [
    verdict('status', summary.status),
    verdict('certification level', String(certLevel)),
    ...findings(result).map(({ id, text }) => verdict(`finding ${id}`, text)),
    ...(measurements ?? []).flatMap(({ type, artifacts = [] }) =>
      artifacts.map((artifact): Entry => {
        const { name = 'unnamed', index } = artifact;
        const anchor = type.replace(/ Result$/, '');
        return {
          section: 'events',
          name: eventName(anchor, index, name),
          value: stateOf(artifact),
        };
      }),
    ),
    ...metadataItems(result).map((item): Entry => {
      const {
        version = 'none',
        summary: { status },
      } = item;
      return { section: 'metadata', name: itemTitle(item), value: `version ${version}, ${status}` };
    }),
    ...certificateEntries(result),
    ...(measurements ?? []).flatMap(({ snpResult, tpmResult }) => [
      ...(snpResult === undefined ? [] : platformEntries('SNP', snpResult)),
      ...(tpmResult?.pcrMatch ?? []).map(({ index, digest, measured }): Entry => {
        const value = measured ?? (digest === undefined ? 'none' : toHex(digest));
        return { section: 'platform', name: `PCR ${index}`, value };
      }),
    ]),
  ];
}

function stateOf({ success, launched, digest, measured }: DigestResult): string {
  const states = launched ? ['unknown', 'as expected'] : ['missing', 'not measured, optional'];
  const hash = measured ?? (digest === undefined ? 'no hash' : toHex(digest));
  return `${states[Number(success)]}, ${hash}`;
}

function certificateEntries(result: AttestationResult): readonly Entry[] {
  const all = signaturesOf(result)
    .flatMap(({ signature }) => (signature.certs ?? []).flatMap((chain) => chain ?? []))
    .map(({ subject, serialNumber, validity }): Entry => {
      const value = `until ${validity.notAfter}, serial number ${serialNumber}`;
      return { section: 'certificates', name: nameText(subject), value };
    });
  return [...new Map(all.map((entry) => [JSON.stringify(entry), entry])).values()];
}

/** Every measured value in a part of a result, however deep. */
function platformEntries(name: string, part: object): readonly Entry[] {
  if ('measured' in part) {
    const { measured } = part;
    const value = Array.isArray(measured) ? measured.join('.') : String(measured);
    return [{ section: 'platform', name, value }];
  }
  return Object.entries(part).flatMap(([member, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? platformEntries(`${name} ${member}`, value)
      : [],
  );
}
